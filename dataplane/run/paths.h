// Directories that the configuration names.
#pragma once

// Makes the directory that `path` stands in (0755) when it is missing, and says so in the log. What
// cannot be made is told by who needs it.
void mr_make_parent(const char *path);
