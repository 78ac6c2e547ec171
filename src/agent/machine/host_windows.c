#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
#include "agent/machine/host.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/reader.h"
#include "crypto/digest.h"

/* SMBIOS 3.x, 7.2, System Information (type 1): UUID at 8, its first three fields little-endian. The table as GetSystemFirmwareTable gives it
 * has eight bytes in front. */
static bool uuid_of_structure(struct bytes structure, char out[static UUID_TEXT_LEN])
{
    const uint8_t *u = structure.len >= 24 ? structure.data + 8 : NULL;
    char text[UUID_TEXT_LEN];

    if (!u)
        return false;
    snprintf(text, sizeof text, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[3], u[2], u[1], u[0], u[5], u[4],
             u[7], u[6], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
    return uuid_canonical(bytes_of_string(text), out);
}

static void read_vm_uuid(char out[static UUID_TEXT_LEN])
{
    enum { RSMB = 0x52534d42, TABLE_MAX = 1 << 20, SYSTEM_INFORMATION = 1 };
    UINT size = GetSystemFirmwareTable(RSMB, 0, NULL, 0);
    uint8_t *table = size > 8 && size < TABLE_MAX ? malloc(size) : NULL;
    struct bytes rest;

    out[0] = '\0';
    if (!table || GetSystemFirmwareTable(RSMB, 0, table, size) != size) {
        free(table);
        return;
    }
    rest = (struct bytes){ table + 8, size - 8 };
    while (rest.len >= 4 && rest.data[1] >= 4) {
        struct bytes structure = bytes_slice(rest, 0, rest.data[1]);
        size_t strings = bytes_find(bytes_slice(rest, structure.len, rest.len), BYTES_LIT("\0\0"));

        if (structure.len == rest.data[1] && rest.data[0] == SYSTEM_INFORMATION && uuid_of_structure(structure, out))
            break;
        if (strings == SIZE_MAX)
            break;
        rest = bytes_slice(rest, structure.len + strings + 2, rest.len);
    }
    free(table);
}

/* Windows has no name for a boot: its start, to ten seconds (clocks are set while it runs), and the machine's name make one. */
static void make_boot_id(struct host *host)
{
    char text[120], hex[2 * DIGEST_MAX_LEN + 1], uuid[UUID_TEXT_LEN];
    struct digest digest;

    snprintf(text, sizeof text, "trueboot boot %lld %s", (long long)((host->boot_time_ms + 5000) / 10000), host->hostname);
    digest_compute(DIGEST_SHA256, bytes_of_string(text), &digest);
    hex_encode(digest_bytes(&digest), hex);
    snprintf(uuid, sizeof uuid, "%.8s-%.4s-4%.3s-8%.3s-%.12s", hex, hex + 8, hex + 13, hex + 17, hex + 20);
    if (!uuid_canonical(bytes_of_string(uuid), host->boot_id))
        host->boot_id[0] = '\0';
}

void host_learn(struct host *ret, const char *run_dir UNUSED)
{
    OSVERSIONINFOW version = { .dwOSVersionInfoSize = sizeof version };
    LONG(WINAPI * get_version)(OSVERSIONINFOW *);
    FARPROC address = GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "RtlGetVersion"); /* GetVersionEx says what a manifest allows */
    wchar_t name[65];
    DWORD len = ARRAY_LEN(name);

    *ret = (struct host){ 0 };
    read_vm_uuid(ret->vm_uuid);
    if (!GetComputerNameExW(ComputerNameDnsHostname, name, &len) ||
        WideCharToMultiByte(CP_UTF8, 0, name, -1, ret->hostname, sizeof ret->hostname, NULL, NULL) <= 0)
        ret->hostname[0] = '\0';
    memcpy(&get_version, &address, sizeof get_version);
    if (get_version && get_version(&version) == 0)
        snprintf(ret->kernel, sizeof ret->kernel, "%lu.%lu.%lu", (unsigned long)version.dwMajorVersion,
                 (unsigned long)version.dwMinorVersion, (unsigned long)version.dwBuildNumber);
    ret->boot_time_ms = clock_now_ms() - clock_monotonic_ms();
    make_boot_id(ret);
}
