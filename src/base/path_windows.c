#include <windows.h>
#include "base/path.h"

enum { PATH_CHARACTERS = 4096 };

bool path_is_absolute(const char *path)
{
    bool drive = (*path >= 'A' && *path <= 'Z') || (*path >= 'a' && *path <= 'z');

    return drive && path[1] == ':' && (path[2] == '/' || path[2] == '\\');
}

char *path_copy(struct arena *a, struct bytes path)
{
    char *copy = arena_string(a, path);

    for (char *c = copy; c && *c; c++)
        if (*c == '\\')
            *c = '/';
    return copy;
}

const char *path_of_program(struct arena *a)
{
    char narrow[4 * PATH_CHARACTERS];
    wchar_t path[PATH_CHARACTERS];
    DWORD len = GetModuleFileNameW(NULL, path, PATH_CHARACTERS);

    if (len == 0 || len >= PATH_CHARACTERS || WideCharToMultiByte(CP_UTF8, 0, path, -1, narrow, sizeof narrow, NULL, NULL) <= 0)
        return NULL;
    return path_copy(a, bytes_of_string(narrow));
}
