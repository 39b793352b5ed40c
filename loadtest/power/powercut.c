/* SPDX-License-Identifier: Apache-2.0 */
/*
 * powercut DIR SHADOW: puts what SHADOW says the disk holds in the place of DIR, if there is a
 * SHADOW, and then makes SHADOW anew from DIR, all of which is synced now. See powerloss.c.
 */
#include "shadow.h"

#include <ftw.h>

static int delete_one(const char *path, const struct stat *found, int type, struct FTW *where) {
  (void)found, (void)type, (void)where;
  if (remove(path) != 0) fail("remove", path);
  return 0;
}

static void delete_tree(const char *path) {
  if (access(path, F_OK) == 0 && nftw(path, delete_one, 32, FTW_DEPTH | FTW_PHYS) != 0)
    fail("delete", path);
}

static void make(const char *path, mode_t mode) {
  if (mkdir(path, mode) != 0) fail("mkdir", path);
}

static void copy(const char *from, const char *to, mode_t mode) {
  int out = open(to, O_WRONLY | O_CREAT | O_EXCL, mode);
  if (out < 0) fail("open", to);
  int in = open(from, O_RDONLY);
  struct stat found;
  if (in >= 0) { /* else: a name whose content was never synced */
    if (fstat(in, &found) != 0) fail("fstat", from);
    copy_range(in, out, 0, found.st_size, 1, pwrite);
    if (ftruncate(out, found.st_size) != 0) fail("ftruncate", to);
    close(in);
  } else if (errno != ENOENT) {
    fail("open", from);
  }
  close(out);
}

static void restore(const char *shadow, const char *key, const char *to) {
  char path[PATH_MAX];
  path_of(path, shadow, "names", key);
  FILE *names = fopen(path, "r");
  if (!names) {
    if (errno == ENOENT) return; /* a directory whose names were never synced */
    fail("fopen", path);
  }
  char *entry = NULL, *name = NULL;
  size_t entry_bytes = 0, name_bytes = 0;
  while (getdelim(&entry, &entry_bytes, 0, names) > 0 && getdelim(&name, &name_bytes, 0, names) > 0) {
    char *target = strchr(entry, ':') + 1;
    mode_t mode = strtoul(entry + 1, NULL, 8);
    char place[PATH_MAX], content[PATH_MAX];
    path_of(place, to, "", name);
    if (*entry == 'd') {
      make(place, mode);
      restore(shadow, target, place);
    } else {
      path_of(content, shadow, "data", target);
      copy(content, place, mode);
    }
  }
  free(entry);
  free(name);
  fclose(names);
}

static const char *new_shadow;

static int shadow_one(const char *path, const struct stat *found, int type, struct FTW *where) {
  (void)found, (void)where;
  struct statx file;
  char key[KEY_BYTES], target[PATH_MAX];
  if (type == FTW_D) {
    save_names(path, new_shadow);
  } else if (type == FTW_F) {
    stat_at(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, &file);
    key_of(&file, key);
    path_of(target, new_shadow, "data", key);
    if (access(target, F_OK) != 0) copy(path, target, 0600); /* else: a second name of it */
  }
  return 0;
}

int main(int count, char **arguments) {
  if (count != 3) {
    fprintf(stderr, "usage: powercut DIR SHADOW\n");
    return 2;
  }
  const char *directory = arguments[1], *shadow = arguments[2];
  char rebuilt[PATH_MAX], part[PATH_MAX], key[KEY_BYTES];
  struct statx root;
  umask(0);
  if (access(shadow, F_OK) == 0) {
    stat_at(AT_FDCWD, directory, 0, &root);
    key_of(&root, key);
    if (snprintf(rebuilt, sizeof rebuilt, "%s.cut", directory) >= (int)sizeof rebuilt) return 2;
    delete_tree(rebuilt);
    make(rebuilt, root.stx_mode & 07777);
    restore(shadow, key, rebuilt);
    delete_tree(directory);
    if (rename(rebuilt, directory) != 0) fail("rename", directory);
    delete_tree(shadow);
  }
  make(shadow, 0700);
  path_of(part, shadow, "", "data");
  make(part, 0700);
  path_of(part, shadow, "", "names");
  make(part, 0700);
  new_shadow = shadow;
  if (nftw(directory, shadow_one, 32, FTW_PHYS) != 0) fail("walk", directory);
  return 0;
}
