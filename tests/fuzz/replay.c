// Runs a fuzz target over the files of a folder: the corpus as a test for any compiler.
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

// False when the file cannot be read whole.
static bool replay(const char *path)
{
	FILE *file = fopen(path, "rb");
	if (file == NULL)
		return false;
	bool whole = false;
	long size = -1;
	if (fseek(file, 0, SEEK_END) == 0)
		size = ftell(file);
	if (size >= 0 && fseek(file, 0, SEEK_SET) == 0) {
		uint8_t *exact = malloc(size > 0 ? (size_t)size : 1);
		whole = exact != NULL && fread(exact, 1, (size_t)size, file) == (size_t)size;
		if (whole)
			(void)LLVMFuzzerTestOneInput(exact, (size_t)size);
		free(exact);
	}
	(void)fclose(file);
	return whole;
}

int main(int argc, char **argv)
{
	DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
	if (folder == NULL) {
		(void)fprintf(stderr, "usage: %s <folder of inputs>\n", argv[0]);
		return 2;
	}
	unsigned inputs = 0;
	bool ok = true;
	for (const struct dirent *entry = NULL; (entry = readdir(folder)) != NULL;) {
		char path[4096];
		if (entry->d_name[0] == '.')
			continue;
		int length = snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
		ok = length > 0 && (size_t)length < sizeof(path) && replay(path) && ok;
		inputs++;
	}
	(void)closedir(folder);
	(void)printf("%u inputs\n", inputs);
	return ok && inputs > 0 ? 0 : 1;
}
