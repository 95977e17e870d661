/* Makes a disk or the clock fail for a preloaded program: while the file named by FAILING_DISK holds lines "CALL PART", a call (sync, open, write) for a
   file whose path contains PART fails, sync with EIO, open with EMFILE, write with ENOSPC. A line "clock SECONDS" sets the wall clock forward by so much;
   it is heard within 20 ms. For torture and soak; test/simulation/disk.c knows single operations. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

typedef int (*open_call)(const char *, int, ...);
typedef int (*sync_call)(int);

static open_call real_open(void) {
  static open_call call;
  if (!call) call = (open_call)dlsym(RTLD_NEXT, "open64");
  return call;
}

static int control_lines(char *text, size_t size) {
  const char *control = getenv("FAILING_DISK");
  if (!control) return 0;
  int file = real_open()(control, O_RDONLY);
  if (file < 0) return 0;
  ssize_t length = read(file, text, size - 1);
  close(file);
  if (length <= 0) return 0;
  text[length] = 0;
  return 1;
}

static int fails(const char *call, const char *path) {
  char text[512];
  if (!path || !control_lines(text, sizeof text)) return 0;
  char *rest = NULL;
  for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
    char *part = strchr(line, ' ');
    if (!part) continue;
    *part++ = 0;
    if (strcmp(line, call) == 0 && strstr(path, part)) return 1;
  }
  return 0;
}

static int call_fails(const char *call, int file) {
  char link[64], path[512];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return fails(call, path);
}

static int sync_file(const char *name, int file) {
  if (call_fails("sync", file)) {
    errno = EIO;
    return -1;
  }
  return ((sync_call)dlsym(RTLD_NEXT, name))(file);
}

int fsync(int file) { return sync_file("fsync", file); }
int fdatasync(int file) { return sync_file("fdatasync", file); }

static int open_file(const char *path, int flags, mode_t mode) {
  if (fails("open", path)) {
    errno = EMFILE;
    return -1;
  }
  return real_open()(path, flags, mode);
}

#define OPEN(name)                                      \
  int name(const char *path, int flags, ...) {          \
    mode_t mode = 0;                                    \
    if (flags & (O_CREAT | O_TMPFILE)) {                \
      va_list rest;                                     \
      va_start(rest, flags);                            \
      mode = va_arg(rest, mode_t);                      \
      va_end(rest);                                     \
    }                                                   \
    return open_file(path, flags, mode);                \
  }
OPEN(open)
OPEN(open64)

#define WRITE(name, offset)                                                                      \
  ssize_t name(int file, const void *data, size_t size, offset at) {                             \
    if (call_fails("write", file)) {                                                             \
      errno = ENOSPC;                                                                            \
      return -1;                                                                                 \
    }                                                                                            \
    return ((ssize_t(*)(int, const void *, size_t, offset))dlsym(RTLD_NEXT, #name))(file, data, size, at); \
  }
WRITE(pwrite, off_t)
WRITE(pwrite64, off64_t)

typedef int (*clock_call)(clockid_t, struct timespec *);

static clock_call real_clock(void) {
  static clock_call call;
  if (!call) call = (clock_call)dlsym(RTLD_NEXT, "clock_gettime");
  return call;
}

/* Threads may race for the two: each is one word, and either value was right a moment ago. */
static long seconds_ahead(void) {
  static volatile long looked_ms, ahead;
  struct timespec now;
  real_clock()(CLOCK_MONOTONIC, &now);
  long ms = now.tv_sec * 1000 + now.tv_nsec / 1000000;
  if (looked_ms != 0 && ms - looked_ms < 20) return ahead;
  looked_ms = ms;
  char text[512];
  char *line = control_lines(text, sizeof text) ? strstr(text, "clock ") : NULL;
  ahead = line ? atol(line + 6) : 0;
  return ahead;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  int result = real_clock()(clock, time);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) time->tv_sec += seconds_ahead();
  return result;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
  (void)zone;
  struct timespec now;
  int result = clock_gettime(CLOCK_REALTIME, &now);
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return result;
}
