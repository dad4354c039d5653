// Exit codes of every program of the project. systemd must not restart 2, 65, 77 and 78.
#pragma once

enum mr_exit_code {
	MR_EXIT_DONE = 0,
	MR_EXIT_FAILED = 1,
	MR_EXIT_USAGE = 2,
	MR_EXIT_JOURNAL_CORRUPT = 65, // names file and offset
	MR_EXIT_IO = 74, // input or output error
	MR_EXIT_NOT_PERMITTED = 77, // tests: skipped
	MR_EXIT_CONFIG = 78,
};
