#include "agent/windows/access.h"
#include <windows.h>
#include <aclapi.h>
#include <sddl.h>
#include <stdio.h>
#include "agent/handler/service_scm.h"
#include "base/file.h"
#include "crypto/digest.h"

enum { PATH_CHARACTERS = 4096, NAME_MAX_CHARACTERS = 64, MODIFY = 0x1301bf };

void access_service_sid(const wchar_t *service, char ret[static ACCESS_SID_MAX])
{
    wchar_t name[NAME_MAX_CHARACTERS];
    struct digest sha1;
    uint32_t part[5];
    size_t len = 0;

    for (; service[len] && len < NAME_MAX_CHARACTERS; len++)
        name[len] = towupper(service[len]);
    digest_compute(DIGEST_SHA1, (struct bytes){ (const uint8_t *)name, len * sizeof *name }, &sha1);
    memcpy(part, sha1.value, sizeof part);
    snprintf(ret, ACCESS_SID_MAX, "S-1-5-80-%u-%u-%u-%u-%u", part[0], part[1], part[2], part[3], part[4]);
}

static bool wide(const char *path, wchar_t out[static PATH_CHARACTERS], struct err *err)
{
    if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, out, PATH_CHARACTERS) <= 0)
        return err_set(err, ERR_LIMIT, "not a path, or too long a one: %s", path);
    for (wchar_t *c = out; *c; c++) /* these functions take no slashes */
        if (*c == L'/')
            *c = L'\\';
    return true;
}

static bool refused(struct err *err, const char *folder, DWORD error)
{
    return err_set(err, error == ERROR_ACCESS_DENIED ? ERR_DENIED : ERR_IO, "the access list of %s: Windows error %lu", folder,
                   (unsigned long)error);
}

bool access_set(const char *folder, enum access_kind kind, struct err *err)
{
    PSECURITY_DESCRIPTOR descriptor = NULL;
    char sid[ACCESS_SID_MAX], text[256];
    wchar_t path[PATH_CHARACTERS];
    BOOL present, defaulted;
    PACL list = NULL;
    DWORD error;

    access_service_sid(SCM_DAEMON, sid);
    snprintf(text, sizeof text, "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)%s%s%s",
             kind == ACCESS_READ    ? "(A;OICI;FRFX;;;"
             : kind == ACCESS_WRITE ? "(A;OICI;0x1301bf;;;"
                                    : "",
             kind == ACCESS_NONE ? "" : sid, kind == ACCESS_NONE ? "" : ")");
    if (!wide(folder, path, err))
        return false;
    if (!ConvertStringSecurityDescriptorToSecurityDescriptorA(text, SDDL_REVISION_1, &descriptor, NULL) ||
        !GetSecurityDescriptorDacl(descriptor, &present, &list, &defaulted))
        return refused(err, folder, GetLastError());
    error = SetNamedSecurityInfoW(path, SE_FILE_OBJECT, DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION, NULL, NULL, list,
                                  NULL);
    LocalFree(descriptor);
    return error == ERROR_SUCCESS ? true : refused(err, folder, error);
}

static DWORD change(wchar_t *path, ACCESS_MODE mode, DWORD rights)
{
    PSECURITY_DESCRIPTOR descriptor = NULL;
    EXPLICIT_ACCESSW entry = { .grfAccessPermissions = rights,
                               .grfAccessMode = mode,
                               .grfInheritance = SUB_CONTAINERS_AND_OBJECTS_INHERIT,
                               .Trustee = { .TrusteeForm = TRUSTEE_IS_SID } };
    PACL before = NULL, after = NULL;
    char sid[ACCESS_SID_MAX];
    PSID who = NULL;
    DWORD error;

    access_service_sid(SCM_DAEMON, sid);
    if (!ConvertStringSidToSidA(sid, &who))
        return GetLastError();
    entry.Trustee.ptstrName = who;
    error = GetNamedSecurityInfoW(path, SE_FILE_OBJECT, DACL_SECURITY_INFORMATION, NULL, NULL, &before, NULL, &descriptor);
    if (error == ERROR_SUCCESS)
        error = SetEntriesInAclW(1, &entry, before, &after);
    if (error == ERROR_SUCCESS)
        error = SetNamedSecurityInfoW(path, SE_FILE_OBJECT, DACL_SECURITY_INFORMATION, NULL, NULL, after, NULL);
    LocalFree(after);
    LocalFree(descriptor);
    LocalFree(who);
    return error;
}

bool access_grant(const char *folder, enum access_kind kind, struct err *err)
{
    wchar_t path[PATH_CHARACTERS];
    DWORD error;

    if (!wide(folder, path, err))
        return false;
    error = change(path, GRANT_ACCESS, kind == ACCESS_WRITE ? MODIFY : FILE_GENERIC_READ | FILE_GENERIC_EXECUTE);
    return error == ERROR_SUCCESS || error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND ? true : refused(err, folder, error);
}

void access_revoke(const char *folder)
{
    wchar_t path[PATH_CHARACTERS];
    struct err none = ERR_INIT;

    if (wide(folder, path, &none))
        change(path, REVOKE_ACCESS, 0);
}
