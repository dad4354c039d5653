#include "zipf.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "mr_assert.h"

// Vose: cells below the mean are filled up from one above it, which may then fall below itself.
static void build(struct mr_zipf *zipf, double s, uint32_t *work)
{
	uint64_t count = zipf->count;
	double sum = 0;
	for (uint64_t i = 0; i < count; i++) {
		zipf->cells[i].keep = pow((double)(i + 1), -s);
		sum += zipf->cells[i].keep;
	}
	uint64_t small = 0;
	uint64_t large = count; // small ranks grow from the left, large ones from the right
	for (uint64_t i = 0; i < count; i++) {
		zipf->cells[i].keep *= (double)count / sum;
		zipf->cells[i].alias = (uint32_t)i;
		if (zipf->cells[i].keep < 1)
			work[small++] = (uint32_t)i;
		else
			work[--large] = (uint32_t)i;
	}
	while (small > 0 && large < count) {
		uint32_t poor = work[--small];
		uint32_t rich = work[large];
		zipf->cells[poor].alias = rich;
		zipf->cells[rich].keep -= 1 - zipf->cells[poor].keep;
		if (zipf->cells[rich].keep < 1) {
			large++;
			work[small++] = rich;
		}
	}
	while (large < count)
		zipf->cells[work[large++]].keep = 1;
	while (small > 0)
		zipf->cells[work[--small]].keep = 1; // rounding only
}

int mr_zipf_init(struct mr_zipf *zipf, uint64_t count, double s)
{
	*zipf = (struct mr_zipf){.count = count};
	if (count == 0 || count > MR_ZIPF_RANKS_MAX || !(s >= 0))
		return -EINVAL;
	if (s == 0)
		return 0;
	zipf->cells = calloc(count, sizeof(*zipf->cells));
	uint32_t *work = calloc(count, sizeof(*work));
	if (zipf->cells == NULL || work == NULL) {
		free(work);
		mr_zipf_fini(zipf);
		return -ENOMEM;
	}
	build(zipf, s, work);
	free(work);
	return 0;
}

void mr_zipf_fini(struct mr_zipf *zipf)
{
	free(zipf->cells);
	*zipf = (struct mr_zipf){0};
}

uint64_t mr_zipf_draw(const struct mr_zipf *zipf, struct mr_rng *rng)
{
	mr_assert(zipf->count > 0);
	uint64_t rank = mr_rng_below(rng, zipf->count);
	if (zipf->cells == NULL || mr_rng_unit(rng) < zipf->cells[rank].keep)
		return rank;
	return zipf->cells[rank].alias;
}
