/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What powerloss.so and powercut share: the form of the shadow, which is what the disk would hold
 * if the power went now.
 *
 *   SHADOW/data/KEY    the content of a file as of its last sync
 *   SHADOW/names/KEY   the names in a directory as of their last sync: for each name
 *                      a type (f or d), the mode in octal, ':', the KEY it leads to, NUL, the name, NUL
 *
 * KEY is inode number and birth time: numbers are used again, and a new file must not be given the
 * bytes of an old one.
 */
#ifndef BUSBAR_SHADOW_H
#define BUSBAR_SHADOW_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_BYTES 72

static void fail(const char *what, const char *path) {
  fprintf(stderr, "powerloss: %s: %s: %s\n", what, path, strerror(errno));
  abort();
}

static void stat_at(int dir, const char *path, int flags, struct statx *found) {
  if (statx(dir, path, flags, STATX_BASIC_STATS | STATX_BTIME, found) != 0) fail("statx", path);
}

/* Fails where the file system does not say when a file was born. */
static void key_of(const struct statx *file, char *key) {
  if (!(file->stx_mask & STATX_BTIME)) {
    errno = ENOTSUP;
    fail("birth time", "the file system knows none");
  }
  snprintf(key, KEY_BYTES, "%llu-%lld-%u", (unsigned long long)file->stx_ino,
           (long long)file->stx_btime.tv_sec, file->stx_btime.tv_nsec);
}

static void path_of(char *out, const char *folder, const char *part, const char *name) {
  if (snprintf(out, PATH_MAX, "%s/%s%s%s", folder, part, *part ? "/" : "", name) >= PATH_MAX) {
    errno = ENAMETOOLONG;
    fail("path", name);
  }
}

/*
 * Copies bytes [from, to) by plain reads and writes; what lies beyond the source's end is left out.
 * One thread at a time: the buffer is neither on a stack nor a thread's own, as some threads of a JVM
 * have room for neither. Holes are skipped where the copy is new, so that they are holes there too:
 * brokers reserve much more than they write.
 */
typedef ssize_t (*pwrite_function)(int, const void *, size_t, off_t);
static void copy_range(int in, int out, off_t from, off_t to, int is_new, pwrite_function put) {
  static char buffer[1 << 16];
  off_t data_end = is_new ? from : to;
  while (from < to) {
    if (from >= data_end) {
      off_t data = lseek(in, from, SEEK_DATA);
      if (data < 0 && errno == ENXIO) return;
      if (data < 0 || (data_end = lseek(in, data, SEEK_HOLE)) < 0) fail("lseek", "a file to be synced");
      from = data;
      if (data_end > to) data_end = to;
      continue;
    }
    off_t left = data_end - from;
    size_t want = left < (off_t)sizeof buffer ? (size_t)left : sizeof buffer;
    ssize_t got = pread(in, buffer, want, from);
    if (got < 0) fail("read", "a file to be synced");
    if (got == 0) return;
    for (ssize_t done = 0; done < got;) {
      ssize_t n = put(out, buffer + done, got - done, from + done);
      if (n < 0) fail("write", "the shadow");
      done += n;
    }
    from += got;
  }
}

/* Writes the names of a directory to the shadow, all or none of them. */
static void save_names(const char *directory, const char *shadow) {
  DIR *entries = opendir(directory);
  if (!entries) {
    if (errno == ENOENT) return; /* deleted meanwhile */
    fail("opendir", directory);
  }
  struct statx self;
  char key[KEY_BYTES], target[PATH_MAX], temporary[PATH_MAX + 32];
  stat_at(dirfd(entries), "", AT_EMPTY_PATH, &self);
  key_of(&self, key);
  path_of(target, shadow, "names", key);
  snprintf(temporary, sizeof temporary, "%s.%d.new", target, (int)getpid());
  FILE *out = fopen(temporary, "we");
  if (!out) fail("fopen", temporary);
  for (struct dirent *entry; (entry = readdir(entries));) {
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
    struct statx file;
    if (statx(dirfd(entries), entry->d_name, AT_SYMLINK_NOFOLLOW,
              STATX_BASIC_STATS | STATX_BTIME, &file) != 0) {
      if (errno == ENOENT) continue;
      fail("statx", entry->d_name);
    }
    if (!S_ISREG(file.stx_mode) && !S_ISDIR(file.stx_mode)) continue; /* links, sockets: not kept */
    key_of(&file, key);
    fprintf(out, "%c%o:%s", S_ISDIR(file.stx_mode) ? 'd' : 'f', file.stx_mode & 07777, key);
    fputc(0, out);
    fputs(entry->d_name, out);
    fputc(0, out);
  }
  if (fclose(out) != 0) fail("write", temporary);
  closedir(entries);
  if (rename(temporary, target) != 0) fail("rename", target);
}

#endif
