// Writes docs/CONFIGURATION.md from the table of keys.
#include <stdio.h>

#include <millrace/exit_code.h>

#include "config_print.h"

int main(void)
{
	mr_config_print_page(stdout);
	return fflush(stdout) == 0 ? MR_EXIT_DONE : MR_EXIT_IO;
}
