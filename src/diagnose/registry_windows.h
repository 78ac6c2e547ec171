/* diagnose/registry_windows.h: values of the registry's machine part, as UTF-8, in the diagnosis' arena. */
#pragma once
#include <winsock2.h>
#include <windows.h>
#include "diagnose/diagnosis.h"

/* "" when it is not there or no text. */
const char *registry_text(struct diagnosis *d, HKEY root, const wchar_t *key, const wchar_t *name);
bool registry_number(HKEY root, const wchar_t *key, const wchar_t *name, DWORD *ret);
/* UTF-16 as UTF-8 in the arena; "" when it cannot be had. */
const char *registry_narrow(struct diagnosis *d, const wchar_t *text);
