// Writes docs/METRICS.md from the list of metrics.
#include <stdio.h>

#include <millrace/exit_code.h>

#include "metrics.h"

int main(void)
{
	mr_metrics_page(stdout);
	return fflush(stdout) == 0 ? MR_EXIT_DONE : MR_EXIT_IO;
}
