// An nbdkit plugin: a disk with a volatile write cache whose power can be cut. What a write leaves
// is in the cache; a flush, or a write with FUA, makes it stable. When the power is cut, each
// 512-byte sector that is not stable is kept or lost at random, and until the power is back every
// read and write fails.
//
//   nbdkit ./powercut.so bytes=64M control=DIRECTORY seed=7
//
// Files in the control directory, looked at before every request:
//   cut_at    number n, made by the test: the n-th write from now on is the last one (it is in the
//             cache when the power goes); 0: the power goes at once. Taken away when it was read
//   power_up  made by the test: the power is back; taken away
//   failing   while it is there, every write and flush fails, and what they say stays as it was
//   log       a line per cut: sectors kept and lost, flushes so far
#define NBDKIT_API_VERSION 2
#include <errno.h>
#include <inttypes.h>
#include <nbdkit-plugin.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THREAD_MODEL NBDKIT_THREAD_MODEL_SERIALIZE_ALL_REQUESTS

enum { SECTOR_BYTES = 512, PATH_BYTES = 4096 };

static struct {
	uint8_t *stable;
	uint8_t *cache; // what a read sees
	bool *dirty; // by sector: the cache differs from what is stable, perhaps
	uint64_t bytes;
	const char *control;
	uint64_t random;
	uint64_t writes_left; // until the power goes; UINT64_MAX: none is awaited
	uint64_t flushes;
	bool is_off;
} disk = {.bytes = 64 << 20, .control = ".", .random = 1, .writes_left = UINT64_MAX};

// xorshift64*
static uint64_t draw(void)
{
	disk.random ^= disk.random >> 12;
	disk.random ^= disk.random << 25;
	disk.random ^= disk.random >> 27;
	return disk.random * UINT64_C(2685821657736338717);
}

static int configure(const char *key, const char *value)
{
	if (strcmp(key, "control") == 0) {
		disk.control = nbdkit_realpath(value);
		return disk.control != NULL ? 0 : -1;
	}
	if (strcmp(key, "seed") == 0) {
		disk.random = strtoull(value, NULL, 10) * 2 + 1;
		return 0;
	}
	if (strcmp(key, "bytes") == 0) {
		int64_t bytes = nbdkit_parse_size(value);
		disk.bytes = bytes > 0 ? (uint64_t)bytes : 0;
		return bytes > 0 && disk.bytes % SECTOR_BYTES == 0 ? 0 : -1;
	}
	nbdkit_error("there is no parameter '%s'", key);
	return -1;
}

static int get_ready(void)
{
	disk.stable = calloc(1, disk.bytes);
	disk.cache = calloc(1, disk.bytes);
	disk.dirty = calloc(disk.bytes / SECTOR_BYTES, sizeof(*disk.dirty));
	return disk.stable != NULL && disk.cache != NULL && disk.dirty != NULL ? 0 : -1;
}

static void unload(void)
{
	free(disk.stable);
	free(disk.cache);
	free(disk.dirty);
}

static const char *control_path(const char *name)
{
	static char path[PATH_BYTES];
	snprintf(path, sizeof(path), "%s/%s", disk.control, name);
	return path;
}

static void cut_power(void)
{
	uint64_t kept = 0;
	uint64_t lost = 0;
	for (uint64_t sector = 0; sector < disk.bytes / SECTOR_BYTES; sector++) {
		uint8_t *stable = disk.stable + sector * SECTOR_BYTES;
		if (!disk.dirty[sector])
			continue;
		bool keep = draw() >> 63 != 0;
		if (keep)
			memcpy(stable, disk.cache + sector * SECTOR_BYTES, SECTOR_BYTES);
		disk.dirty[sector] = false;
		kept += keep;
		lost += !keep;
	}
	disk.is_off = true;
	disk.writes_left = UINT64_MAX;
	FILE *log = fopen(control_path("log"), "ae");
	if (log == NULL)
		return;
	fprintf(log,
		"cut: %" PRIu64 " sectors kept, %" PRIu64 " lost, %" PRIu64 " flushes before\n",
		kept, lost, disk.flushes);
	fclose(log);
}

static void look_at_controls(void)
{
	FILE *cut = fopen(control_path("cut_at"), "re");
	uint64_t writes;
	if (cut != NULL && fscanf(cut, "%" SCNu64, &writes) == 1) {
		unlink(control_path("cut_at"));
		disk.writes_left = writes;
	}
	if (cut != NULL)
		fclose(cut);
	if (disk.writes_left == 0 && !disk.is_off)
		cut_power();
	if (unlink(control_path("power_up")) == 0) {
		memcpy(disk.cache, disk.stable, disk.bytes);
		disk.is_off = false;
	}
}

// Whether the device answers at all; writes have their own ways to fail.
static bool answers(bool is_write)
{
	look_at_controls();
	if (!disk.is_off && !(is_write && access(control_path("failing"), F_OK) == 0))
		return true;
	nbdkit_set_error(EIO);
	return false;
}

static void *open_disk(int readonly)
{
	(void)readonly;
	return NBDKIT_HANDLE_NOT_NEEDED;
}

static int64_t get_size(void *handle)
{
	(void)handle;
	return (int64_t)disk.bytes;
}

static int is_able(void *handle)
{
	(void)handle;
	return 1;
}

static int can_fua(void *handle)
{
	(void)handle;
	return NBDKIT_FUA_NATIVE;
}

static int read_disk(void *handle, void *ret_bytes, uint32_t count, uint64_t offset, uint32_t flags)
{
	(void)handle;
	(void)flags;
	if (!answers(false))
		return -1;
	memcpy(ret_bytes, disk.cache + offset, count);
	return 0;
}

static void make_stable(uint64_t first, uint64_t end)
{
	for (uint64_t sector = first; sector < end; sector++) {
		if (disk.dirty[sector])
			memcpy(disk.stable + sector * SECTOR_BYTES,
				disk.cache + sector * SECTOR_BYTES, SECTOR_BYTES);
		disk.dirty[sector] = false;
	}
}

static int write_disk(
	void *handle, const void *bytes, uint32_t count, uint64_t offset, uint32_t flags)
{
	uint64_t first = offset / SECTOR_BYTES;
	uint64_t end = (offset + count + SECTOR_BYTES - 1) / SECTOR_BYTES;
	(void)handle;
	if (!answers(true))
		return -1;
	memcpy(disk.cache + offset, bytes, count);
	for (uint64_t sector = first; sector < end; sector++)
		disk.dirty[sector] = true;
	if (disk.writes_left != UINT64_MAX && --disk.writes_left == 0) {
		cut_power();
		nbdkit_set_error(EIO);
		return -1;
	}
	if ((flags & NBDKIT_FLAG_FUA) != 0)
		make_stable(first, end);
	return 0;
}

static int flush_disk(void *handle, uint32_t flags)
{
	(void)handle;
	(void)flags;
	if (!answers(true))
		return -1;
	disk.flushes++;
	make_stable(0, disk.bytes / SECTOR_BYTES);
	return 0;
}

static struct nbdkit_plugin plugin = {
	.name = "powercut",
	.description = "a disk whose power can be cut",
	.config = configure,
	.get_ready = get_ready,
	.unload = unload,
	.open = open_disk,
	.get_size = get_size,
	.pread = read_disk,
	.pwrite = write_disk,
	.flush = flush_disk,
	.can_flush = is_able,
	.can_fua = can_fua,
};

// What nbdkit looks up; its macro declares no prototype.
struct nbdkit_plugin *plugin_init(void);
NBDKIT_REGISTER_PLUGIN(plugin)
