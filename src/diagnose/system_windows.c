/* What Windows says of itself: nothing of it is proved (guest-agent.md 10, System). */
#include "diagnose/registry_windows.h"
#include <cpuid.h>
#include <stdio.h>
#include "diagnose/machine.h"

#define GLOBAL_VARIABLE L"{8be4df61-93ca-11d2-aa0d-00e098032b8c}"
#define BIOS_KEY        L"HARDWARE\\DESCRIPTION\\System\\BIOS"
#define VERSION_KEY     L"SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion"
#define SECURE_BOOT_KEY L"SYSTEM\\CurrentControlSet\\Control\\SecureBoot\\State"
#define TIME_KEY        L"SYSTEM\\CurrentControlSet\\Services\\W32Time"

static const char *architecture(void)
{
    SYSTEM_INFO info;

    GetNativeSystemInfo(&info);
    return info.wProcessorArchitecture == PROCESSOR_ARCHITECTURE_AMD64   ? "x86_64"
           : info.wProcessorArchitecture == PROCESSOR_ARCHITECTURE_ARM64 ? "arm64"
           : info.wProcessorArchitecture == PROCESSOR_ARCHITECTURE_INTEL ? "x86"
                                                                         : "unknown architecture";
}

static void check_os(struct diagnosis *d)
{
    FARPROC address = GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "RtlGetVersion"); /* GetVersionEx says what a manifest allows */
    OSVERSIONINFOW version = { .dwOSVersionInfoSize = sizeof version };
    LONG(WINAPI * get_version)(OSVERSIONINFOW *);
    const char *name = registry_text(d, HKEY_LOCAL_MACHINE, VERSION_KEY, L"ProductName");
    struct checked *c;

    memcpy(&get_version, &address, sizeof get_version);
    if (get_version)
        get_version(&version);
    c = diagnosis_add(d, CHECK_OS, version.dwMajorVersion >= 10 ? RESULT_PASS : RESULT_FAIL, "%.100s, Windows %lu.%lu.%lu, %s",
                      *name ? name : "unknown name", (unsigned long)version.dwMajorVersion, (unsigned long)version.dwMinorVersion,
                      (unsigned long)version.dwBuildNumber, architecture());
    if (c->result != RESULT_PASS)
        checked_remedy(d, c, "Windows 10 or Windows Server 2016, or later, is wanted");
}

static bool is_member(WELL_KNOWN_SID_TYPE type)
{
    uint8_t sid[SECURITY_MAX_SID_SIZE];
    DWORD size = sizeof sid;
    BOOL member = FALSE;

    return CreateWellKnownSid(type, NULL, sid, &size) && CheckTokenMembership(NULL, sid, &member) && member;
}

static void check_privilege(struct diagnosis *d)
{
    struct checked *c;

    if (is_member(WinLocalSystemSid)) {
        diagnosis_add(d, CHECK_PRIVILEGE, RESULT_PASS, "the system's own account");
    } else if (is_member(WinBuiltinAdministratorsSid)) {
        diagnosis_add(d, CHECK_PRIVILEGE, RESULT_PASS, "an administrator, elevated");
    } else {
        c = diagnosis_add(d, CHECK_PRIVILEGE, RESULT_WARN, "no administrator, or not elevated");
        checked_remedy(d, c, "%s: not everything can be seen otherwise", machine_words.be_privileged);
    }
}

static void check_virtual(struct diagnosis *d)
{
    const char *maker = registry_text(d, HKEY_LOCAL_MACHINE, BIOS_KEY, L"SystemManufacturer");
    const char *product = registry_text(d, HKEY_LOCAL_MACHINE, BIOS_KEY, L"SystemProductName");
    enum { HYPERVISOR = 1u << 31 }; /* ECX of leaf 1 */
    unsigned a = 0, b = 0, c = 0, edx = 0;
    bool guest = __get_cpuid(1, &a, &b, &c, &edx) && (c & (unsigned)HYPERVISOR);

    diagnosis_add(d, CHECK_VIRTUAL, RESULT_PASS, "%s%s%.80s%s%.80s", guest ? "virtual machine" : "no hypervisor seen",
                  *maker || *product ? ": " : "", maker, *maker && *product ? " " : "", product);
}

/* Variables want a privilege that administrators have and must ask for. */
static void ask_for_variables(void)
{
    TOKEN_PRIVILEGES want = { .PrivilegeCount = 1, .Privileges = { { .Attributes = SE_PRIVILEGE_ENABLED } } };
    HANDLE token;

    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_ADJUST_PRIVILEGES, &token))
        return;
    if (LookupPrivilegeValueW(NULL, SE_SYSTEM_ENVIRONMENT_NAME, &want.Privileges[0].Luid))
        AdjustTokenPrivileges(token, FALSE, &want, 0, NULL, NULL);
    CloseHandle(token);
}

static bool efi_byte(const wchar_t *name, uint8_t *ret)
{
    uint8_t value[16];

    if (GetFirmwareEnvironmentVariableW(name, GLOBAL_VARIABLE, value, sizeof value) == 0)
        return false;
    *ret = value[0];
    return true;
}

/* GetFirmwareType; where Windows does not say, a variable that only UEFI has does. */
static bool is_uefi(bool *ret_known)
{
    FARPROC address = GetProcAddress(GetModuleHandleW(L"kernel32.dll"), "GetFirmwareType"); /* Wine has none */
    FIRMWARE_TYPE type = FirmwareTypeUnknown;
    BOOL(WINAPI * get_type)(FIRMWARE_TYPE *);

    memcpy(&get_type, &address, sizeof get_type);
    *ret_known = get_type && get_type(&type) && type != FirmwareTypeUnknown;
    if (*ret_known)
        return type == FirmwareTypeUefi;
    *ret_known = GetFirmwareEnvironmentVariableW(L"", L"{00000000-0000-0000-0000-000000000000}", NULL, 0) == 0 &&
                 GetLastError() == ERROR_INVALID_FUNCTION; /* documented: the answer of a machine without UEFI */
    return false;
}

static void check_secure_boot(struct diagnosis *d)
{
    uint8_t on = 0, setup = 0;
    DWORD said = 0;
    struct checked *c;

    if (efi_byte(L"SecureBoot", &on)) {
        (void)!efi_byte(L"SetupMode", &setup);
    } else if (registry_number(HKEY_LOCAL_MACHINE, SECURE_BOOT_KEY, L"UEFISecureBootEnabled", &said)) {
        on = said == 1;
    } else {
        c = diagnosis_add(d, CHECK_SECURE_BOOT, RESULT_WARN, "neither the firmware's variable nor Windows says");
        checked_remedy(d, c, "%s", machine_words.be_privileged);
        return;
    }
    if (setup) {
        c = diagnosis_add(d, CHECK_SECURE_BOOT, RESULT_FAIL, "SetupMode: no platform key is enrolled, nothing is enforced");
        checked_remedy(d, c, "enrol the platform's keys (for a new VM: use its Secure Boot variable store)");
    } else if (!on) {
        c = diagnosis_add(d, CHECK_SECURE_BOOT, RESULT_FAIL, "off: attestation will be Unhealthy by definition");
        checked_remedy(d, c, "switch Secure Boot on in the VM's definition and start it again");
    } else {
        diagnosis_add(d, CHECK_SECURE_BOOT, RESULT_PASS, said ? "on, says Windows" : "on, user mode");
    }
}

static void check_firmware(struct diagnosis *d)
{
    bool known, uefi = is_uefi(&known);
    struct checked *c;

    diagnosis_add(d, CHECK_MOK, RESULT_SKIP, "Windows is not started by shim");
    if (known && !uefi) {
        c = diagnosis_add(d, CHECK_UEFI, RESULT_FAIL, "BIOS firmware");
        checked_remedy(d, c, "give the VM UEFI firmware with Secure Boot (Trusted Launch)");
        diagnosis_add(d, CHECK_SECURE_BOOT, RESULT_SKIP, "no UEFI");
        return;
    }
    if (known)
        diagnosis_add(d, CHECK_UEFI, RESULT_PASS, "yes");
    else
        diagnosis_add(d, CHECK_UEFI, RESULT_SKIP, "Windows does not say");
    check_secure_boot(d);
}

/* Whether a service is set to run: its own state is the service manager's to say, and is not needed. */
static void check_clock(struct diagnosis *d)
{
    enum { DISABLED = 4 };
    const char *source = registry_text(d, HKEY_LOCAL_MACHINE, TIME_KEY L"\\Parameters", L"Type");
    DWORD start = DISABLED;
    struct checked *c;

    if (!registry_number(HKEY_LOCAL_MACHINE, TIME_KEY, L"Start", &start)) {
        diagnosis_add(d, CHECK_CLOCK_SYNC, RESULT_SKIP, "there is no Windows Time service");
        return;
    }
    if (start != DISABLED && _stricmp(source, "NoSync") != 0) {
        diagnosis_add(d, CHECK_CLOCK_SYNC, RESULT_PASS, "Windows Time is on%s%.40s; CLK.01 compares", *source ? ", by " : "", source);
        return;
    }
    c = diagnosis_add(d, CHECK_CLOCK_SYNC, RESULT_WARN, "Windows Time is off: only a hypervisor may set the clock");
    checked_remedy(d, c, "%s", machine_words.set_clock);
}

/* The nearest folder that exists. */
static bool free_of(const char *folder, unsigned long long *ret_mib)
{
    ULARGE_INTEGER bytes;
    wchar_t path[512];
    wchar_t *end;

    if (MultiByteToWideChar(CP_UTF8, 0, folder, -1, path, ARRAY_LEN(path)) <= 0)
        return false;
    while (!GetDiskFreeSpaceExW(path, &bytes, NULL, NULL)) {
        end = wcspbrk(path, L"/\\");
        for (wchar_t *next = end; next; next = wcspbrk(next + 1, L"/\\"))
            end = next;
        if (!end)
            return false;
        *end = 0;
    }
    *ret_mib = bytes.QuadPart >> 20;
    return true;
}

static void check_space(struct diagnosis *d, const char *folder)
{
    enum { ENOUGH_MIB = 32 };
    unsigned long long mib;
    struct checked *c;

    if (!free_of(folder, &mib))
        return;
    c = diagnosis_add(d, CHECK_SPACE, mib < 1 ? RESULT_FAIL : mib < ENOUGH_MIB ? RESULT_WARN : RESULT_PASS, "%llu MiB", mib);
    c->subject = arena_printf(d->arena, "of %s", folder);
    if (c->result != RESULT_PASS)
        checked_remedy(d, c, "make room: the agent goes on from memory, but forgets at every start");
}

void machine_check_system(struct diagnosis *d, const struct machine_places *places)
{
    ask_for_variables();
    check_os(d);
    check_privilege(d);
    check_virtual(d);
    check_firmware(d);
    diagnosis_add(d, CHECK_LOCKDOWN, RESULT_SKIP, "a setting of Linux' kernel; Code Integrity's state is in the boot's log");
    check_clock(d);
    check_space(d, places->state_dir);
    check_space(d, places->log_dir);
    diagnosis_add(d, CHECK_LSM, RESULT_SKIP, "modules of Linux; Windows has neither");
}

/* The agent logs into its own file; the event log has the service manager's words only. */
struct bytes machine_journal(struct diagnosis *d UNUSED, const struct machine_places *places UNUSED, size_t limit UNUSED)
{
    return BYTES_NONE;
}
