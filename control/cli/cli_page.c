// Writes the manual page (man) or docs/CLI.md (page) from the table of commands.
#include <stdio.h>
#include <string.h>

#include <millrace/exit_code.h>

#include "command_help.h"

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "man") == 0)
		mr_help_man(stdout);
	else if (argc == 2 && strcmp(argv[1], "page") == 0)
		mr_help_page(stdout);
	else
		return MR_EXIT_USAGE;
	return fflush(stdout) == 0 ? MR_EXIT_DONE : MR_EXIT_IO;
}
