/* Requests to valgrind's callgrind, for ctypes: see counted.py. Outside of valgrind they do nothing. */
#include <valgrind/callgrind.h>

void start(void) { CALLGRIND_START_INSTRUMENTATION; }

void stop(void) { CALLGRIND_STOP_INSTRUMENTATION; }

void dump(const char *name) { CALLGRIND_DUMP_STATS_AT(name); }
