// The tables of the store, as steps from one version to the next. A step that was released never
// changes: append.
#pragma once

extern const char *const mr_store_steps[]; // step n makes version n + 1 from version n
extern const int mr_store_steps_count;
