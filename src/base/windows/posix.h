/* base/windows/posix.h: the few POSIX and GNU functions that portable files use and Windows' C library lacks. The Windows build includes it
 * in front of every file (-include), so that those files carry no conditions. What cannot be had this way is a file of its own,
 * NAME_windows.c beside NAME.c. */
#pragma once
#include <stddef.h>

typedef int uid_t; /* only ever passed on */
typedef int gid_t;
uid_t geteuid(void); /* 0: an elevated administrator, or the system itself; else 1 */
gid_t getegid(void); /* 0 */

#define O_CLOEXEC  0 /* handles are not inherited unless somebody wants it */
#define O_NOFOLLOW 0
#define O_NONBLOCK 0

#define S_ISLNK(mode)  0 /* what is a link here is no file to stat() either */
#define lstat(path, s) stat(path, s)

struct timespec;
int futimens(int fd, const struct timespec *times); /* now, when NULL; else unsupported */
void *memmem(const void *haystack, size_t haystack_len, const void *needle, size_t needle_len);
void explicit_bzero(void *p, size_t len);
char *strndup(const char *text, size_t max);
int setenv(const char *name, const char *value, int overwrite);
int unsetenv(const char *name);

struct dirent;
int alphasort(const struct dirent **a, const struct dirent **b);
int scandir(const char *folder, struct dirent ***ret, int (*wanted)(const struct dirent *),
            int (*order)(const struct dirent **, const struct dirent **));
