// The kernel's random numbers, the same in every run: what is drawn from them only spreads tables
// and tells installations apart.
#include <string.h>
#include <sys/random.h>

ssize_t getrandom(void *buffer, size_t length, unsigned int flags)
{
	(void)flags;
	memset(buffer, 0x5a, length);
	return (ssize_t)length;
}
