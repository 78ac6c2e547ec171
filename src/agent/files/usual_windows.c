#include <windows.h>
#include "agent/files/usual.h"
#include "base/path.h"

#define PROFILES_KEY L"SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\ProfileList"
#define WINDOWS_KEY  L"SOFTWARE\\Microsoft\\Windows\\CurrentVersion"

/* As the machine's registry has it: a process's environment is whoever's started it, and a service's another one than a person's. */
static const char *folder_of(struct arena *a, const char *root, const wchar_t *key, const wchar_t *value, const char *otherwise)
{
    char narrow[4 * MAX_PATH];
    wchar_t wide[MAX_PATH];
    DWORD size = sizeof wide;

    if (*root)
        return path_copy(a, bytes_of_string(root));
    if (RegGetValueW(HKEY_LOCAL_MACHINE, key, value, RRF_RT_REG_SZ | RRF_SUBKEY_WOW6464KEY, NULL, wide, &size) == ERROR_SUCCESS && *wide &&
        WideCharToMultiByte(CP_UTF8, 0, wide, -1, narrow, sizeof narrow, NULL, NULL) > 0)
        return path_copy(a, bytes_of_string(narrow));
    return path_copy(a, bytes_of_string(otherwise));
}

bool usual_places(struct usual_places *ret, struct arena *a, const char *root, struct err *err)
{
    const char *data = folder_of(a, root, PROFILES_KEY, L"ProgramData", "C:/ProgramData");
    const char *programs = folder_of(a, root, WINDOWS_KEY, L"ProgramFilesDir", "C:/Program Files");
    struct usual_places p = { .host_item = "" };

    if (!data || !programs)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    p.etc = arena_printf(a, "%s/trueboot-agent", data);
    p.state = arena_printf(a, "%s/trueboot-agent/state", data);
    p.run = arena_printf(a, "%s/trueboot-agent/run", data);
    p.publish = arena_printf(a, "%s/trueboot-agent/publish", data);
    p.log = arena_printf(a, "%s/trueboot-agent/logs", data);
    p.program = arena_printf(a, *root ? "%s/program/trueboot-agent" : "%s/trueboot-agent", programs);
    if (!p.etc || !p.state || !p.run || !p.publish || !p.log || !p.program)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    *ret = p;
    return true;
}
