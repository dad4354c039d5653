// `millrace-load send`: returns an exit code.
#pragma once

int mr_send_main(int argc, char **argv);
