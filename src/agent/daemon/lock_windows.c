#include <windows.h>
#include <stdio.h>
#include <string.h>
#include "agent/daemon/lock.h"

enum { PATH_CHARACTERS = 4096 };

/* Whoever has it open for writing shares it for reading only. */
enum lock_result lock_take(struct lock *ret, const char *path, char *holder, size_t size)
{
    wchar_t name[PATH_CHARACTERS];
    char line[64];
    HANDLE file;
    DWORD n = 0;

    *ret = (struct lock){ .file = -1 };
    if (MultiByteToWideChar(CP_UTF8, 0, path, -1, name, PATH_CHARACTERS) <= 0) {
        snprintf(holder, size, "not a path");
        return LOCK_IMPOSSIBLE;
    }
    file = CreateFileW(name, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ, NULL, OPEN_ALWAYS, FILE_FLAG_OPEN_REPARSE_POINT, NULL);
    if (file != INVALID_HANDLE_VALUE) {
        snprintf(line, sizeof line, "%lu " TRUEBOOT_VERSION "\n", (unsigned long)GetCurrentProcessId());
        SetEndOfFile(file);
        WriteFile(file, line, (DWORD)strlen(line), &n, NULL);
        ret->file = (intptr_t)file;
        return LOCK_TAKEN;
    }
    if (GetLastError() != ERROR_SHARING_VIOLATION) {
        snprintf(holder, size, "Windows error %lu", (unsigned long)GetLastError());
        return LOCK_IMPOSSIBLE;
    }
    file = CreateFileW(name, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0, NULL);
    if (file != INVALID_HANDLE_VALUE) {
        ReadFile(file, holder, (DWORD)size - 1, &n, NULL);
        CloseHandle(file);
    }
    holder[n] = 0;
    holder[strcspn(holder, "\n")] = 0;
    return LOCK_HELD;
}

void lock_release(struct lock *lock)
{
    if (lock->file != -1)
        CloseHandle((HANDLE)lock->file);
    lock->file = -1;
}

bool lock_is_held(const char *path)
{
    wchar_t name[PATH_CHARACTERS];
    HANDLE file;

    if (MultiByteToWideChar(CP_UTF8, 0, path, -1, name, PATH_CHARACTERS) <= 0)
        return false;
    file = CreateFileW(name, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return GetLastError() == ERROR_SHARING_VIOLATION;
    CloseHandle(file);
    return false;
}

bool lock_wait(struct lock *ret, const char *path, unsigned wait_ms)
{
    enum { POLL_MS = 100 };
    char holder[64];

    for (unsigned waited = 0; lock_take(ret, path, holder, sizeof holder) == LOCK_HELD; waited += POLL_MS) {
        if (waited >= wait_ms)
            return false;
        Sleep(POLL_MS);
    }
    return true;
}
