#include <windows.h>
#include <stdlib.h>
#include "agent/machine/log_place.h"

enum { NAME_LEN = 25 }; /* "0000000042-0000000001.log": boot and resume, ten digits each */

static bool is_log_name(const char *name)
{
    for (int i = 0; i < NAME_LEN - 4; i++)
        if (i == 10 ? name[i] != '-' : name[i] < '0' || name[i] > '9')
            return false;
    return _stricmp(name + NAME_LEN - 4, ".log") == 0;
}

/* The numbers are padded, so that the greatest name is the last resume of the last boot. */
static void find_newest(const wchar_t *pattern, char newest[static NAME_LEN + 1])
{
    WIN32_FIND_DATAW found;
    HANDLE search = FindFirstFileW(pattern, &found);
    char name[NAME_LEN + 1];

    newest[0] = '\0';
    if (search == INVALID_HANDLE_VALUE)
        return;
    do {
        if (WideCharToMultiByte(CP_UTF8, 0, found.cFileName, -1, name, sizeof name, NULL, NULL) == sizeof name && is_log_name(name) &&
            strcmp(name, newest) > 0)
            memcpy(newest, name, sizeof name);
    } while (FindNextFileW(search, &found));
    FindClose(search);
}

const char *log_place_firmware(struct arena *a)
{
    const char *windows = getenv("SystemRoot");
    const char *folder = arena_printf(a, "%s\\Logs\\MeasuredBoot", windows ? windows : "C:\\Windows");
    wchar_t pattern[MAX_PATH];
    char newest[NAME_LEN + 1] = "";
    const char *all = folder ? arena_printf(a, "%s\\*.log", folder) : NULL;

    if (!all)
        return NULL;
    if (MultiByteToWideChar(CP_UTF8, 0, all, -1, pattern, MAX_PATH) > 0)
        find_newest(pattern, newest);
    return arena_printf(a, "%s\\%s", folder, newest[0] ? newest : "none.log");
}

const char *log_place_of_tpm(struct arena *a UNUSED, const char *tcti UNUSED) { return NULL; }
