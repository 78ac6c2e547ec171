#include <dirent.h>
#include <io.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

/* Linear enough for what it looks for: needles of a few bytes, in lines and headers. */
void *memmem(const void *haystack, size_t haystack_len, const void *needle, size_t needle_len)
{
    const uint8_t *at = haystack, *first = needle;

    if (needle_len == 0)
        return (void *)(uintptr_t)haystack;
    while (haystack_len >= needle_len) {
        const uint8_t *found = memchr(at, first[0], haystack_len - needle_len + 1);

        if (!found)
            return NULL;
        haystack_len -= (size_t)(found - at);
        at = found;
        if (memcmp(at, needle, needle_len) == 0)
            return (void *)(uintptr_t)at;
        at++;
        haystack_len--;
    }
    return NULL;
}

void explicit_bzero(void *p, size_t len) { SecureZeroMemory(p, len); }

char *strndup(const char *text, size_t max)
{
    size_t len = strnlen(text, max);
    char *copy = malloc(len + 1);

    if (copy) {
        memcpy(copy, text, len);
        copy[len] = '\0';
    }
    return copy;
}

int setenv(const char *name, const char *value, int overwrite)
{
    if (!overwrite && getenv(name))
        return 0;
    return _putenv_s(name, value) == 0 ? 0 : -1;
}

int futimens(int fd, const struct timespec *times)
{
    FILETIME now;

    GetSystemTimeAsFileTime(&now);
    return !times && SetFileTime((HANDLE)_get_osfhandle(fd), NULL, NULL, &now) ? 0 : -1;
}

int unsetenv(const char *name) { return _putenv_s(name, "") == 0 ? 0 : -1; }

uid_t geteuid(void)
{
    uint8_t sid[SECURITY_MAX_SID_SIZE];
    DWORD size = sizeof sid;
    BOOL member = FALSE;

    return CreateWellKnownSid(WinBuiltinAdministratorsSid, NULL, sid, &size) && CheckTokenMembership(NULL, sid, &member) && member ? 0 : 1;
}

gid_t getegid(void) { return 0; }

int alphasort(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

int scandir(const char *folder, struct dirent ***ret, int (*wanted)(const struct dirent *),
            int (*order)(const struct dirent **, const struct dirent **))
{
    DIR *dir = opendir(folder);
    struct dirent **list = NULL, *entry;
    int n = 0;

    while (dir && (entry = readdir(dir)) != NULL) {
        struct dirent **longer, *copy;

        if (wanted && !wanted(entry))
            continue;
        longer = realloc(list, ((size_t)n + 1) * sizeof *list);
        copy = malloc(sizeof *copy);
        if (longer)
            list = longer;
        if (!longer || !copy) {
            free(copy);
            break;
        }
        *copy = *entry;
        list[n++] = copy;
    }
    if (!dir)
        return -1;
    closedir(dir);
    if (n && order)
        qsort(list, (size_t)n, sizeof *list, (int (*)(const void *, const void *))order);
    *ret = list;
    return n;
}
