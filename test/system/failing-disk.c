/* Makes a disk fail for a preloaded program: while the file named by FAILING_DISK holds lines "CALL PART", a call (sync, open) for a file whose path
   contains PART fails, sync with EIO, open with EMFILE. For failing-disk.test.ts. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int (*open_call)(const char *, int, ...);
typedef int (*sync_call)(int);

static open_call real_open(void) {
  static open_call call;
  if (!call) call = (open_call)dlsym(RTLD_NEXT, "open64");
  return call;
}

static int fails(const char *call, const char *path) {
  const char *control = getenv("FAILING_DISK");
  if (!control || !path) return 0;
  int file = real_open()(control, O_RDONLY);
  if (file < 0) return 0;
  char text[512];
  ssize_t length = read(file, text, sizeof text - 1);
  close(file);
  if (length <= 0) return 0;
  text[length] = 0;
  char *rest = NULL;
  for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
    char *part = strchr(line, ' ');
    if (!part) continue;
    *part++ = 0;
    if (strcmp(line, call) == 0 && strstr(path, part)) return 1;
  }
  return 0;
}

static int sync_fails(int file) {
  char link[64], path[512];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return fails("sync", path);
}

static int sync_file(const char *name, int file) {
  if (sync_fails(file)) {
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
