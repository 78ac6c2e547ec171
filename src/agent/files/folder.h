/* agent/files/folder.h: files of folders that another user may write to: by name within an open folder, never through a symbolic link.
 * What root reads and writes where the daemon has power goes through here (guest-agent.md 11.3). */
#pragma once
#include <sys/types.h>
#include "base/arena.h"
#include "base/err.h"

/* folder_make makes the folder (its parents 0755) if it is not there, and gives it mode and owner, where we may. */
MUST_CHECK bool folder_make(const char *path, mode_t mode, uid_t uid, gid_t gid, struct err *err);

/* The last part of the path must be no link. Close with folder_close_at(). */
MUST_CHECK bool folder_open(const char *path, int *ret_fd, struct err *err);
/* … and it must belong to us. */
MUST_CHECK bool folder_open_ours(const char *path, int *ret_fd, struct err *err);
void folder_close_at(const int *fd);

struct folder_file {
    struct bytes content;
    int64_t modified_ms;
};
/* A regular file with one name, of at most `limit` bytes. `name` has no slash. */
MUST_CHECK bool folder_read(int folder, const char *name, size_t limit, struct arena *a, struct folder_file *ret, struct err *err);
/* Temporary file, fsync, rename. `through` is another folder of the same file system for the temporary file; usually the same one. */
MUST_CHECK bool folder_write(int folder, int through, const char *name, struct bytes content, mode_t mode, struct err *err);
/* The same, and the file is given away before it gets its name. */
MUST_CHECK bool folder_write_for(int folder, const char *name, struct bytes content, mode_t mode, uid_t uid, gid_t gid, struct err *err);

/* Removes what folder_write left behind when it was killed (guest-agent.md 6.5: at its limit a verb is), so old that nobody writes it any more. */
void folder_tidy(int folder, unsigned older_than_seconds);

/* folder_unlink removes a file; one that is not there is no error. folder_modified: when a plain file was last written, in ns since 1970. */
MUST_CHECK bool folder_unlink(int folder, const char *name, struct err *err);
MUST_CHECK bool folder_modified(int folder, const char *name, int64_t *ret_ns);

/* folder_write for a whole path, whose folder is trusted. */
MUST_CHECK bool folder_put(const char *path, struct bytes content, mode_t mode, struct err *err);
/* Names in the folder, sorted, without those that start with a dot; at most `max`. */
MUST_CHECK bool folder_list(int folder, struct arena *a, size_t max, const char ***ret_names, size_t *ret_n, struct err *err);
/* The folder and all below it, four levels at most; no link is followed. One that is not there is no error. */
MUST_CHECK bool folder_remove(const char *path, struct err *err);
/* What lies in the folder, plain files of one name and folders: to a user that was made anew under another number. */
MUST_CHECK bool folder_give(const char *path, uid_t uid, gid_t gid, struct err *err);
