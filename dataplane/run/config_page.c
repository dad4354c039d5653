// Writes docs/CONFIGURATION.md from the table of keys.
#include <stdio.h>

#include <millrace/exit_code.h>

#include "config_print.h"
#include "config_table.h"

static const char intro[] =
	"<!-- Generated from dataplane/run/config_table.c: `ninja -C build update-configuration-page`. -->\n"
	"# Configuration\n\n"
	"`millraced --config FILE` reads YAML. `millraced --print-config` prints every default as such a file;\n"
	"`millraced --check-config` reads a file, prints all mistakes at once and the memory plan, and starts nothing.\n\n"
	"- A dot in a key may be written as a nested map (`port: {mtu: 9000}`) or as it is (`port.mtu: 9000`).\n"
	"- Stronger wins: flag (`--set port.mtu=9000`), environment (`MILLRACE_PORT_MTU=9000`), file, default.\n"
	"- Counts take k, M, G (decimal); bytes KiB, MiB, GiB, TiB or kB, MB, GB; durations ns, us, ms, s, min, h, d.\n"
	"- Unknown keys, keys given twice and blank values are mistakes. A wrong configuration exits with 78.\n"
	"- SIGHUP reads the file again. When it is wrong, the old configuration stays and the mistakes are logged. Keys\n"
	"  marked yes change at once, as do `apps` and `webhooks`; a change of any other key is named in the log and\n"
	"  waits for a restart.\n"
	"- Totals are of the whole router and are divided among its stages. The plan must fit half of the memory\n"
	"  that is available at start.\n\n## Keys\n\n";

int main(void)
{
	mr_config_print_page(stdout, &mr_config_schema, intro);
	return fflush(stdout) == 0 ? MR_EXIT_DONE : MR_EXIT_IO;
}
