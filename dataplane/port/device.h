// Port devices as the configuration names them: a DPDK virtual device with its arguments
// ("net_memif0,role=server,...") or a PCI address. Reads the text and the host, never the EAL.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct mr_device {
	const char *text; // as configured, not copied
	char name[64]; // of the port: "net_memif0", "0000:03:00.0"
	char driver[32]; // "net_memif"; empty for PCI
	bool pci;
};

// 0, or -EINVAL with a sentence.
int mr_device_parse(const char *text, struct mr_device *ret_device, char *ret_why, size_t why_size);
// Value of `key` among the arguments; false when it is not there or does not fit.
bool mr_device_argument(
	const struct mr_device *device, const char *key, char *ret_value, size_t value_size);
// Path of the plugin `name` ("net_memif", "mempool_ring"); false when it is not where this DPDK
// expects it.
bool mr_device_plugin(const char *name, char *ret_path, size_t path_size);
// A memif server cannot start on a socket that a dead one has left behind: removes the file when
// nobody listens. 0, or negative errno with a sentence when somebody does.
int mr_device_clear_socket(const struct mr_device *device, char *ret_why, size_t why_size);
