#include "journal.h"

#include "mr_assert.h"

struct mr_journal {
	struct mr_stream *const *streams;
	uint32_t streams_count;
	struct mr_backend backend;
	struct mr_stats_stage *stats;
};

struct mr_journal *mr_journal_new(struct mr_arena *arena, const struct mr_journal_config *config)
{
	mr_assert(config->backend.commit != NULL);
	mr_assert(config->streams_count <= MR_STREAMS_MAX);

	struct mr_journal *journal = mr_arena_array(arena, "journal", struct mr_journal, 1);
	struct mr_stream **streams =
		mr_arena_array(arena, "journal", struct mr_stream *, config->streams_count);
	if (journal == NULL || streams == NULL)
		return NULL;
	for (uint32_t i = 0; i < config->streams_count; i++) {
		mr_assert(config->streams[i] != NULL);
		streams[i] = config->streams[i];
	}
	*journal = (struct mr_journal){
		.streams = streams,
		.streams_count = config->streams_count,
		.backend = config->backend,
		.stats = config->stats,
	};
	return journal;
}

void mr_journal_attach(struct mr_journal *journal, struct mr_net *net)
{
	if (journal->backend.attach != NULL)
		journal->backend.attach(journal->backend.state, net);
}

void mr_journal_detach(struct mr_journal *journal)
{
	if (journal->backend.detach != NULL)
		journal->backend.detach(journal->backend.state);
}

uint64_t mr_journal_next_due(void *journal)
{
	const struct mr_journal *self = journal;
	return self->backend.next_due == NULL ? UINT64_MAX
					      : self->backend.next_due(self->backend.state);
}

// One commit covers everything the streams have grown since the last one: the dearer a commit, the
// more it carries.
enum mr_poll mr_journal_step(void *journal, struct mr_now now, struct mr_budget budget)
{
	struct mr_journal *self = journal;

	(void)budget; // a commit is one piece of work
	uint64_t bytes =
		self->backend.commit(self->backend.state, self->streams, self->streams_count, now);
	if (bytes == 0)
		return MR_POLL_IDLE;
	mr_count(&self->stats->counters[MR_JOURNAL_COMMITS], 1);
	mr_count(&self->stats->counters[MR_JOURNAL_COMMIT_BYTES], bytes);
	return MR_POLL_BUSY;
}
