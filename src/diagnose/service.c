#include <stdio.h>
#include <stdlib.h>
#include "diagnose/machine.h"

#define UNIT_NAME "trueboot-agent.service"

/* "Key=value" of `systemctl show`. */
static struct bytes property(struct bytes text, const char *name)
{
    while (text.len) {
        size_t end = bytes_find(text, BYTES_LIT("\n")), n = strlen(name);
        struct bytes line = bytes_slice(text, 0, end);

        text = end == SIZE_MAX ? BYTES_NONE : bytes_slice(text, end + 1, text.len);
        if (line.len > n && bytes_starts_with(line, bytes_of_string(name)) && line.data[n] == '=')
            return bytes_slice(line, n + 1, line.len);
    }
    return BYTES_NONE;
}

static void check_unit(struct diagnosis *d, struct bytes shown)
{
    struct bytes load = property(shown, "LoadState"), active = property(shown, "ActiveState"), sub = property(shown, "SubState");
    struct bytes restarts = property(shown, "NRestarts"), watchdog = property(shown, "WatchdogUSec"), result = property(shown, "Result");
    bool runs = bytes_equal_string(active, "active"), loaded = bytes_equal_string(load, "loaded");
    bool restarted = restarts.len && !bytes_equal_string(restarts, "0");
    struct checked *c;

    c = diagnosis_add(d, CHECK_UNIT,
                      runs     ? RESULT_PASS
                      : loaded ? RESULT_FAIL
                               : RESULT_WARN,
                      UNIT_NAME ": %.*s, %.*s (%.*s), last result %.*s", BYTES_FMT(load), BYTES_FMT(active), BYTES_FMT(sub),
                      BYTES_FMT(result));
    if (!loaded)
        checked_remedy(d, c, "the unit is not installed: install the package, or enable the extension");
    else if (!runs)
        checked_remedy(d, c, "systemctl enable --now " UNIT_NAME "; journalctl -u " UNIT_NAME " says why it ended");
    if (!loaded) {
        diagnosis_add(d, CHECK_UNIT_RESTARTS, RESULT_SKIP, "the unit is not installed");
        return;
    }
    c = diagnosis_add(d, CHECK_UNIT_RESTARTS, restarted ? RESULT_WARN : RESULT_PASS, "%.*s restarts, watchdog %.*s", BYTES_FMT(restarts),
                      BYTES_FMT(watchdog));
    if (restarted)
        checked_remedy(d, c, "journalctl -u " UNIT_NAME " -p warning");
}

/* The number behind "name=" of an audit record; -1: there is none. */
static long audit_number(const char *line, const char *name, int base)
{
    const char *at = strstr(line, name);
    char *end;
    long value = at ? strtol(at + strlen(name), &end, base) : -1;

    return at && end != at + strlen(name) ? value : -1;
}

/* Two calls that a unit's filter answers with an error as a matter of course, which shows where systemd is told to log that
 * (SYSTEMD_LOG_SECCOMP=1): clone3, behind which the C library falls back to clone, and seccomp, by which the daemon would add its own list. */
static bool is_expected_refusal(const char *line)
{
    enum { CLONE3 = 435, SECCOMP_X86_64 = 317, SECCOMP_AARCH64 = 277 };
    long arch = audit_number(line, " arch=", 16), call = audit_number(line, " syscall=", 10);

    return audit_number(line, " sig=", 10) == 0 &&
           (call == CLONE3 || (arch == 0xc000003e && call == SECCOMP_X86_64) || (arch == 0xc00000b7 && call == SECCOMP_AARCH64));
}

static bool is_filter_refusal_of_us(const char *line)
{
    return strstr(line, "type=1326") && strstr(line, "comm=\"trueboot-agent\"") && !is_expected_refusal(line);
}

static void check_denials(struct diagnosis *d, const struct machine_places *places)
{
    bool readable;
    const char *refusal = machine_last_kernel_line(d, places, is_filter_refusal_of_us, &readable);
    struct checked *c;

    if (!readable) {
        diagnosis_add(d, CHECK_UNIT_DENIALS, RESULT_SKIP, "the kernel's log is not for us");
    } else if (refusal) {
        c = diagnosis_add(d, CHECK_UNIT_DENIALS, RESULT_FAIL, "a system call was refused: %s", refusal);
        checked_remedy(d, c, "add the call to SystemCallFilter= of " UNIT_NAME ", and tell us");
    } else {
        diagnosis_add(d, CHECK_UNIT_DENIALS, RESULT_PASS, "none in the kernel's log");
    }
}

/* The two that stand at the daemon's side: what they do not do shows as a missing log or an old status. */
static void check_helpers(struct diagnosis *d)
{
    static const char *const names[] = { "trueboot-agent-collect.service", "trueboot-agent-publish.service",
                                         "trueboot-agent-publish.timer" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *const argv[] = { "systemctl", "show", names[i], "-p", "LoadState,ActiveState,Result", NULL };
        struct bytes shown = machine_run(d, argv, 4096, 5);
        struct bytes load = property(shown, "LoadState"), active = property(shown, "ActiveState"), result = property(shown, "Result");
        bool failed = bytes_equal_string(active, "failed"), loaded = bytes_equal_string(load, "loaded");
        struct checked *c;

        if (!shown.len || !loaded)
            continue; /* a plain service has none of the publishing ones */
        c = diagnosis_add(d, CHECK_UNIT, failed ? RESULT_FAIL : RESULT_PASS, "%s: %.*s, last result %.*s", names[i], BYTES_FMT(active),
                          BYTES_FMT(result));
        c->subject = names[i];
        if (failed)
            checked_remedy(d, c, "journalctl -u %s says why", names[i]);
    }
}

void machine_check_service(struct diagnosis *d, const struct machine_places *places)
{
    const char *const argv[] = {
        "systemctl", "show", UNIT_NAME, "-p", "LoadState,ActiveState,SubState,NRestarts,Result,WatchdogUSec", NULL
    };
    struct bytes shown = BYTES_NONE;

    machine_check_status(d, places);
    if (places->may_run && machine_has(d, places, "/run/systemd/system"))
        shown = machine_run(d, argv, 16384, 5);
    if (shown.len) {
        check_unit(d, shown);
        check_helpers(d);
    } else {
        diagnosis_add(d, CHECK_UNIT, RESULT_SKIP, "no systemd here");
        diagnosis_add(d, CHECK_UNIT_RESTARTS, RESULT_SKIP, "no systemd here");
    }
    check_denials(d, places);
}
