#include "notifier.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

enum { WATCHDOG = MR_ALERT_ID_COUNT, SLOTS };

struct slot {
	struct mr_notice notice; // body NULL: nothing to tell
	uint64_t number; // of the notice, over all slots: the smallest is told first
};

struct post { // one receiver
	struct mr_notifier *notifier;
	const struct mr_receiver *receiver;
	pthread_t thread;
	pthread_cond_t wake;
	struct slot slots[SLOTS];
	uint64_t sent, failed;
	uint64_t reached[MR_ALERT_ID_COUNT];
	char why[MR_RECEIVER_WHY_BYTES];
};

struct mr_notifier {
	const struct mr_notifier_settings *settings;
	pthread_mutex_t lock; // of everything below
	atomic_bool stop;
	uint64_t numbers;
	uint64_t told_ns[SLOTS]; // when the notice was last put up
	uint32_t posts_count;
	struct post posts[MR_RECEIVERS_MAX];
};

// The next to be told; NULL: none.
static struct slot *next_slot(struct post *post)
{
	struct slot *next = NULL;

	for (uint32_t i = 0; i < SLOTS; i++) {
		if (post->slots[i].notice.body && (!next || post->slots[i].number < next->number))
			next = &post->slots[i];
	}
	return next;
}

// Until something is to be done, or `pause_ns` are over. With the lock.
static void nap(struct post *post, uint64_t pause_ns)
{
	struct timespec until;

	if (pause_ns == 0) {
		pthread_cond_wait(&post->wake, &post->notifier->lock);
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(pause_ns / 1000000000);
	until.tv_nsec += (long)(pause_ns % 1000000000);
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	while (!atomic_load(&post->notifier->stop)
		&& pthread_cond_timedwait(&post->wake, &post->notifier->lock, &until) == 0)
		continue; // a newer notice does not shorten the pause
}

// With the lock, which is let go while the receiver is told. False: it failed.
static bool tell(struct post *post, struct slot *slot)
{
	struct mr_notifier *notifier = post->notifier;
	const uint64_t number = slot->number;
	const uint32_t index = (uint32_t)(slot - post->slots);
	struct mr_notice notice;
	char why[MR_RECEIVER_WHY_BYTES] = "no memory";
	int r = mr_notice_copy(&slot->notice, &notice);

	if (r == 0) {
		pthread_mutex_unlock(&notifier->lock);
		r = mr_receiver_tell(post->receiver, &notice, &notifier->stop, why);
		pthread_mutex_lock(&notifier->lock);
		mr_notice_free(&notice);
	}
	memcpy(post->why, r == 0 ? "" : why, r == 0 ? 1 : sizeof(why));
	if (r < 0) {
		post->failed++;
		return false;
	}
	post->sent++;
	if (index < MR_ALERT_ID_COUNT && notice.firing)
		post->reached[index]++;
	if (slot->number == number)
		mr_notice_free(&slot->notice);
	return true;
}

static void *run(void *context)
{
	struct post *post = context;
	struct mr_notifier *notifier = post->notifier;
	const struct mr_notifier_settings *settings = notifier->settings;
	uint64_t pause_ns = settings->retry_ns;

	pthread_mutex_lock(&notifier->lock);
	while (!atomic_load(&notifier->stop)) {
		struct slot *slot = next_slot(post);

		if (!slot) {
			nap(post, 0);
		} else if (tell(post, slot)) {
			pause_ns = settings->retry_ns;
		} else {
			nap(post, pause_ns);
			pause_ns = pause_ns * 2 < settings->retry_max_ns ? pause_ns * 2
									 : settings->retry_max_ns;
		}
	}
	pthread_mutex_unlock(&notifier->lock);
	return NULL;
}

static int start_post(struct mr_notifier *notifier, const struct mr_receiver *receiver)
{
	struct post *post = &notifier->posts[notifier->posts_count];
	pthread_condattr_t attributes;

	post->notifier = notifier;
	post->receiver = receiver;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&post->wake, &attributes);
	pthread_condattr_destroy(&attributes);
	const int r = -pthread_create(&post->thread, NULL, run, post);

	if (r < 0)
		pthread_cond_destroy(&post->wake);
	else
		notifier->posts_count++;
	return r;
}

int mr_notifier_start(
	struct mr_notifier **ret_notifier, const struct mr_notifier_settings *settings)
{
	struct mr_notifier *notifier = calloc(1, sizeof(*notifier));
	int r = 0;

	if (!notifier)
		return -ENOMEM;
	curl_global_init(CURL_GLOBAL_DEFAULT);
	openlog("millrace-controld", LOG_PID, LOG_DAEMON);
	notifier->settings = settings;
	pthread_mutex_init(&notifier->lock, NULL);
	for (uint32_t i = 0; r == 0 && i < settings->receivers_count; i++)
		r = start_post(notifier, &settings->receivers[i]);
	if (r < 0) {
		mr_notifier_stop(notifier);
		return r;
	}
	*ret_notifier = notifier;
	return 0;
}

void mr_notifier_stop(struct mr_notifier *notifier)
{
	if (!notifier)
		return;
	atomic_store(&notifier->stop, true);
	pthread_mutex_lock(&notifier->lock);
	for (uint32_t i = 0; i < notifier->posts_count; i++)
		pthread_cond_signal(&notifier->posts[i].wake);
	pthread_mutex_unlock(&notifier->lock);
	for (uint32_t i = 0; i < notifier->posts_count; i++) {
		struct post *post = &notifier->posts[i];

		pthread_join(post->thread, NULL);
		pthread_cond_destroy(&post->wake);
		for (uint32_t k = 0; k < SLOTS; k++)
			mr_notice_free(&post->slots[k].notice);
	}
	pthread_mutex_destroy(&notifier->lock);
	closelog();
	curl_global_cleanup();
	free(notifier);
}

// Takes the notice. With the lock.
static void put_up(
	struct mr_notifier *notifier, uint32_t index, struct mr_notice *notice, uint64_t now_ns)
{
	notifier->told_ns[index] = now_ns;
	for (uint32_t i = 0; i < notifier->posts_count; i++) {
		struct post *post = &notifier->posts[i];
		struct mr_notice copy;

		if ((index == WATCHDOG && !post->receiver->heartbeat)
			|| mr_notice_copy(notice, &copy) < 0)
			continue; // without memory it comes with the next repetition
		mr_notice_free(&post->slots[index].notice);
		post->slots[index].notice = copy;
		post->slots[index].number = ++notifier->numbers;
		pthread_cond_signal(&post->wake);
	}
	mr_notice_free(notice);
}

static bool is_due(
	const struct mr_notifier *notifier, uint32_t index, uint64_t every_ns, uint64_t now_ns)
{
	return now_ns - notifier->told_ns[index] >= every_ns;
}

void mr_notifier_look(struct mr_notifier *notifier, const struct mr_alerts *alerts,
	uint32_t changed, uint32_t drills, const struct mr_facts *facts)
{
	const struct mr_notifier_settings *settings = notifier->settings;
	struct mr_notice notice;

	pthread_mutex_lock(&notifier->lock);
	for (uint32_t i = 0; i < MR_ALERT_ID_COUNT; i++) {
		const struct mr_alert *alert = &alerts->alerts[i];
		const bool again = alert->state == MR_ALERT_FIRING
			&& is_due(notifier, i, settings->repeat_ns, facts->now_ns);

		if (!(changed >> i & 1) && !again)
			continue;
		if (mr_notice_new(&settings->place, (enum mr_alert_id)i, alert,
			    (drills >> i & 1) != 0, facts->wall_ns, &notice)
			== 0)
			put_up(notifier, i, &notice, facts->now_ns);
	}
	if ((notifier->told_ns[WATCHDOG] == 0
		    || is_due(notifier, WATCHDOG, settings->heartbeat_ns, facts->now_ns))
		&& mr_notice_watchdog(&settings->place, facts->wall_ns, &notice) == 0)
		put_up(notifier, WATCHDOG, &notice, facts->now_ns);
	pthread_mutex_unlock(&notifier->lock);
}

uint64_t mr_notifier_reached(struct mr_notifier *notifier, enum mr_alert_id id)
{
	uint64_t reached = 0;

	pthread_mutex_lock(&notifier->lock);
	for (uint32_t i = 0; i < notifier->posts_count; i++)
		reached += notifier->posts[i].reached[id];
	pthread_mutex_unlock(&notifier->lock);
	return reached;
}

bool mr_notifier_report(
	struct mr_notifier *notifier, uint32_t index, struct mr_receiver_report *ret_report)
{
	const struct post *post = &notifier->posts[index];

	if (index >= notifier->posts_count)
		return false;
	*ret_report = (struct mr_receiver_report){.receiver = post->receiver};
	pthread_mutex_lock(&notifier->lock);
	ret_report->sent = post->sent;
	ret_report->failed = post->failed;
	for (uint32_t i = 0; i < SLOTS; i++)
		ret_report->waiting += post->slots[i].notice.body != NULL;
	memcpy(ret_report->why, post->why, sizeof(ret_report->why));
	pthread_mutex_unlock(&notifier->lock);
	return true;
}
