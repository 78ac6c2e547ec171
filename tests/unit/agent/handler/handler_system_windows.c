#include <windows.h>
#include "base/path.h"
#include "handler_ground.h"

const char *const system_units[] = { NULL };
const char system_program[] = "trueboot-agent.exe";

bool system_make_dir(char *ret, size_t size)
{
    static unsigned made;
    const char *temporary = getenv("TEMP");

    snprintf(ret, size, "%s/trueboot-handler-%lu-%u", temporary ? temporary : "C:/windows/temp", (unsigned long)GetCurrentProcessId(),
             made++);
    for (char *c = ret; *c; c++)
        if (*c == '\\')
            *c = '/';
    return CreateDirectoryA(ret, NULL);
}

void system_remove(const char *path)
{
    char command[512];

    snprintf(command, sizeof command, "rmdir /s /q \"%s\"", path);
    for (char *c = command + 12; *c; c++)
        if (*c == '/')
            *c = '\\';
    (void)!system(command);
}

void system_make_old(const char *path)
{
    const FILETIME old = { .dwHighDateTime = 0x01a00000 };
    HANDLE file = CreateFileA(path, FILE_WRITE_ATTRIBUTES, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0, NULL);

    SetFileTime(file, NULL, NULL, &old);
    CloseHandle(file);
}

bool system_link(const char *to, const char *link) { return CreateSymbolicLinkA(link, to, 0); }
