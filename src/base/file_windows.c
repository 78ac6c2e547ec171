/* base/file.h on Windows. Paths are UTF-8. `mode` has no meaning here: access follows from the folder's own list, which the installer sets. */
#include "base/file.h"
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>
#include "base/handle_windows.h"

enum { PATH_CHARACTERS = 4096 };

static void close_at(const HANDLE *file)
{
    if (*file != INVALID_HANDLE_VALUE)
        CloseHandle(*file);
}

static bool wide(const char *path, wchar_t out[static PATH_CHARACTERS], struct err *err)
{
    if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, out, PATH_CHARACTERS) > 0)
        return true;
    return err_set(err, ERR_LIMIT, "not a path, or too long a one: %s", path);
}

static bool refuse(struct err *err, const char *what, const char *path)
{
    DWORD code = GetLastError();

    return err_set(err,
                   code == ERROR_FILE_NOT_FOUND || code == ERROR_PATH_NOT_FOUND ? ERR_NOT_FOUND
                   : code == ERROR_ACCESS_DENIED                                ? ERR_DENIED
                                                                                : ERR_IO,
                   "cannot %s %s: Windows error %lu", what, path, (unsigned long)code);
}

bool file_read(const char *path, size_t limit, struct bytes *ret, struct err *err)
{
    HANDLE file CLEANUP(close_at) = INVALID_HANDLE_VALUE;
    size_t len = 0, capacity = 64 * 1024;
    wchar_t name[PATH_CHARACTERS];
    uint8_t *data;

    if (!wide(path, name, err))
        return false;
    /* A log that Windows itself holds open for writing is readable all the same. */
    file = CreateFileW(name, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL, OPEN_EXISTING, 0, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return refuse(err, "open", path);
    data = malloc(capacity);
    for (;;) {
        DWORD n = 0;

        if (!data)
            return err_set(err, ERR_NO_MEMORY, "no memory to read %s", path);
        if (!ReadFile(file, data + len, (DWORD)(capacity - len), &n, NULL)) {
            free(data);
            return refuse(err, "read", path);
        }
        if (n == 0)
            break;
        len += n;
        if (len > limit) {
            free(data);
            return err_set(err, ERR_LIMIT, "%s is larger than %zu bytes", path, limit);
        }
        if (len == capacity) {
            uint8_t *grown = capacity < SIZE_MAX / 4 ? realloc(data, capacity *= 2) : NULL;
            if (!grown)
                free(data);
            data = grown;
        }
    }
    *ret = (struct bytes){ data, len };
    return true;
}

bool handle_write_all(HANDLE file, struct bytes content)
{
    while (content.len) {
        DWORD chunk = content.len > 1 << 20 ? 1 << 20 : (DWORD)content.len, n = 0;

        if (!WriteFile(file, content.data, chunk, &n, NULL) || n == 0)
            return false;
        content = bytes_slice(content, n, content.len);
    }
    return FlushFileBuffers(file);
}

bool file_read_plain(const char *path, size_t limit, struct bytes *ret, struct err *err) { return file_read(path, limit, ret, err); }

bool file_write(const char *path, struct bytes content, mode_t mode UNUSED, struct err *err)
{
    wchar_t name[PATH_CHARACTERS], temporary_name[PATH_CHARACTERS];
    char temporary[PATH_CHARACTERS];
    HANDLE file;
    bool written;

    if (snprintf(temporary, sizeof temporary, "%s.%lu.%lu.tmp", path, (unsigned long)GetCurrentProcessId(),
                 (unsigned long)GetCurrentThreadId()) >= (int)sizeof temporary)
        return err_set(err, ERR_LIMIT, "path too long: %s", path);
    if (!wide(path, name, err) || !wide(temporary, temporary_name, err))
        return false;
    file = CreateFileW(temporary_name, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return refuse(err, "create", path);
    written = handle_write_all(file, content);
    CloseHandle(file);
    if (written && MoveFileExW(temporary_name, name, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH))
        return true;
    written = refuse(err, "write", path);
    DeleteFileW(temporary_name);
    return written;
}

/* There is nothing here that a restart forgets. */
bool file_replace(const char *path, struct bytes content, mode_t mode, struct err *err) { return file_write(path, content, mode, err); }

bool file_rewrite(const char *path, struct bytes content, mode_t mode, struct err *err) { return file_write(path, content, mode, err); }

bool file_overwrite(const char *path, struct bytes content UNUSED, struct err *err)
{
    return err_set(err, ERR_UNSUPPORTED, "%s: not in place", path);
}

bool file_put_in_place(const char *path, struct bytes content, mode_t mode, struct err *err)
{
    return file_replace(path, content, mode, err);
}

static bool is_separator(char c) { return c == '/' || c == '\\'; }

bool file_make_dirs(const char *path, mode_t mode UNUSED, struct err *err)
{
    wchar_t name[PATH_CHARACTERS];
    char part[PATH_CHARACTERS];
    size_t len = strlen(path);

    if (len == 0 || len >= sizeof part)
        return err_set(err, ERR_LIMIT, "path of impossible length: %s", path);
    for (size_t i = 1; i <= len; i++) {
        if ((path[i] != '\0' && !is_separator(path[i])) || path[i - 1] == ':') /* "C:" is no folder to make */
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (!wide(part, name, err))
            return false;
        if (!CreateDirectoryW(name, NULL) && GetLastError() != ERROR_ALREADY_EXISTS)
            return refuse(err, "make folder", part);
    }
    return true;
}

bool file_exists(const char *path)
{
    wchar_t name[PATH_CHARACTERS];
    struct err err;

    return wide(path, name, &err) && GetFileAttributesW(name) != INVALID_FILE_ATTRIBUTES;
}
