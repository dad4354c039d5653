#include "bench.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double wall_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

double mr_bench_quantile(double *values, size_t count, double q)
{
	if (count == 0)
		return 0;
	qsort(values, count, sizeof(*values), compare);
	size_t at = (size_t)(q * (double)count);
	return values[at < count ? at : count - 1];
}

double mr_bench_median(double *values, size_t count)
{
	return mr_bench_quantile(values, count, 0.5);
}

unsigned mr_bench_cpus(void)
{
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return 1;
	return (unsigned)CPU_COUNT(&set);
}

int mr_bench_pin(unsigned cpu)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return -pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

double mr_bench_seconds(double usual)
{
	const char *scale = getenv("MILLRACE_BENCH_SCALE");
	double factor = scale != NULL ? strtod(scale, NULL) : 1;
	return factor > 0 ? usual * factor : usual;
}

void mr_bench_header(const char *title, const char *not_in_the_path)
{
	struct utsname host;
	uname(&host);
	printf("== %s\n   Linux %s, %u CPUs; not in the path: %s\n", title, host.release,
		mr_bench_cpus(), not_in_the_path);
}

void mr_bench_schedstat(pid_t pid, double *ret_cpu_s, double *ret_queued_s)
{
	char path[64];
	unsigned long long cpu_ns = 0, queued_ns = 0;
	snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)pid);
	FILE *file = fopen(path, "r");
	if (file != NULL && fscanf(file, "%llu %llu", &cpu_ns, &queued_ns) != 2)
		cpu_ns = queued_ns = 0;
	if (file != NULL)
		fclose(file);
	*ret_cpu_s = (double)cpu_ns * 1e-9;
	*ret_queued_s = (double)queued_ns * 1e-9;
}

int mr_bench_apart(int (*run)(void *state), void *state)
{
	int status;
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		int result = run(state);
		fflush(NULL);
		_exit(result);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status))
		return 1;
	return WEXITSTATUS(status);
}

void *mr_bench_shared(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return memory == MAP_FAILED ? NULL : memory;
}

struct pingpong {
	alignas(128) atomic_uint ball;
	alignas(128) atomic_bool stop;
};

static void *pong(void *arg)
{
	struct pingpong *game = arg;
	mr_bench_pin(0);
	while (!atomic_load_explicit(&game->stop, memory_order_relaxed)) {
		unsigned ball = atomic_load_explicit(&game->ball, memory_order_acquire);
		if (ball & 1)
			atomic_store_explicit(&game->ball, ball + 1, memory_order_release);
	}
	return NULL;
}

double mr_bench_pingpong_ns(void)
{
	enum { ROUNDS = 400, BATCHES = 25 };
	static struct pingpong game;
	if (mr_bench_cpus() < 2)
		return 0;
	cpu_set_t before;
	sched_getaffinity(0, sizeof(before), &before);
	atomic_store(&game.ball, 0);
	atomic_store(&game.stop, false);
	pthread_t thread;
	if (pthread_create(&thread, NULL, pong, &game) != 0)
		return 0;
	mr_bench_pin(1);
	double best = 1e9;
	for (int batch = 0; batch < BATCHES; batch++) {
		double start = wall_s();
		for (int i = 0; i < ROUNDS; i++) {
			unsigned ball = atomic_load_explicit(&game.ball, memory_order_relaxed);
			atomic_store_explicit(&game.ball, ball + 1, memory_order_release);
			while (atomic_load_explicit(&game.ball, memory_order_acquire) != ball + 2)
				;
		}
		double ns = (wall_s() - start) / ROUNDS / 2 * 1e9;
		best = ns < best ? ns : best;
	}
	atomic_store(&game.stop, true);
	pthread_join(thread, NULL);
	sched_setaffinity(0, sizeof(before), &before);
	return best;
}

// Two modes of a pair of virtual CPUs: sharing a cache (tens of ns) or not (over a hundred).
static bool is_near(double pingpong_ns)
{
	return pingpong_ns < 80;
}

struct columns {
	double rate[MR_BENCH_SAMPLES_MAX];
	double cpu_ns[MR_BENCH_SAMPLES_MAX];
};

static void print_row(const char *name, struct columns *columns, size_t count, const char *unit)
{
	printf("   %-44s %12.3f M %s/s   %9.1f CPU ns each\n", name,
		mr_bench_median(columns->rate, count) / 1e6, unit,
		mr_bench_median(columns->cpu_ns, count));
}

static void add_sample(struct columns *columns, size_t at, struct mr_sample sample)
{
	columns->rate[at] = sample.units / sample.wall_s;
	columns->cpu_ns[at] = sample.units > 0 ? sample.cpu_s * 1e9 / sample.units : 0;
}

static void print_mode(const struct mr_bench_pair *pair, struct columns *ours,
	struct columns *baseline, double *ratios, size_t count, const char *mode)
{
	static double by_cpu[MR_BENCH_SAMPLES_MAX];
	if (count == 0)
		return;
	for (size_t i = 0; i < count; i++)
		by_cpu[i] = ours->cpu_ns[i] > 0 ? baseline->cpu_ns[i] / ours->cpu_ns[i] : 0;
	print_row(pair->baseline, baseline, count, pair->unit);
	print_row(pair->name, ours, count, pair->unit);
	double low = mr_bench_quantile(ratios, count, 0),
	       high = mr_bench_quantile(ratios, count, 1);
	printf("   ratio %.3f (median of %zu pairs, %.3f to %.3f)%s, by CPU time %.3f%s%s\n",
		mr_bench_median(ratios, count), count, low, high, mode,
		mr_bench_median(by_cpu, count), pair->target != NULL ? "; target " : "",
		pair->target != NULL ? pair->target : "");
}

void mr_bench_pair(const struct mr_bench_pair *pair, unsigned pairs)
{
	static struct columns ours[2], baseline[2]; // [far, near]
	static double ratios[2][MR_BENCH_SAMPLES_MAX];
	size_t count[2] = {0, 0};
	unsigned mixed = 0;
	for (unsigned i = 0; i < pairs && i < MR_BENCH_SAMPLES_MAX; i++) {
		double before = pair->two_cpus ? mr_bench_pingpong_ns() : 0;
		struct mr_sample theirs = pair->run_baseline(pair->state);
		struct mr_sample mine = pair->run(pair->state);
		double after = pair->two_cpus ? mr_bench_pingpong_ns() : 0;
		if (is_near(before) != is_near(after)) {
			mixed++;
			continue;
		}
		int mode = is_near(before);
		add_sample(&baseline[mode], count[mode], theirs);
		add_sample(&ours[mode], count[mode], mine);
		ratios[mode][count[mode]] =
			ours[mode].rate[count[mode]] / baseline[mode].rate[count[mode]];
		count[mode]++;
	}
	print_mode(pair, &ours[1], &baseline[1], ratios[1], count[1],
		pair->two_cpus ? ", CPUs near" : "");
	print_mode(pair, &ours[0], &baseline[0], ratios[0], count[0], ", CPUs far");
	if (mixed > 0)
		printf("   %u pairs left out: the CPUs changed from near to far in the middle\n",
			mixed);
	fflush(stdout);
}
