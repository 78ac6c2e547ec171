#include "diagnose/registry_windows.h"

const char *registry_narrow(struct diagnosis *d, const wchar_t *text)
{
    int len = WideCharToMultiByte(CP_UTF8, 0, text, -1, NULL, 0, NULL, NULL);
    char *narrow = len > 0 ? arena_alloc(d->arena, (size_t)len) : NULL;

    return narrow && WideCharToMultiByte(CP_UTF8, 0, text, -1, narrow, len, NULL, NULL) == len ? narrow : "";
}

const char *registry_text(struct diagnosis *d, HKEY root, const wchar_t *key, const wchar_t *name)
{
    wchar_t text[512];
    DWORD size = sizeof text;

    return RegGetValueW(root, key, name, RRF_RT_REG_SZ, NULL, text, &size) == ERROR_SUCCESS ? registry_narrow(d, text) : "";
}

bool registry_number(HKEY root, const wchar_t *key, const wchar_t *name, DWORD *ret)
{
    DWORD size = sizeof *ret;

    return RegGetValueW(root, key, name, RRF_RT_REG_DWORD, NULL, ret, &size) == ERROR_SUCCESS;
}
