#include "secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto.h"

enum { KEPT_PATH_BYTES = 512 };

static int why_not(int err, char *ret_why, size_t why_size, const char *path, const char *text)
{
	snprintf(ret_why, why_size, "%.200s %s", path, text);
	return err;
}

// Whether an open file may hold a secret; NULL: yes.
static const char *mode_mistake(int fd)
{
	struct stat status;
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
		return "is no regular file";
	if (status.st_uid != geteuid() && status.st_uid != 0)
		return "belongs to somebody else: a secret file must be ours or root's";
	if ((status.st_mode & 077) != 0)
		return "can be read by others: chmod 600 it";
	return NULL;
}

int mr_secret_read(const char *path, struct mr_secret *ret_secret, char *ret_why, size_t why_size)
{
	char bytes[MR_SECRET_BYTES_MAX + 2];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return why_not(-errno, ret_why, why_size, path, strerror(errno));
	const char *mistake = mode_mistake(fd);
	ssize_t length = mistake == NULL ? read(fd, bytes, sizeof(bytes)) : -1;
	close(fd);
	if (mistake != NULL)
		return why_not(-EPERM, ret_why, why_size, path, mistake);
	if (length < 0)
		return why_not(-EIO, ret_why, why_size, path, "cannot be read");
	if (length > 0 && bytes[length - 1] == '\n')
		length--;
	if (length == 0 || length > MR_SECRET_BYTES_MAX)
		return why_not(-EINVAL, ret_why, why_size, path, "must hold 1 to 128 characters");
	for (ssize_t i = 0; i < length; i++)
		if (bytes[i] <= ' ' || bytes[i] > '~')
			return why_not(-EINVAL, ret_why, why_size, path,
				"must hold printable ASCII without blanks");
	memcpy(ret_secret->bytes, bytes, (size_t)length);
	ret_secret->length = (uint16_t)length;
	explicit_bzero(bytes, sizeof(bytes));
	return 0;
}

static int kept_path(
	const char *state_dir, const char *name, const char *suffix, char ret_path[KEPT_PATH_BYTES])
{
	int length =
		snprintf(ret_path, KEPT_PATH_BYTES, "%s/secrets/%s%s", state_dir, name, suffix);
	return length < KEPT_PATH_BYTES ? 0 : -ENAMETOOLONG;
}

int mr_secret_read_kept(const char *state_dir, const char *name, struct mr_secret *ret_secret,
	char *ret_why, size_t why_size)
{
	char path[KEPT_PATH_BYTES];
	int err = kept_path(state_dir, name, "", path);
	if (err != 0)
		return why_not(err, ret_why, why_size, name, "is too long a name");
	return mr_secret_read(path, ret_secret, ret_why, why_size);
}

static int write_whole(int fd, const char *bytes, size_t length)
{
	ssize_t written = write(fd, bytes, length);
	if (written < 0)
		return -errno;
	if ((size_t)written != length)
		return -ENOSPC;
	return fsync(fd) == 0 ? 0 : -errno;
}

static int sync_directory(const char *state_dir)
{
	char path[KEPT_PATH_BYTES];
	int err = kept_path(state_dir, "", "", path);
	int fd = err == 0 ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (fd < 0)
		return err != 0 ? err : -errno;
	err = fsync(fd) == 0 ? 0 : -errno;
	close(fd);
	return err;
}

int mr_secret_keep(const char *state_dir, const char *name, const char *secret, size_t length)
{
	char path[KEPT_PATH_BYTES];
	char fresh[KEPT_PATH_BYTES];
	if (kept_path(state_dir, name, "", path) != 0
		|| kept_path(state_dir, name, ".new", fresh) != 0)
		return -ENAMETOOLONG;
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	int err = write_whole(fd, secret, length);
	close(fd);
	if (err == 0 && rename(fresh, path) != 0)
		err = -errno;
	if (err != 0) {
		unlink(fresh);
		return err;
	}
	return sync_directory(state_dir);
}

int mr_secret_prepare(const char *state_dir)
{
	char path[KEPT_PATH_BYTES];
	int err = kept_path(state_dir, "", "", path);
	if (err != 0)
		return err;
	if (mkdir(state_dir, 0700) != 0 && errno != EEXIST)
		return -errno;
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return -errno;
	return access(path, R_OK | W_OK | X_OK) == 0 ? 0 : -errno;
}

// -- The key that seals

static const char seal_key_name[] = ".seal-key"; // no webhook has it: names begin with no dot

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int decode_key(const struct mr_secret *secret, struct mr_seal_key *ret_key)
{
	if (secret->length != 2 * MR_SEAL_KEY_BYTES)
		return -EINVAL;
	for (size_t i = 0; i < MR_SEAL_KEY_BYTES; i++) {
		int high = hex_digit(secret->bytes[2 * i]);
		int low = hex_digit(secret->bytes[2 * i + 1]);
		if (high < 0 || low < 0)
			return -EINVAL;
		ret_key->bytes[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

static int make_key(const char *state_dir, struct mr_seal_key *ret_key)
{
	char hex[2 * MR_SEAL_KEY_BYTES];
	int err = mr_secret_prepare(state_dir);
	if (err == 0)
		err = mr_random_bytes(ret_key->bytes, sizeof(ret_key->bytes));
	if (err != 0)
		return err;
	mr_hex_encode(ret_key->bytes, sizeof(ret_key->bytes), hex);
	err = mr_secret_keep(state_dir, seal_key_name, hex, sizeof(hex));
	explicit_bzero(hex, sizeof(hex));
	return err;
}

int mr_secret_seal_key(const char *state_dir, bool may_make, struct mr_seal_key *ret_key,
	char *ret_why, size_t why_size)
{
	struct mr_secret secret;
	int err = mr_secret_read_kept(state_dir, seal_key_name, &secret, ret_why, why_size);
	if (err == 0) {
		err = decode_key(&secret, ret_key);
		explicit_bzero(&secret, sizeof(secret));
		return err == 0 ? 0
				: why_not(err, ret_why, why_size, seal_key_name,
					"must hold 64 hexadecimal digits");
	}
	if (err != -ENOENT || !may_make)
		return err;
	err = make_key(state_dir, ret_key);
	return err == 0 ? 0 : why_not(err, ret_why, why_size, state_dir, strerror(-err));
}
