#include "maker.h"

#include <string.h>

#include "mr_assert.h"
#include "ring.h"

struct slot {
	struct mr_maker_request request; // written by the writer before its push
	struct mr_maker_answer answer; // written by the maker before its push
};

// A slot goes round with its descriptor: to the maker, back with the answer, then it is free.
struct mr_maker {
	const struct mr_disk *disk;
	struct mr_ring *requests; // of slot numbers
	struct mr_ring *answers;
	struct slot *slots; // MR_MAKER_REQUESTS_MAX
	uint64_t asked; // the writer's, like the next
	uint64_t answered;
};

static_assert((MR_MAKER_REQUESTS_MAX & (MR_MAKER_REQUESTS_MAX - 1)) == 0, "slots are a ring");

struct mr_maker *mr_maker_new(struct mr_arena *arena, const struct mr_disk *disk)
{
	struct mr_maker *maker = mr_arena_array(arena, "journal maker", struct mr_maker, 1);
	struct slot *slots =
		mr_arena_array(arena, "journal maker", struct slot, MR_MAKER_REQUESTS_MAX);
	struct mr_ring *requests = mr_ring_new(arena, "journal maker", MR_MAKER_REQUESTS_MAX);
	struct mr_ring *answers = mr_ring_new(arena, "journal maker", MR_MAKER_REQUESTS_MAX);
	if (maker == NULL || slots == NULL || requests == NULL || answers == NULL)
		return NULL;
	*maker = (struct mr_maker){
		.disk = disk, .requests = requests, .answers = answers, .slots = slots};
	return maker;
}

bool mr_maker_ask(struct mr_maker *maker, const struct mr_maker_request *request)
{
	mr_assert(memchr(request->name, 0, sizeof(request->name)) != NULL);
	mr_assert(memchr(request->to, 0, sizeof(request->to)) != NULL);
	if (maker->asked - maker->answered == MR_MAKER_REQUESTS_MAX)
		return false;
	uint64_t slot = maker->asked++ % MR_MAKER_REQUESTS_MAX;
	maker->slots[slot].request = *request;
	bool pushed = mr_ring_push(maker->requests, (struct mr_desc){{slot}});
	mr_assert(pushed); // the ring has room for all slots
	return true;
}

bool mr_maker_answered(struct mr_maker *maker, struct mr_maker_answer *ret_answer)
{
	struct mr_desc desc;
	if (mr_ring_pop_burst(maker->answers, &desc, 1) == 0)
		return false;
	mr_assert(desc.word[0] == maker->answered % MR_MAKER_REQUESTS_MAX);
	*ret_answer = maker->slots[desc.word[0]].answer;
	maker->answered++;
	return true;
}

static int make(const struct mr_disk *disk, const char *name, uint64_t bytes)
{
	int fd = disk->open(disk->state, name, MR_DISK_WRITE | MR_DISK_CREATE);
	if (fd < 0)
		return fd;
	int r = disk->make_zeroed(disk->state, fd, bytes);
	if (r == 0)
		r = disk->sync_directory(disk->state);
	if (r == 0)
		return fd;
	disk->close(disk->state, fd);
	// What cannot be removed either is in the way of the next one, who is told.
	(void)disk->remove(disk->state, name);
	return r;
}

static int rename_durably(const struct mr_disk *disk, const char *from, const char *to)
{
	int r = disk->rename(disk->state, from, to);
	return r < 0 ? r : disk->sync_directory(disk->state);
}

static int remove_durably(const struct mr_disk *disk, const char *name, int fd)
{
	if (fd >= 0)
		disk->close(disk->state, fd);
	int r = disk->remove(disk->state, name);
	return r < 0 ? r : disk->sync_directory(disk->state);
}

static struct mr_maker_answer serve(
	const struct mr_disk *disk, const struct mr_maker_request *request)
{
	struct mr_maker_answer answer = {.kind = request->kind, .tag = request->tag};

	switch (request->kind) {
	case MR_MAKER_MAKE:
		answer.result = make(disk, request->name, request->bytes);
		break;
	case MR_MAKER_RENAME:
		answer.result = rename_durably(disk, request->name, request->to);
		break;
	case MR_MAKER_REMOVE:
		answer.result = remove_durably(disk, request->name, request->fd);
		break;
	}
	return answer;
}

bool mr_maker_serve(struct mr_maker *maker)
{
	struct mr_desc desc;
	bool any = false;

	while (mr_ring_pop_burst(maker->requests, &desc, 1) == 1) {
		mr_assert(desc.word[0] < MR_MAKER_REQUESTS_MAX);
		struct slot *slot = &maker->slots[desc.word[0]];
		slot->answer = serve(maker->disk, &slot->request);
		bool pushed = mr_ring_push(maker->answers, desc);
		mr_assert(pushed); // as many as slots
		any = true;
	}
	return any;
}
