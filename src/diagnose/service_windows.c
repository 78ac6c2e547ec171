/* The agent's services as the service control manager sees them. */
#include "diagnose/registry_windows.h"
#include <stdio.h>
#include "diagnose/machine.h"

#define DAEMON    "trueboot-agent"
#define PUBLISHER "trueboot-agent-publish"

static const char *state_name(DWORD state)
{
    static const char *const names[] = { "unknown", "stopped", "starting", "stopping", "running", "resuming", "pausing", "paused" };

    return state < ARRAY_LEN(names) ? names[state] : "unknown";
}

/* SERVICE_QUERY_CONFIG: who starts it, and what is done when it fails. */
static const char *plan_of(struct diagnosis *d, SC_HANDLE service)
{
    union {
        QUERY_SERVICE_CONFIGW config;
        uint8_t room[8192]; /* the most there can be */
    } c;
    DWORD needed;

    if (!QueryServiceConfigW(service, &c.config, sizeof c, &needed))
        return "its configuration is not for us";
    return arena_printf(d->arena, "%s, as %s",
                        c.config.dwStartType == SERVICE_AUTO_START     ? "automatic"
                        : c.config.dwStartType == SERVICE_DISABLED     ? "disabled"
                        : c.config.dwStartType == SERVICE_DEMAND_START ? "on demand"
                                                                       : "at boot",
                        c.config.lpServiceStartName ? registry_narrow(d, c.config.lpServiceStartName) : "?");
}

static unsigned recoveries(SC_HANDLE service)
{
    union {
        SERVICE_FAILURE_ACTIONSW actions;
        uint8_t room[8192];
    } f;
    DWORD needed;

    return QueryServiceConfig2W(service, SERVICE_CONFIG_FAILURE_ACTIONS, (LPBYTE)&f, sizeof f, &needed) ? f.actions.cActions : 0;
}

static void check_daemon(struct diagnosis *d, SC_HANDLE service)
{
    SERVICE_STATUS_PROCESS status = { 0 };
    DWORD needed, code;
    unsigned again = recoveries(service);
    struct checked *c;

    if (!QueryServiceStatusEx(service, SC_STATUS_PROCESS_INFO, (LPBYTE)&status, sizeof status, &needed)) {
        diagnosis_add(d, CHECK_UNIT, RESULT_SKIP, DAEMON ": its state is not for us");
        diagnosis_add(d, CHECK_UNIT_RESTARTS, RESULT_SKIP, "the service's state is not for us");
        return;
    }
    code = status.dwWin32ExitCode == ERROR_SERVICE_SPECIFIC_ERROR ? status.dwServiceSpecificExitCode : status.dwWin32ExitCode;
    c = diagnosis_add(d, CHECK_UNIT, status.dwCurrentState == SERVICE_RUNNING ? RESULT_PASS : RESULT_FAIL, DAEMON ": %s, %s",
                      state_name(status.dwCurrentState), plan_of(d, service));
    if (c->result != RESULT_PASS)
        checked_remedy(d, c, "%s; its log says why it ended", machine_words.start_service);
    c = diagnosis_add(d, CHECK_UNIT_RESTARTS, again ? RESULT_PASS : RESULT_WARN, "last exit code %lu, %s", (unsigned long)code,
                      again ? "started again after a failure" : "not started again after a failure");
    if (!again)
        checked_remedy(d, c, "trueboot-agent install sets the recovery actions again");
}

/* What it does not do shows as an old status. Only a VM extension has it. */
static void check_publisher(struct diagnosis *d, SC_HANDLE manager)
{
    SC_HANDLE service = OpenServiceW(manager, L"" PUBLISHER, SERVICE_QUERY_STATUS);
    SERVICE_STATUS status;
    struct checked *c;

    if (!service)
        return;
    if (QueryServiceStatus(service, &status)) {
        c = diagnosis_add(d, CHECK_UNIT, status.dwCurrentState == SERVICE_RUNNING ? RESULT_PASS : RESULT_FAIL, PUBLISHER ": %s",
                          state_name(status.dwCurrentState));
        c->subject = PUBLISHER;
        if (c->result != RESULT_PASS)
            checked_remedy(d, c, "sc start " PUBLISHER);
    }
    CloseServiceHandle(service);
}

void machine_check_service(struct diagnosis *d, const struct machine_places *places)
{
    SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT);
    SC_HANDLE service = manager ? OpenServiceW(manager, L"" DAEMON, SERVICE_QUERY_STATUS | SERVICE_QUERY_CONFIG) : NULL;
    DWORD error = service ? 0 : GetLastError();
    struct checked *c;

    machine_check_status(d, places);
    if (service) {
        check_daemon(d, service);
        check_publisher(d, manager);
        CloseServiceHandle(service);
    } else if (error == ERROR_SERVICE_DOES_NOT_EXIST) {
        c = diagnosis_add(d, CHECK_UNIT, RESULT_WARN, DAEMON ": the service is not installed");
        checked_remedy(d, c, "trueboot-agent install, or enable the extension");
        diagnosis_add(d, CHECK_UNIT_RESTARTS, RESULT_SKIP, "the service is not installed");
    } else {
        diagnosis_add(d, CHECK_UNIT, RESULT_SKIP, "the service control manager does not answer us: Windows error %lu",
                      (unsigned long)error);
        diagnosis_add(d, CHECK_UNIT_RESTARTS, RESULT_SKIP, "the service control manager does not answer us");
    }
    if (manager)
        CloseServiceHandle(manager);
    diagnosis_add(d, CHECK_UNIT_DENIALS, RESULT_SKIP, "Windows writes down what a service was refused only where auditing is on");
}
