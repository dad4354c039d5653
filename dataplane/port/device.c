#include "device.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <rte_config.h>

#include "mr_assert.h"

static bool is_hex(const char *text, size_t count)
{
	return strspn(text, "0123456789abcdefABCDEF") >= count;
}

// dddd:bb:ss.f
static bool is_pci(const char *text)
{
	return strlen(text) == 12 && is_hex(text, 4) && text[4] == ':' && is_hex(text + 5, 2)
		&& text[7] == ':' && is_hex(text + 8, 2) && text[10] == '.' && text[11] >= '0'
		&& text[11] <= '7';
}

int mr_device_parse(const char *text, struct mr_device *ret_device, char *ret_why, size_t why_size)
{
	struct mr_device device = {.text = text};
	size_t name = strcspn(text, ",");
	size_t driver = name;

	if (name >= sizeof(device.name)) {
		snprintf(ret_why, why_size, "the name of port device %s is too long", text);
		return -EINVAL;
	}
	memcpy(device.name, text, name);
	device.pci = is_pci(device.name);
	while (driver > 0 && text[driver - 1] >= '0' && text[driver - 1] <= '9')
		driver--;
	if (!device.pci) {
		if (strncmp(text, "net_", 4) != 0 || driver == name
			|| driver >= sizeof(device.driver)) {
			snprintf(ret_why, why_size,
				"port device %s is neither a PCI address (0000:03:00.0) nor a virtual device (net_memif0,...)",
				text);
			return -EINVAL;
		}
		memcpy(device.driver, text, driver);
	}
	*ret_device = device;
	return 0;
}

bool mr_device_argument(
	const struct mr_device *device, const char *key, char *ret_value, size_t value_size)
{
	size_t key_length = strlen(key);
	const char *at = strchr(device->text, ',');

	while (at != NULL) {
		at++;
		size_t length = strcspn(at, ",");
		if (length > key_length && strncmp(at, key, key_length) == 0
			&& at[key_length] == '=') {
			length -= key_length + 1;
			if (length >= value_size)
				return false;
			memcpy(ret_value, at + key_length + 1, length);
			ret_value[length] = '\0';
			return true;
		}
		at = strchr(at, ',');
	}
	return false;
}

// Plugins stand in ".../pmds-<version>" and end in that version.
bool mr_device_plugin(const char *name, char *ret_path, size_t path_size)
{
	static const char folder[] = RTE_EAL_PMD_PATH;
	const char *version = strstr(folder, "pmds-");

	if (version == NULL)
		return false;
	int length = snprintf(ret_path, path_size, "%s/librte_%s.so.%s", folder, name, version + 5);
	return length > 0 && (size_t)length < path_size && access(ret_path, R_OK) == 0;
}

// Whether the address belongs to a living process. Asks without becoming a connection, since memif
// servers have died of visitors that leave at once: a name in the file system refuses a socket of
// another type, an abstract name a second owner.
static bool somebody_serves(const char *path, bool abstract)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t at = abstract ? 1 : 0;

	mr_assert(strlen(path) + at < sizeof(address.sun_path));
	snprintf(address.sun_path + at, sizeof(address.sun_path) - at, "%s", path);
	int fd = socket(AF_UNIX, (abstract ? SOCK_SEQPACKET : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	const struct sockaddr *name = (const struct sockaddr *)&address;
	socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + at + strlen(path));
	int r = abstract ? bind(fd, name, length) : connect(fd, name, length);
	bool serves = r < 0 && errno == (abstract ? EADDRINUSE : EPROTOTYPE);
	close(fd);
	return serves;
}

int mr_device_clear_socket(const struct mr_device *device, char *ret_why, size_t why_size)
{
	char value[sizeof(((struct sockaddr_un *)0)->sun_path)] = "";
	char path[sizeof(value) - 1] = "/run/memif.sock";
	struct stat state;

	if (strcmp(device->driver, "net_memif") != 0
		|| !mr_device_argument(device, "role", value, sizeof(value))
		|| (strcmp(value, "server") != 0 && strcmp(value, "master") != 0))
		return 0;
	(void)mr_device_argument(device, "socket", path, sizeof(path));
	bool abstract = !mr_device_argument(device, "socket-abstract", value, sizeof(value))
		|| strcmp(value, "no") != 0;
	if (somebody_serves(path, abstract)) {
		snprintf(ret_why, why_size,
			"another process serves the memif socket %s: stop it, or give port.device another socket=",
			path);
		return -EADDRINUSE;
	}
	if (abstract || lstat(path, &state) < 0)
		return 0;
	if (!S_ISSOCK(state.st_mode)) {
		snprintf(ret_why, why_size,
			"%s is not a socket: remove it, or give port.device another socket=", path);
		return -EEXIST;
	}
	if (unlink(path) < 0) {
		int error = errno;
		snprintf(ret_why, why_size,
			"the memif socket %s of a dead process cannot be removed: %s", path,
			strerror(error));
		return -error;
	}
	return 0;
}
