/* Loaded before libfaketime by conditions.py. libfaketime 0.9.10 refuses to sleep until a moment of the
   monotonic clock (EINVAL) where that clock is left as it is; Python sleeps so. This asks the kernel. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

typedef int (*sleeping)(clockid_t, int, const struct timespec *, struct timespec *);

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *until, struct timespec *left) {
  if (clock != CLOCK_MONOTONIC)
    return ((sleeping)dlsym(RTLD_NEXT, "clock_nanosleep"))(clock, flags, until, left);
  return syscall(SYS_clock_nanosleep, clock, flags, until, left) == 0 ? 0 : errno;
}
