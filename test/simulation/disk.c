/* A disk that fails, ends the process or loses power at a chosen operation, under whatever program is started with this in LD_PRELOAD. It knows the
   .db and .db-wal files below DISK_DIRECTORY; DISK_CONTROL names a file of `struct control`, mapped and shared with whoever commands it (disk.ts);
   DISK_JOURNAL, where set, gets what each of those files was before each write, so that what was not synced can be lost. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WRITE = 1, TRUNCATE = 2, SYNC = 4, OPEN = 8, UNLINK = 16 };

/* As disk.ts writes it. Operations of `what` on files whose path contains `part` are counted; those from `first` on, `times` of them, fail. */
struct control {
  uint32_t what;
  int32_t error;  /* errno; 0: the process is killed */
  uint64_t count; /* operations so far */
  uint64_t first; /* 0: none fails */
  uint64_t times;
  uint64_t failed;     /* so many did */
  uint32_t short_bytes; /* of the first failing write so many bytes are written all the same */
  uint32_t journal;     /* 1: it is kept */
  char part[64];        /* "": every file */
};

/* Of the journal; followed by `old_length` bytes as they were and, of a write, `length` bytes as they are. */
struct entry {
  uint32_t kind;
  uint32_t file; /* its number, or, of OPEN, the length of the path that follows */
  uint64_t offset;
  uint64_t length;
  uint64_t old_size;
  uint64_t old_length;
};

#define FILES 64
#define DESCRIPTORS 4096
static char paths[FILES][256];
static int file_count;
static int8_t file_of[DESCRIPTORS]; /* number of the file plus one */
static ino_t inode_of[DESCRIPTORS];
static struct control *control;
static const char *directory;
static int journal = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Looked up at the first call: programs open files before this library is set up. */
static void *look_up(void **place, const char *name) {
  if (!*place) *place = dlsym(RTLD_NEXT, name);
  return *place;
}
#define REAL(name, type) ((type)look_up(&real_##name, #name))
static void *real_open64, *real_write, *real_pwrite64, *real_ftruncate64, *real_fsync, *real_fdatasync, *real_unlink, *real_close;
typedef int (*open_call)(const char *, int, ...);
typedef ssize_t (*write_call)(int, const void *, size_t);
typedef ssize_t (*pwrite_call)(int, const void *, size_t, off64_t);
typedef int (*truncate_call)(int, off64_t);
typedef int (*descriptor_call)(int);
typedef int (*path_call)(const char *);

static void start(void) {
  directory = getenv("DISK_DIRECTORY");
  const char *name = getenv("DISK_CONTROL"), *kept = getenv("DISK_JOURNAL");
  if (!directory || !name) return;
  int file = REAL(open64, open_call)(name, O_RDWR | O_CLOEXEC);
  if (file < 0) return;
  void *mapped = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  REAL(close, descriptor_call)(file);
  if (mapped == MAP_FAILED) return;
  if (kept) journal = REAL(open64, open_call)(kept, O_RDWR | O_APPEND | O_CLOEXEC);
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
  if (!ends_with(path, ".db") && !ends_with(path, "-wal")) return -1;
  for (int i = 0; i < file_count; i++)
    if (strcmp(paths[i], path) == 0) return i;
  if (file_count == FILES || strlen(path) >= sizeof paths[0]) return -1;
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

static void put(const void *bytes, size_t length) {
  const char *from = bytes;
  while (length > 0) {
    ssize_t done = REAL(write, write_call)(journal, from, length);
    if (done <= 0) return;
    from += done;
    length -= done;
  }
}

/* Notes what the range is before it changes. @param data of a write */
static void note(uint32_t kind, int descriptor, int number, uint64_t offset, uint64_t length, const void *data) {
  if (journal < 0 || !control->journal) return;
  struct stat status;
  if (fstat(descriptor, &status) != 0) return;
  uint64_t size = status.st_size, end = kind == TRUNCATE ? size : offset + length;
  struct entry entry = {.kind = kind, .file = number, .offset = offset, .length = length, .old_size = size};
  if (end > size) end = size;
  entry.old_length = end > offset ? end - offset : 0;
  char *old = malloc(entry.old_length + 1);
  ssize_t got = entry.old_length > 0 ? pread64(descriptor, old, entry.old_length, offset) : 0;
  if (got >= 0) {
    entry.old_length = got;
    put(&entry, sizeof entry);
    put(old, got);
    if (kind == WRITE) put(data, length);
  }
  free(old);
}

static void note_file(uint32_t kind, int number) {
  if (journal < 0 || !control->journal) return;
  struct entry entry = {.kind = kind, .file = number};
  if (kind == OPEN) entry.length = strlen(paths[number]);
  put(&entry, sizeof entry);
  if (kind == OPEN) put(paths[number], entry.length);
}

static int open_file(const char *path, int flags, mode_t mode) {
  int number = number_of(path);
  if (number < 0) return REAL(open64, open_call)(path, flags, mode);
  pthread_mutex_lock(&lock);
  int file = -1;
  if (is_due(OPEN, number)) errno = control->error;
  else {
    file = REAL(open64, open_call)(path, flags, mode);
    if (file >= 0 && file < DESCRIPTORS) {
      struct stat status;
      if (fstat(file, &status) == 0) {
        file_of[file] = number + 1;
        inode_of[file] = status.st_ino;
      }
      note_file(OPEN, number);
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

static int sync_with(descriptor_call call, int descriptor) {
  int number = number_at(descriptor);
  if (number >= 0) {
    pthread_mutex_lock(&lock);
    int due = is_due(SYNC, number);
    if (!due) note_file(SYNC, number);
    else errno = control->error;
    pthread_mutex_unlock(&lock);
    if (due) return -1;
  }
  return call(descriptor);
}
int fsync(int descriptor) { return sync_with(REAL(fsync, descriptor_call), descriptor); }
int fdatasync(int descriptor) { return sync_with(REAL(fdatasync, descriptor_call), descriptor); }

int unlink(const char *path) {
  int number = number_of(path);
  if (number >= 0) {
    pthread_mutex_lock(&lock);
    int due = is_due(UNLINK, number);
    if (!due) {
      note_file(OPEN, number); /* it may not have been opened since the journal began */
      note_file(UNLINK, number);
    } else errno = control->error;
    pthread_mutex_unlock(&lock);
    if (due) return -1;
  }
  return REAL(unlink, path_call)(path);
}
