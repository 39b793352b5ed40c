/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Power loss for any program, without a virtual machine: loaded before libc (LD_PRELOAD), it keeps
 * beside POWER_DIR a shadow (POWER_SHADOW) of what a disk would hold if the power went at this
 * moment. After the kill, powercut puts the shadow in the place of the directory.
 *
 * Writes go where they always go, so that the program reads, stats and maps what it wrote; nothing
 * is held back. A file's bytes and length reach the shadow when fsync or fdatasync of it, or a
 * write to a file opened with O_SYNC or O_DSYNC, returns. Names (create, rename, delete) reach it
 *   POWER_NAMES=posix  when their directory is synced: all that POSIX promises, and what a program
 *                      may rely on anywhere;
 *   POWER_NAMES=ext4   also when a file in it is synced, as ext4, XFS and btrfs do in practice.
 *
 * Why this is honest: all that was not synced is gone, not some of it by luck; no program can tell
 * that it is watched; and what the library does not see, it takes as not synced, so that it can
 * accuse a broker wrongly but not acquit one wrongly. Not seen are: writes through a mapping (a
 * writable shared mapping is reported on standard error), io_uring and raw system calls, sync(),
 * syncfs(), msync() and sync_file_range(); and a sync by another process than the one that wrote.
 * What it cannot show: a disk that lies about its cache, a torn sector, writes that outrun a sync
 * (they may be on a real disk; here they are not, but for bytes of the very file that is being
 * synced at that moment).
 *
 * Which bytes of a file changed is known from the calls; where it is not (fopen, truncation,
 * sendfile, copy_file_range, fallocate) the whole file is copied at its next sync.
 */
#include "shadow.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#define RANGES 64
#define BUCKETS 4096

struct range {
  off_t from, to;
};

struct file {
  struct file *next;
  char key[KEY_BYTES];
  bool inside; /* of POWER_DIR */
  bool whole;  /* must be copied as a whole at the next sync */
  bool always; /* and at every later one: written by calls that are not seen */
  int count;
  struct range ranges[RANGES];
};

static struct file *files[BUCKETS];
static pthread_mutex_t table = PTHREAD_MUTEX_INITIALIZER;   /* files, and the order of write and offset */
static pthread_mutex_t syncing = PTHREAD_MUTEX_INITIALIZER; /* one sync at a time: sizes go forward only */
static const char *directory, *shadow;
static size_t directory_length;
static bool names_follow_files;

#define REAL(type, name, ...)                                   \
  static type (*real)(__VA_ARGS__);                             \
  if (!real) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

__attribute__((constructor)) static void begin(void) {
  directory = getenv("POWER_DIR");
  shadow = getenv("POWER_SHADOW");
  const char *names = getenv("POWER_NAMES");
  names_follow_files = names && !strcmp(names, "ext4");
  if (!directory || !shadow) directory = NULL;
  directory_length = directory ? strlen(directory) : 0;
}

static ssize_t put(int fd, const void *bytes, size_t length, off_t at) {
  REAL(ssize_t, "pwrite64", int, const void *, size_t, off_t);
  return real(fd, bytes, length, at);
}

static int open_file(const char *path, int flags) {
  REAL(int, "open64", const char *, int, ...);
  return real(path, flags, 0600);
}

static int cut(int fd, off_t length) {
  REAL(int, "ftruncate64", int, off_t);
  return real(fd, length);
}

static bool descriptor_path(int fd, char *path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  if (length < 0) return false;
  path[length] = 0;
  return true;
}

static bool is_inside(const char *path) {
  return !strncmp(path, directory, directory_length) &&
         (path[directory_length] == '/' || path[directory_length] == 0);
}

/* The file behind a descriptor, or NULL where it is none of ours. With the table locked. */
static struct file *find(int fd) {
  struct statx found;
  char key[KEY_BYTES], path[PATH_MAX];
  stat_at(fd, "", AT_EMPTY_PATH, &found);
  if (!(found.stx_mask & STATX_BTIME) && !(descriptor_path(fd, path) && is_inside(path)))
    return NULL; /* of another file system, such as /proc */
  key_of(&found, key);
  struct file **bucket = &files[(found.stx_ino * 31 + found.stx_btime.tv_nsec) % BUCKETS];
  struct file *file = *bucket;
  while (file && strcmp(file->key, key)) file = file->next;
  if (!file) {
    file = calloc(1, sizeof *file);
    if (!file) fail("calloc", "a file");
    strcpy(file->key, key);
    file->inside = descriptor_path(fd, path) && is_inside(path);
    file->next = *bucket;
    *bucket = file;
  }
  return file->inside ? file : NULL;
}

/* Cheap, for sockets and pipes, which are most of what a broker writes to. */
static bool is_regular(int fd) {
  struct stat found;
  return directory && fstat(fd, &found) == 0 && S_ISREG(found.st_mode) && found.st_nlink > 0;
}

static void changed(struct file *file, off_t from, off_t to) {
  for (int i = 0; i < file->count; i++) {
    struct range *range = &file->ranges[i];
    if (from <= range->to && to >= range->from) {
      if (from < range->from) range->from = from;
      if (to > range->to) range->to = to;
      return;
    }
  }
  if (file->count == RANGES) { /* one range over all of them: more is copied than must be */
    struct range all = file->ranges[0];
    for (int i = 1; i < RANGES; i++) {
      if (file->ranges[i].from < all.from) all.from = file->ranges[i].from;
      if (file->ranges[i].to > all.to) all.to = file->ranges[i].to;
    }
    file->ranges[0] = all;
    file->count = 1;
    changed(file, from, to);
    return;
  }
  file->ranges[file->count++] = (struct range){from, to};
}

static void changed_wholly(int fd, bool always) {
  int error = errno;
  if (is_regular(fd)) {
    pthread_mutex_lock(&table);
    struct file *file = find(fd);
    if (file) {
      file->whole = true;
      file->always |= always;
    }
    pthread_mutex_unlock(&table);
  }
  errno = error;
}

static void save_names_up(char *path) {
  char *slash;
  while (is_inside(path) && strlen(path) > directory_length && (slash = strrchr(path, '/'))) {
    *slash = 0;
    save_names(path, shadow);
  }
}

static int no_sync(int fd) {
  (void)fd;
  return 0;
}

static int sync_file(int fd, int (*real)(int)) {
  pthread_mutex_lock(&syncing);
  pthread_mutex_lock(&table);
  struct file *file = find(fd);
  struct range ranges[RANGES];
  int count = 0;
  bool whole = false, is_new = false;
  struct stat found;
  if (file) {
    count = file->count;
    memcpy(ranges, file->ranges, count * sizeof *ranges);
    whole = file->whole || file->always;
    file->count = 0;
    file->whole = false;
    if (fstat(fd, &found) != 0) fail("fstat", file->key);
  }
  pthread_mutex_unlock(&table);
  int result = real(fd);
  int error = errno;
  if (file && result != 0) changed_wholly(fd, false);
  if (file && result == 0) {
    char link[64], target[PATH_MAX], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    path_of(target, shadow, "data", file->key);
    int in = open_file(link, O_RDONLY | O_CLOEXEC);
    if (in < 0) fail("open", link);
    int out = open_file(target, O_RDWR | O_CLOEXEC);
    if (out < 0) {
      out = open_file(target, O_RDWR | O_CREAT | O_CLOEXEC);
      whole = is_new = true;
    }
    if (out < 0) fail("open", target);
    if (whole) copy_range(in, out, 0, found.st_size, is_new, put);
    for (int i = 0; !whole && i < count; i++) {
      off_t to = ranges[i].to < found.st_size ? ranges[i].to : found.st_size;
      copy_range(in, out, ranges[i].from, to, false, put);
    }
    if (cut(out, found.st_size) != 0) fail("ftruncate", target);
    close(in);
    close(out);
    if (names_follow_files && descriptor_path(fd, path)) save_names_up(path);
  }
  pthread_mutex_unlock(&syncing);
  errno = error;
  return result;
}

static int sync_any(int fd, int (*real)(int)) {
  struct stat found;
  char path[PATH_MAX];
  if (is_regular(fd)) return sync_file(fd, real);
  int result = real(fd);
  int error = errno;
  if (result == 0 && directory && fstat(fd, &found) == 0 && S_ISDIR(found.st_mode) &&
      descriptor_path(fd, path) && is_inside(path)) {
    pthread_mutex_lock(&syncing);
    save_names(path, shadow);
    if (names_follow_files) save_names_up(path);
    pthread_mutex_unlock(&syncing);
  }
  errno = error;
  return result;
}

int fsync(int fd) {
  REAL(int, "fsync", int);
  return sync_any(fd, real);
}

int fdatasync(int fd) {
  REAL(int, "fdatasync", int);
  return sync_any(fd, real);
}

/* Before a write: whether it must be followed. Then the table is locked until after it. */
static bool follow(int fd) {
  if (!is_regular(fd)) return false;
  pthread_mutex_lock(&table);
  return true;
}

/* After a write that is followed: notes what it changed; at < 0: where the descriptor stood. */
static ssize_t followed(int fd, off_t at, ssize_t written) {
  int error = errno;
  int flags = fcntl(fd, F_GETFL);
  struct file *file = written > 0 ? find(fd) : NULL;
  if (file) {
    off_t end = at < 0 ? lseek(fd, 0, SEEK_CUR) : at + written;
    if (at >= 0 && (flags & O_APPEND)) file->whole = true; /* Linux appends it nevertheless */
    changed(file, end - written, end);
  }
  pthread_mutex_unlock(&table);
  if (file && (flags & (O_SYNC | O_DSYNC))) sync_file(fd, no_sync);
  errno = error;
  return written;
}

ssize_t write(int fd, const void *bytes, size_t length) {
  REAL(ssize_t, "write", int, const void *, size_t);
  return follow(fd) ? followed(fd, -1, real(fd, bytes, length)) : real(fd, bytes, length);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  REAL(ssize_t, "writev", int, const struct iovec *, int);
  return follow(fd) ? followed(fd, -1, real(fd, parts, count)) : real(fd, parts, count);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t at) {
  return follow(fd) ? followed(fd, at, put(fd, bytes, length, at)) : put(fd, bytes, length, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
  return pwrite64(fd, bytes, length, at);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t at) {
  REAL(ssize_t, "pwritev64", int, const struct iovec *, int, off_t);
  return follow(fd) ? followed(fd, at, real(fd, parts, count, at)) : real(fd, parts, count, at);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
  return pwritev64(fd, parts, count, at);
}

/* Its flags may ask for a sync of this one write; taken as none. */
ssize_t pwritev64v2(int fd, const struct iovec *parts, int count, off_t at, int flags) {
  REAL(ssize_t, "pwritev64v2", int, const struct iovec *, int, off_t, int);
  return follow(fd) ? followed(fd, at, real(fd, parts, count, at, flags))
                    : real(fd, parts, count, at, flags);
}

ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t at, int flags) {
  return pwritev64v2(fd, parts, count, at, flags);
}

/* --- what changes a file in ways that are not followed byte by byte --- */

#define UNFOLLOWED(type, name, fd, parameters, ...)   \
  type name parameters {                              \
    REAL(type, #name, UNPACK parameters);             \
    type result = real(__VA_ARGS__);                  \
    changed_wholly(fd, false);                        \
    return result;                                    \
  }
#define UNPACK(...) __VA_ARGS__

UNFOLLOWED(int, ftruncate64, fd, (int fd, off_t length), fd, length)
UNFOLLOWED(int, fallocate64, fd, (int fd, int mode, off_t at, off_t length), fd, mode, at, length)
UNFOLLOWED(int, posix_fallocate64, fd, (int fd, off_t at, off_t length), fd, at, length)
UNFOLLOWED(ssize_t, sendfile64, out, (int out, int in, off_t *at, size_t n), out, in, at, n)
UNFOLLOWED(ssize_t, copy_file_range, out,
           (int in, off_t *from, int out, off_t *to, size_t n, unsigned flags), in, from, out, to, n, flags)
UNFOLLOWED(ssize_t, splice, out,
           (int in, off_t *from, int out, off_t *to, size_t n, unsigned flags), in, from, out, to, n, flags)

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }
int fallocate(int fd, int mode, off_t at, off_t length) { return fallocate64(fd, mode, at, length); }
int posix_fallocate(int fd, off_t at, off_t length) { return posix_fallocate64(fd, at, length); }
ssize_t sendfile(int out, int in, off_t *at, size_t n) { return sendfile64(out, in, at, n); }

int truncate64(const char *path, off_t length) {
  REAL(int, "truncate64", const char *, off_t);
  int fd = open_file(path, O_RDONLY | O_CLOEXEC);
  int result = real(path, length);
  int error = errno;
  if (fd >= 0) {
    changed_wholly(fd, false);
    close(fd);
  }
  errno = error;
  return result;
}

int truncate(const char *path, off_t length) { return truncate64(path, length); }

/* Opening cuts too. */
#define OPENED(fd, flags)                                       \
  if (fd >= 0 && ((flags) & O_TRUNC)) changed_wholly(fd, false); \
  return fd

#define MODE(flags)                              \
  mode_t mode = 0;                               \
  if ((flags) & (O_CREAT | __O_TMPFILE)) {       \
    va_list rest;                                \
    va_start(rest, flags);                       \
    mode = va_arg(rest, mode_t);                 \
    va_end(rest);                                \
  }

int open64(const char *path, int flags, ...) {
  REAL(int, "open64", const char *, int, ...);
  MODE(flags)
  int fd = real(path, flags, mode);
  OPENED(fd, flags);
}

int open(const char *path, int flags, ...) {
  MODE(flags)
  return open64(path, flags, mode);
}

int openat64(int at, const char *path, int flags, ...) {
  REAL(int, "openat64", int, const char *, int, ...);
  MODE(flags)
  int fd = real(at, path, flags, mode);
  OPENED(fd, flags);
}

int openat(int at, const char *path, int flags, ...) {
  MODE(flags)
  return openat64(at, path, flags, mode);
}

int creat64(const char *path, mode_t mode) {
  return open64(path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

int creat(const char *path, mode_t mode) { return creat64(path, mode); }

/* What stdio writes does not pass through here: libc calls itself. */
static FILE *opened(FILE *stream) {
  if (stream) changed_wholly(fileno(stream), true);
  return stream;
}

FILE *fopen64(const char *path, const char *mode) {
  REAL(FILE *, "fopen64", const char *, const char *);
  return *mode == 'r' && !strchr(mode, '+') ? real(path, mode) : opened(real(path, mode));
}

FILE *fopen(const char *path, const char *mode) { return fopen64(path, mode); }

FILE *fdopen(int fd, const char *mode) {
  REAL(FILE *, "fdopen", int, const char *);
  return *mode == 'r' && !strchr(mode, '+') ? real(fd, mode) : opened(real(fd, mode));
}

FILE *freopen64(const char *path, const char *mode, FILE *stream) {
  REAL(FILE *, "freopen64", const char *, const char *, FILE *);
  return opened(real(path, mode, stream));
}

FILE *freopen(const char *path, const char *mode, FILE *stream) {
  return freopen64(path, mode, stream);
}

void *mmap64(void *where, size_t length, int protection, int flags, int fd, off_t at) {
  REAL(void *, "mmap64", void *, size_t, int, int, int, off_t);
  if ((protection & PROT_WRITE) && (flags & MAP_SHARED) && fd >= 0 && is_regular(fd)) {
    char path[PATH_MAX];
    if (descriptor_path(fd, path) && is_inside(path))
      fprintf(stderr, "powerloss: %s is mapped to be written: that is taken as never synced\n", path);
  }
  return real(where, length, protection, flags, fd, at);
}

void *mmap(void *where, size_t length, int protection, int flags, int fd, off_t at) {
  return mmap64(where, length, protection, flags, fd, at);
}
