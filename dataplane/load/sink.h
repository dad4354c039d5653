// `millrace-load sink`: returns an exit code.
#pragma once

int mr_sink_main(int argc, char **argv);
