/* agent/files/folder.h on Windows. A folder's number is that of an open handle: what it is called is asked of the handle, so that a folder that is
 * renamed or replaced meanwhile is not another one. A reparse point (a symbolic link, a junction) is what a link is on Linux: refused. Modes have
 * no meaning: access follows from the folder's own list, which the installer sets (agent/windows/access.h). */
#include "agent/files/folder.h"
#include <windows.h>
#include <aclapi.h>
#include <io.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/file.h"
#include "base/handle_windows.h"
#include "crypto/random.h"

enum { PATH_CHARACTERS = 4096, LEVELS = 4, NO_PLAIN_FILE = FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT };

#define TEMPORARY      ".trueboot-"
#define TEMPORARY_WIDE L".trueboot-"

static void close_at(const HANDLE *file)
{
    if (*file != INVALID_HANDLE_VALUE)
        CloseHandle(*file);
}

static bool refuse(struct err *err, const char *what, const char *name)
{
    DWORD code = GetLastError();

    return err_set(err,
                   code == ERROR_FILE_NOT_FOUND || code == ERROR_PATH_NOT_FOUND ? ERR_NOT_FOUND
                   : code == ERROR_ACCESS_DENIED                                ? ERR_DENIED
                                                                                : ERR_IO,
                   "cannot %s %s: Windows error %lu", what, name, (unsigned long)code);
}

void folder_close_at(const int *fd)
{
    if (*fd >= 0)
        _close(*fd);
}

static HANDLE handle_of(int folder) { return (HANDLE)_get_osfhandle(folder); }

static HANDLE open_folder(const wchar_t *name)
{
    return CreateFileW(name, FILE_LIST_DIRECTORY | READ_CONTROL | SYNCHRONIZE, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                       OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, NULL);
}

static bool is_plain(HANDLE handle, bool folder)
{
    BY_HANDLE_FILE_INFORMATION info;

    if (GetFileType(handle) != FILE_TYPE_DISK || !GetFileInformationByHandle(handle, &info) ||
        (info.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT))
        return false;
    return folder ? (info.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0
                  : !(info.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) && info.nNumberOfLinks == 1;
}

/* "\\?\C:\…\NAME": with that prefix a name is taken as it is. */
static bool path_in(int folder, const char *name, wchar_t out[static PATH_CHARACTERS], struct err *err)
{
    DWORD len = GetFinalPathNameByHandleW(handle_of(folder), out, PATH_CHARACTERS, VOLUME_NAME_DOS);

    if (len == 0 || len + 2 >= PATH_CHARACTERS)
        return refuse(err, "name the folder of", name);
    out[len] = L'\\';
    if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, name, -1, out + len + 1, (int)(PATH_CHARACTERS - len - 1)) > 0)
        return true;
    return err_set(err, ERR_LIMIT, "not a name, or too long a one: %s", name);
}

bool folder_make(const char *path, mode_t mode, uid_t uid UNUSED, gid_t gid UNUSED, struct err *err)
{
    int fd CLEANUP(folder_close_at) = -1;

    return file_make_dirs(path, mode & 0777, err) && folder_open(path, &fd, err);
}

bool folder_open(const char *path, int *ret_fd, struct err *err)
{
    wchar_t name[PATH_CHARACTERS];
    HANDLE handle;

    if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, name, PATH_CHARACTERS) <= 0)
        return err_set(err, ERR_LIMIT, "not a path, or too long a one: %s", path);
    handle = open_folder(name);
    if (handle == INVALID_HANDLE_VALUE)
        return refuse(err, "open", path);
    if (!is_plain(handle, true)) {
        CloseHandle(handle);
        return err_set(err, ERR_IO, "cannot open %s: it is no folder, or a link to one", path);
    }
    *ret_fd = _open_osfhandle((intptr_t)handle, 0);
    if (*ret_fd >= 0)
        return true;
    CloseHandle(handle);
    return err_set(err, ERR_LIMIT, "cannot open %s: too many are open", path);
}

/* The system, its administrators, or who runs this program. */
static bool is_trusted(PSID owner)
{
    union {
        TOKEN_USER user;
        uint8_t room[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    } me;
    HANDLE token;
    DWORD len;
    bool own;

    if (IsWellKnownSid(owner, WinLocalSystemSid) || IsWellKnownSid(owner, WinBuiltinAdministratorsSid))
        return true;
    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token))
        return false;
    own = GetTokenInformation(token, TokenUser, &me, sizeof me, &len) && EqualSid(me.user.User.Sid, owner);
    CloseHandle(token);
    return own;
}

bool folder_open_ours(const char *path, int *ret_fd, struct err *err)
{
    PSECURITY_DESCRIPTOR descriptor = NULL;
    PSID owner = NULL;
    bool ours;
    int fd;

    if (!folder_open(path, &fd, err))
        return false;
    ours = GetSecurityInfo(handle_of(fd), SE_FILE_OBJECT, OWNER_SECURITY_INFORMATION, &owner, NULL, NULL, NULL, &descriptor) ==
               ERROR_SUCCESS &&
           owner && is_trusted(owner);
    LocalFree(descriptor);
    if (!ours) {
        folder_close_at(&fd);
        return err_set(err, ERR_UNTRUSTED, "%s is not ours", path);
    }
    *ret_fd = fd;
    return true;
}

static bool read_whole(HANDLE file, const char *name, size_t limit, struct arena *a, struct bytes *ret, struct err *err)
{
    uint8_t *to = arena_alloc(a, limit + 1);
    size_t len = 0;

    if (!to)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    while (len <= limit) {
        DWORD n = 0;

        if (!ReadFile(file, to + len, (DWORD)(limit + 1 - len), &n, NULL))
            return refuse(err, "read", name);
        if (n == 0)
            break;
        len += n;
    }
    if (len > limit)
        return err_set(err, ERR_LIMIT, "%s is larger than %zu bytes", name, limit);
    *ret = (struct bytes){ to, len };
    return true;
}

/* 100 ns since 1601 → ns since 1970. */
static int64_t since_1970_ns(FILETIME time)
{
    const int64_t between = INT64_C(116444736000000000);

    return (((int64_t)time.dwHighDateTime << 32 | time.dwLowDateTime) - between) * 100;
}

static HANDLE open_file(int folder, const char *name, DWORD access, struct err *err)
{
    wchar_t path[PATH_CHARACTERS];
    HANDLE file;

    if (!path_in(folder, name, path, err))
        return INVALID_HANDLE_VALUE;
    file = CreateFileW(path, access, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL, OPEN_EXISTING,
                       FILE_FLAG_OPEN_REPARSE_POINT, NULL);
    if (file == INVALID_HANDLE_VALUE)
        (void)!refuse(err, "open", name);
    return file;
}

bool folder_read(int folder, const char *name, size_t limit, struct arena *a, struct folder_file *ret, struct err *err)
{
    HANDLE file CLEANUP(close_at) = open_file(folder, name, GENERIC_READ, err);
    FILETIME written;

    if (file == INVALID_HANDLE_VALUE)
        return false;
    if (!is_plain(file, false) || !GetFileTime(file, NULL, NULL, &written))
        return err_set(err, ERR_UNTRUSTED, "%s is no plain file", name);
    if (!read_whole(file, name, limit, a, &ret->content, err))
        return false;
    ret->modified_ms = since_1970_ns(written) / 1000000;
    return true;
}

bool folder_modified(int folder, const char *name, int64_t *ret_ns)
{
    struct err none = ERR_INIT;
    HANDLE file CLEANUP(close_at) = open_file(folder, name, FILE_READ_ATTRIBUTES, &none);
    FILETIME written;

    if (file == INVALID_HANDLE_VALUE || !is_plain(file, false) || !GetFileTime(file, NULL, NULL, &written))
        return false;
    *ret_ns = since_1970_ns(written);
    return true;
}

static HANDLE make_temporary(int folder, wchar_t path[static PATH_CHARACTERS], struct err *err)
{
    HANDLE file = INVALID_HANDLE_VALUE;
    char name[24];
    uint32_t word;

    for (unsigned i = 0; i < 8 && file == INVALID_HANDLE_VALUE; i++) {
        if (!random_bytes((uint8_t *)&word, sizeof word, err))
            return INVALID_HANDLE_VALUE;
        snprintf(name, sizeof name, TEMPORARY "%08x", (unsigned)word);
        if (!path_in(folder, name, path, err))
            return INVALID_HANDLE_VALUE;
        file = CreateFileW(path, GENERIC_WRITE, 0, NULL, CREATE_NEW, FILE_ATTRIBUTE_NORMAL, NULL);
        if (file == INVALID_HANDLE_VALUE && GetLastError() != ERROR_FILE_EXISTS)
            break;
    }
    if (file == INVALID_HANDLE_VALUE)
        (void)!refuse(err, "create a temporary file for", "the folder");
    return file;
}

bool folder_write(int folder, int through, const char *name, struct bytes content, mode_t mode UNUSED, struct err *err)
{
    wchar_t temporary[PATH_CHARACTERS], path[PATH_CHARACTERS];
    HANDLE file;
    bool written;

    if (!path_in(folder, name, path, err))
        return false;
    file = make_temporary(through, temporary, err);
    if (file == INVALID_HANDLE_VALUE)
        return err_within(err, "%s", name);
    written = handle_write_all(file, content);
    CloseHandle(file);
    if (written && MoveFileExW(temporary, path, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH))
        return true;
    written = refuse(err, "write", name);
    DeleteFileW(temporary);
    return written;
}

bool folder_write_for(int folder, const char *name, struct bytes content, mode_t mode, uid_t uid UNUSED, gid_t gid UNUSED, struct err *err)
{
    return folder_write(folder, folder, name, content, mode, err);
}

bool folder_put(const char *path, struct bytes content, mode_t mode, struct err *err)
{
    const char *slash = strrchr(path, '/');
    int fd CLEANUP(folder_close_at) = -1;
    char folder[PATH_CHARACTERS];

    if (!slash || (size_t)(slash - path) >= sizeof folder)
        return err_set(err, ERR_MALFORMED, "%s is no absolute path", path);
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    return folder_open(folder, &fd, err) && folder_write(fd, fd, slash + 1, content, mode, err);
}

bool folder_unlink(int folder, const char *name, struct err *err)
{
    wchar_t path[PATH_CHARACTERS];

    if (!path_in(folder, name, path, err))
        return false;
    return DeleteFileW(path) || GetLastError() == ERROR_FILE_NOT_FOUND ? true : refuse(err, "remove", name);
}

/* All names; the folder's own and the one above it, too. */
static HANDLE first_in(int folder, WIN32_FIND_DATAW *found, struct err *err)
{
    wchar_t pattern[PATH_CHARACTERS];

    return path_in(folder, "*", pattern, err) ? FindFirstFileW(pattern, found) : INVALID_HANDLE_VALUE;
}

void folder_tidy(int folder, unsigned older_than_seconds)
{
    struct err none = ERR_INIT;
    WIN32_FIND_DATAW found;
    HANDLE search = first_in(folder, &found, &none);
    FILETIME now;

    GetSystemTimeAsFileTime(&now);
    while (search != INVALID_HANDLE_VALUE) {
        int64_t age = (since_1970_ns(now) - since_1970_ns(found.ftLastWriteTime)) / 1000000000;
        char name[4 * MAX_PATH];

        if (wcsncmp(found.cFileName, TEMPORARY_WIDE, wcslen(TEMPORARY_WIDE)) == 0 && !(found.dwFileAttributes & NO_PLAIN_FILE) &&
            (age < 0 || age > older_than_seconds) &&
            WideCharToMultiByte(CP_UTF8, 0, found.cFileName, -1, name, sizeof name, NULL, NULL) > 0)
            (void)!folder_unlink(folder, name, &none);
        if (!FindNextFileW(search, &found)) {
            FindClose(search);
            search = INVALID_HANDLE_VALUE;
        }
    }
}

static int compare_names(const void *x, const void *y) { return strcmp(*(const char *const *)x, *(const char *const *)y); }

bool folder_list(int folder, struct arena *a, size_t max, const char ***ret_names, size_t *ret_n, struct err *err)
{
    const char **names = ARENA_ARRAY(a, max, const char *);
    WIN32_FIND_DATAW found;
    HANDLE search = first_in(folder, &found, err);
    size_t n = 0;

    if (search == INVALID_HANDLE_VALUE)
        return refuse(err, "list", "the folder");
    do {
        char name[4 * MAX_PATH];

        if (found.cFileName[0] == L'.' || n == max || !names ||
            WideCharToMultiByte(CP_UTF8, 0, found.cFileName, -1, name, sizeof name, NULL, NULL) <= 0)
            continue;
        names[n] = arena_string(a, bytes_of_string(name));
        if (!names[n++])
            names = NULL;
    } while (FindNextFileW(search, &found));
    FindClose(search);
    if (!names)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    qsort(names, n, sizeof *names, compare_names);
    *ret_names = names;
    *ret_n = n;
    return true;
}

static bool remove_below(const wchar_t *folder, unsigned depth)
{
    wchar_t path[PATH_CHARACTERS];
    WIN32_FIND_DATAW found;
    HANDLE search;

    if (swprintf(path, PATH_CHARACTERS, L"%ls\\*", folder) < 0)
        return false;
    search = FindFirstFileW(path, &found);
    while (search != INVALID_HANDLE_VALUE) {
        bool is_folder = found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY, is_link = found.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT;

        if (wcscmp(found.cFileName, L".") != 0 && wcscmp(found.cFileName, L"..") != 0 &&
            swprintf(path, PATH_CHARACTERS, L"%ls\\%ls", folder, found.cFileName) > 0) {
            if (is_folder && !is_link && depth)
                remove_below(path, depth - 1);
            else if (is_folder)
                RemoveDirectoryW(path);
            else
                DeleteFileW(path);
        }
        if (!FindNextFileW(search, &found)) {
            FindClose(search);
            search = INVALID_HANDLE_VALUE;
        }
    }
    return RemoveDirectoryW(folder);
}

bool folder_remove(const char *path, struct err *err)
{
    wchar_t name[PATH_CHARACTERS];
    int fd;

    if (!folder_open(path, &fd, err))
        return err->code == ERR_NOT_FOUND;
    folder_close_at(&fd);
    if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, name, PATH_CHARACTERS) <= 0)
        return err_set(err, ERR_LIMIT, "not a path: %s", path);
    return remove_below(name, LEVELS) ? true : refuse(err, "remove", path);
}

/* There are no numbers of users that are used again. */
bool folder_give(const char *path, uid_t uid UNUSED, gid_t gid UNUSED, struct err *err)
{
    int fd CLEANUP(folder_close_at) = -1;

    return folder_open(path, &fd, err);
}
