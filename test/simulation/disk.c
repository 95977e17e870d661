/* A disk that fails, ends the process or loses power at a chosen operation, and a clock that is set, under whatever program is started with this in
   LD_PRELOAD. It knows the .db and .db-wal files below DISK_DIRECTORY, or, where DISK_EVERY is set, every file there but those that SQLite maps;
   DISK_CONTROL names a file of `struct control`, mapped and shared with whoever commands it (disk.ts); DISK_JOURNAL, where set, gets what each of those
   files was before each write, and each name, so that what was not synced can be lost (power-loss.ts). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { WRITE = 1, TRUNCATE = 2, SYNC = 4, OPEN = 8, UNLINK = 16, RENAME = 32, LINK = 64, SYNC_NAMES = 128 };

/* As disk.ts writes it. Operations of `what` on files whose path contains `part` are counted; those from `first` on, `times` of them, fail. */
struct control {
  uint32_t what;
  int32_t error;  /* errno; 0: the process is killed */
  uint64_t count; /* operations so far */
  uint64_t first; /* 0: none fails */
  uint64_t times;
  uint64_t failed;     /* so many did */
  uint32_t short_bytes; /* of the first failing write so many bytes are written all the same */
  uint32_t journal;     /* 0: none is kept; else which, from 1 on */
  char part[64];        /* "": every file */
  int64_t ahead_s;      /* how far the clock is set forward */
};

/* Of the journal; followed by `body` bytes: of OPEN, UNLINK, RENAME and LINK the path (`length`; of the latter two the former one, `offset`, before
   it), then `old_length` bytes as they were, of a WRITE then `length` bytes as they are. */
struct entry {
  uint32_t kind;
  uint32_t is_new; /* of OPEN: the file was not there before */
  uint64_t inode;
  uint64_t offset;
  uint64_t length;
  uint64_t old_size;
  uint64_t old_length;
  uint64_t replaced; /* inode of what a RENAME puts itself in the place of; 0: nothing */
  uint64_t body;
};

#define FILES 256
#define DESCRIPTORS 4096
static char paths[FILES][256];
static uint32_t announced[FILES]; /* the journal that knows the file's name */
static int file_count;
static int8_t file_of[DESCRIPTORS]; /* number of the file plus one */
static ino_t inode_of[DESCRIPTORS];
static struct control *control;
static const char *directory;
static int is_every;
static int journal = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Looked up at the first call: programs open files before this library is set up. */
static void *look_up(void **place, const char *name) {
  if (!*place) *place = dlsym(RTLD_NEXT, name);
  return *place;
}
#define REAL(name, type) ((type)look_up(&real_##name, #name))
static void *real_open64, *real_write, *real_pwrite64, *real_ftruncate64, *real_fsync, *real_fdatasync, *real_unlink, *real_remove, *real_rename,
    *real_link, *real_close, *real_clock_gettime;
typedef int (*open_call)(const char *, int, ...);
typedef ssize_t (*write_call)(int, const void *, size_t);
typedef ssize_t (*pwrite_call)(int, const void *, size_t, off64_t);
typedef int (*truncate_call)(int, off64_t);
typedef int (*descriptor_call)(int);
typedef int (*path_call)(const char *);
typedef int (*paths_call)(const char *, const char *);
typedef int (*clock_call)(clockid_t, struct timespec *);

/* A process that was killed may have left an entry unfinished: what it notes was not done. */
static void cut_journal(void) {
  struct entry entry;
  off64_t end = 0, size = lseek64(journal, 0, SEEK_END);
  while (pread64(journal, &entry, sizeof entry, end) == sizeof entry && end + (off64_t)(sizeof entry + entry.body) <= size)
    end += sizeof entry + entry.body;
  if (end < size && REAL(ftruncate64, truncate_call)(journal, end) != 0) abort();
}

static void start(void) {
  directory = getenv("DISK_DIRECTORY");
  const char *name = getenv("DISK_CONTROL"), *kept = getenv("DISK_JOURNAL");
  if (!directory || !name) return;
  int file = REAL(open64, open_call)(name, O_RDWR | O_CLOEXEC);
  if (file < 0) return;
  void *mapped = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  REAL(close, descriptor_call)(file);
  if (mapped == MAP_FAILED) return;
  is_every = getenv("DISK_EVERY") != NULL;
  if (kept) journal = REAL(open64, open_call)(kept, O_RDWR | O_APPEND | O_CLOEXEC);
  if (journal >= 0) cut_journal();
  control = mapped;
}

static int ends_with(const char *text, const char *end) {
  size_t length = strlen(text), tail = strlen(end);
  return length >= tail && strcmp(text + length - tail, end) == 0;
}

/* The number of a file that is ours, or -1. */
static int number_of(const char *path) {
  pthread_once(&once, start);
  if (!control || !path || strncmp(path, directory, strlen(directory)) != 0) return -1;
  if (is_every ? ends_with(path, "-shm") : !ends_with(path, ".db") && !ends_with(path, "-wal")) return -1;
  for (int i = 0; i < file_count; i++)
    if (strcmp(paths[i], path) == 0) return i;
  if (file_count == FILES || strlen(path) >= sizeof paths[0]) abort(); /* what is not known of it would be taken for synced */
  strcpy(paths[file_count], path);
  return file_count++;
}

/* libuv closes by the bare system call: a descriptor may be another file by now. */
static int number_at(int descriptor) {
  if (descriptor < 0 || descriptor >= DESCRIPTORS || file_of[descriptor] == 0) return -1;
  struct stat status;
  if (fstat(descriptor, &status) != 0 || status.st_ino != inode_of[descriptor]) file_of[descriptor] = 0;
  return file_of[descriptor] - 1;
}

static int is_due(uint32_t what, int number) {
  if (!(control->what & what) || (control->part[0] && !strstr(paths[number], control->part))) return 0;
  uint64_t count = ++control->count;
  if (control->first == 0 || count < control->first || count - control->first >= control->times) return 0;
  control->failed++;
  if (control->error == 0) kill(getpid(), SIGKILL);
  return 1;
}

/* Adds an entry with up to three pieces behind it. */
static void put(struct entry entry, const void *first, size_t a, const void *second, size_t b, const void *third, size_t c) {
  entry.body = a + b + c;
  size_t length = sizeof entry + entry.body;
  char *all = malloc(length), *from = all;
  memcpy(all, &entry, sizeof entry);
  if (a > 0) memcpy(all + sizeof entry, first, a);
  if (b > 0) memcpy(all + sizeof entry + a, second, b);
  if (c > 0) memcpy(all + sizeof entry + a + b, third, c);
  while (length > 0) {
    ssize_t done = REAL(write, write_call)(journal, from, length);
    if (done <= 0) abort();
    from += done;
    length -= done;
  }
  free(all);
}

static int is_noted(void) { return journal >= 0 && control->journal; }

/* A file that was opened before the journal began has its name noted once. */
static void announce(int descriptor, int number, uint64_t inode) {
  if (announced[number] == control->journal) return;
  char link[64], path[512];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, sizeof path);
  if (length < 0) abort();
  announced[number] = control->journal;
  put((struct entry){.kind = OPEN, .inode = inode, .length = length}, path, length, NULL, 0, NULL, 0);
}

/* Notes what the range is before it changes. @param data of a write */
static void note(uint32_t kind, int descriptor, int number, uint64_t offset, uint64_t length, const void *data) {
  struct stat status;
  if (!is_noted() || fstat(descriptor, &status) != 0) return;
  announce(descriptor, number, status.st_ino);
  uint64_t size = status.st_size, end = kind == TRUNCATE ? size : offset + length;
  struct entry entry = {.kind = kind, .inode = status.st_ino, .offset = offset, .length = length, .old_size = size};
  if (end > size) end = size;
  entry.old_length = end > offset ? end - offset : 0;
  char *old = malloc(entry.old_length + 1);
  ssize_t got = entry.old_length > 0 ? pread64(descriptor, old, entry.old_length, offset) : 0;
  if (got < 0) {
    /* A descriptor that only writes. */
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    int file = REAL(open64, open_call)(link, O_RDONLY | O_CLOEXEC);
    got = file < 0 ? -1 : pread64(file, old, entry.old_length, offset);
    if (file >= 0) REAL(close, descriptor_call)(file);
  }
  if (got < 0) abort();
  entry.old_length = got;
  put(entry, old, got, data, kind == WRITE ? length : 0, NULL, 0);
  free(old);
}

static void note_sync(int descriptor) {
  struct stat status;
  if (is_noted() && fstat(descriptor, &status) == 0) put((struct entry){.kind = SYNC, .inode = status.st_ino}, NULL, 0, NULL, 0, NULL, 0);
}

/* Notes what happens to names; what a file holds whose name goes is kept. @param to of RENAME and LINK */
static void note_name(uint32_t kind, const char *path, const char *to, int is_new) {
  struct stat status, other;
  if (!is_noted() || stat(path, &status) != 0) return;
  size_t before = to ? strlen(path) : 0;
  struct entry entry = {.kind = kind, .is_new = is_new, .inode = status.st_ino, .offset = before, .length = strlen(to ? to : path)};
  char *old = NULL;
  const char *lost = kind == UNLINK ? path : kind == RENAME ? to : NULL;
  if (lost && stat(lost, &other) == 0) {
    if (kind == RENAME) entry.replaced = other.st_ino;
    old = malloc(other.st_size + 1);
    int file = REAL(open64, open_call)(lost, O_RDONLY | O_CLOEXEC);
    ssize_t got = file < 0 ? -1 : pread64(file, old, other.st_size, 0);
    if (file >= 0) REAL(close, descriptor_call)(file);
    if (got < 0) abort();
    entry.old_length = got;
  }
  if (to) put(entry, path, before, to, entry.length, old, entry.old_length);
  else put(entry, path, entry.length, old, entry.old_length, NULL, 0);
  free(old);
}

static int open_file(const char *path, int flags, mode_t mode) {
  int number = number_of(path);
  if (number < 0) return REAL(open64, open_call)(path, flags, mode);
  pthread_mutex_lock(&lock);
  int file = -1;
  if (is_due(OPEN, number)) errno = control->error;
  else {
    struct stat status;
    int is_new = stat(path, &status) != 0;
    /* What it empties is noted first. */
    file = REAL(open64, open_call)(path, flags & ~O_TRUNC, mode);
    if (file >= 0 && fstat(file, &status) == 0 && S_ISREG(status.st_mode)) {
      if (file < DESCRIPTORS) {
        file_of[file] = number + 1;
        inode_of[file] = status.st_ino;
      }
      note_name(OPEN, path, NULL, is_new);
      announced[number] = control->journal;
      if (flags & O_TRUNC && status.st_size > 0) {
        note(TRUNCATE, file, number, 0, 0, NULL);
        if (REAL(ftruncate64, truncate_call)(file, 0) != 0) abort();
      }
    }
  }
  pthread_mutex_unlock(&lock);
  return file;
}

#define OPEN_AS(name)                       \
  int name(const char *path, int flags, ...) { \
    mode_t mode = 0;                        \
    if (flags & (O_CREAT | O_TMPFILE)) {    \
      va_list rest;                         \
      va_start(rest, flags);                \
      mode = va_arg(rest, mode_t);          \
      va_end(rest);                         \
    }                                       \
    return open_file(path, flags, mode);    \
  }
OPEN_AS(open)
OPEN_AS(open64)

int close(int descriptor) {
  if (number_at(descriptor) >= 0) file_of[descriptor] = 0;
  return REAL(close, descriptor_call)(descriptor);
}

/* @param offset -1: where the descriptor is */
static ssize_t write_at(int descriptor, const void *bytes, size_t length, off64_t offset) {
  int number = number_at(descriptor);
  if (number >= 0) {
    pthread_mutex_lock(&lock);
    uint64_t at = offset < 0 ? (uint64_t)lseek64(descriptor, 0, SEEK_CUR) : (uint64_t)offset;
    if (is_due(WRITE, number)) {
      if (control->failed > 1 || control->short_bytes == 0 || control->short_bytes >= length) {
        errno = control->error;
        pthread_mutex_unlock(&lock);
        return -1;
      }
      length = control->short_bytes;
    }
    note(WRITE, descriptor, number, at, length, bytes);
    pthread_mutex_unlock(&lock);
  }
  if (offset < 0) return REAL(write, write_call)(descriptor, bytes, length);
  return REAL(pwrite64, pwrite_call)(descriptor, bytes, length, offset);
}

ssize_t write(int descriptor, const void *bytes, size_t length) { return write_at(descriptor, bytes, length, -1); }
ssize_t pwrite(int descriptor, const void *bytes, size_t length, off_t offset) { return write_at(descriptor, bytes, length, offset); }
ssize_t pwrite64(int descriptor, const void *bytes, size_t length, off64_t offset) { return write_at(descriptor, bytes, length, offset); }

int ftruncate64(int descriptor, off64_t size) {
  int number = number_at(descriptor);
  if (number >= 0) {
    pthread_mutex_lock(&lock);
    int due = is_due(TRUNCATE, number);
    if (!due) note(TRUNCATE, descriptor, number, size, 0, NULL);
    else errno = control->error;
    pthread_mutex_unlock(&lock);
    if (due) return -1;
  }
  return REAL(ftruncate64, truncate_call)(descriptor, size);
}
int ftruncate(int descriptor, off_t size) { return ftruncate64(descriptor, size); }

/* Of a directory of ours: the names in it are on the disk then. */
static int is_directory(int descriptor) {
  struct stat status;
  char link[64], path[512];
  pthread_once(&once, start);
  if (!is_every || !control || fstat(descriptor, &status) != 0 || !S_ISDIR(status.st_mode)) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, sizeof path);
  return length >= (ssize_t)strlen(directory) && strncmp(path, directory, strlen(directory)) == 0;
}

static int sync_with(descriptor_call call, int descriptor) {
  int number = number_at(descriptor);
  if (number >= 0) {
    pthread_mutex_lock(&lock);
    int due = is_due(SYNC, number);
    if (!due) note_sync(descriptor);
    else errno = control->error;
    pthread_mutex_unlock(&lock);
    if (due) return -1;
  } else if (is_directory(descriptor)) {
    pthread_mutex_lock(&lock);
    if (is_noted()) put((struct entry){.kind = SYNC_NAMES}, NULL, 0, NULL, 0, NULL, 0);
    pthread_mutex_unlock(&lock);
  }
  return call(descriptor);
}
int fsync(int descriptor) { return sync_with(REAL(fsync, descriptor_call), descriptor); }
int fdatasync(int descriptor) { return sync_with(REAL(fdatasync, descriptor_call), descriptor); }

static int remove_with(path_call call, const char *path) {
  int number = number_of(path);
  if (number < 0) return call(path);
  pthread_mutex_lock(&lock);
  int due = is_due(UNLINK, number), result = -1;
  if (!due) {
    struct stat status;
    if (stat(path, &status) == 0 && S_ISREG(status.st_mode)) note_name(UNLINK, path, NULL, 0);
    result = call(path);
  } else errno = control->error;
  pthread_mutex_unlock(&lock);
  return result;
}
int unlink(const char *path) { return remove_with(REAL(unlink, path_call), path); }
int remove(const char *path) { return remove_with(REAL(remove, path_call), path); }

static int name_with(paths_call call, uint32_t kind, const char *from, const char *to) {
  int number = is_every ? number_of(to) : -1;
  if (number < 0 || number_of(from) < 0) return call(from, to);
  pthread_mutex_lock(&lock);
  int due = is_due(kind, number), result = -1;
  if (!due) {
    note_name(kind, from, to, 0);
    result = call(from, to);
  } else errno = control->error;
  pthread_mutex_unlock(&lock);
  return result;
}
int rename(const char *from, const char *to) { return name_with(REAL(rename, paths_call), RENAME, from, to); }
int link(const char *from, const char *to) { return name_with(REAL(link, paths_call), LINK, from, to); }

int clock_gettime(clockid_t clock, struct timespec *time) {
  pthread_once(&once, start);
  int result = REAL(clock_gettime, clock_call)(clock, time);
  if (result == 0 && control && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) time->tv_sec += control->ahead_s;
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
