#include "agent/handler/service_scm.h"
#include <windows.h>
#include "agent/handler/service.h"
#include "base/clock.h"

enum { WAIT_MS = 30 * 1000, POLL_MS = 50 };

static const wchar_t *const names[] = { SCM_DAEMON, SCM_PUBLISHER };

static bool failed(struct err *err, const char *what)
{
    DWORD error = GetLastError();

    return err_set(err, error == ERROR_ACCESS_DENIED ? ERR_DENIED : ERR_IO, "%s: Windows error %lu%s", what, (unsigned long)error,
                   error == ERROR_ACCESS_DENIED ? "; run it as an administrator" : "");
}

static void close_at(const SC_HANDLE *handle)
{
    if (*handle)
        CloseServiceHandle(*handle);
}

/* NULL without an error: the service is not installed. */
static bool open(const wchar_t *name, DWORD access, SC_HANDLE *ret, struct err *err)
{
    SC_HANDLE manager CLEANUP(close_at) = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT);

    *ret = NULL;
    if (!manager)
        return failed(err, "the service control manager");
    *ret = OpenServiceW(manager, name, access);
    return *ret || GetLastError() == ERROR_SERVICE_DOES_NOT_EXIST ? true : failed(err, "opening the service");
}

static DWORD state_of(SC_HANDLE service)
{
    SERVICE_STATUS status = { 0 };

    return QueryServiceStatus(service, &status) ? status.dwCurrentState : 0;
}

static bool await(SC_HANDLE service, DWORD wanted, struct err *err)
{
    int64_t end = clock_monotonic_ms() + WAIT_MS;

    for (DWORD state; (state = state_of(service)) != wanted;) {
        if (clock_monotonic_ms() >= end || (wanted == SERVICE_RUNNING && state == SERVICE_STOPPED))
            return err_set(err, ERR_IO, wanted == SERVICE_RUNNING ? "the service did not start" : "the service does not stop");
        Sleep(POLL_MS);
    }
    return true;
}

static bool set_start(SC_HANDLE service, DWORD type, struct err *err)
{
    return ChangeServiceConfigW(service, SERVICE_NO_CHANGE, type, SERVICE_NO_CHANGE, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
               ? true
               : failed(err, "changing when the service starts");
}

/* The service manager is busy with another service, or the machine is so busy that a program's first word came too late: not for good. */
static bool may_pass(DWORD error)
{
    return error == ERROR_SERVICE_DATABASE_LOCKED || error == ERROR_SERVICE_REQUEST_TIMEOUT || error == ERROR_INTERNAL_ERROR;
}

static bool ask_to_start(SC_HANDLE service, struct err *err)
{
    for (int64_t end = clock_monotonic_ms() + WAIT_MS; !StartServiceW(service, 0, NULL); Sleep(POLL_MS)) {
        DWORD error = GetLastError();

        if (error == ERROR_SERVICE_ALREADY_RUNNING)
            return true;
        if (!may_pass(error) || clock_monotonic_ms() >= end) {
            SetLastError(error);
            return failed(err, "starting the service");
        }
    }
    return true;
}

static bool start_one(const wchar_t *name, bool needed, struct err *err)
{
    SC_HANDLE service CLEANUP(close_at) = NULL;

    if (!open(name, SERVICE_START | SERVICE_QUERY_STATUS | SERVICE_CHANGE_CONFIG, &service, err))
        return false;
    if (!service)
        return needed ? err_set(err, ERR_NOT_FOUND, "the service is not installed") : true;
    if (!set_start(service, SERVICE_AUTO_START, err) || !ask_to_start(service, err))
        return false;
    return await(service, SERVICE_RUNNING, err);
}

static bool stop_one(const wchar_t *name, bool for_good, struct err *err)
{
    SC_HANDLE service CLEANUP(close_at) = NULL;
    SERVICE_STATUS status;

    if (!open(name, SERVICE_STOP | SERVICE_QUERY_STATUS | SERVICE_CHANGE_CONFIG, &service, err))
        return false;
    if (!service)
        return true;
    if (for_good && !set_start(service, SERVICE_DISABLED, err))
        return false;
    if (state_of(service) == SERVICE_STOPPED)
        return true;
    if (!ControlService(service, SERVICE_CONTROL_STOP, &status) && GetLastError() != ERROR_SERVICE_NOT_ACTIVE &&
        GetLastError() != ERROR_SERVICE_CANNOT_ACCEPT_CTRL) /* it is stopping */
        return failed(err, "stopping the service");
    return await(service, SERVICE_STOPPED, err);
}

static bool scm_units_changed(struct service_control *c UNUSED, struct err *err UNUSED) { return true; }

static bool scm_start(struct service_control *c UNUSED, struct err *err)
{
    return start_one(SCM_DAEMON, true, err) && start_one(SCM_PUBLISHER, false, err);
}

static bool scm_reload(struct service_control *c UNUSED, struct err *err)
{
    SC_HANDLE service CLEANUP(close_at) = NULL;
    SERVICE_STATUS status;

    if (!open(SCM_DAEMON, SERVICE_PAUSE_CONTINUE, &service, err) || !service)
        return service || err_set(err, ERR_NOT_FOUND, "the service is not installed");
    return ControlService(service, SERVICE_CONTROL_PARAMCHANGE, &status) ? true : failed(err, "telling the service");
}

/* The publisher first: it must not say that the daemon is gone. */
static bool stop_both(bool for_good, struct err *err)
{
    for (size_t i = ARRAY_LEN(names); i-- > 0;)
        if (!stop_one(names[i], for_good, err))
            return false;
    return true;
}

static bool scm_pause(struct service_control *c UNUSED, struct err *err) { return stop_both(false, err); }
static bool scm_stop(struct service_control *c UNUSED, struct err *err) { return stop_both(true, err); }

static bool scm_is_active(struct service_control *c UNUSED)
{
    SC_HANDLE service CLEANUP(close_at) = NULL;
    struct err none = ERR_INIT;
    DWORD state;

    if (!open(SCM_DAEMON, SERVICE_QUERY_STATUS, &service, &none) || !service)
        return false;
    state = state_of(service);
    return state == SERVICE_RUNNING || state == SERVICE_START_PENDING;
}

const struct service_ops service_scm_ops = { scm_units_changed, scm_start, scm_reload, scm_pause, scm_stop, scm_is_active };
const struct service_manager service_managers[] = { { "scm", &service_scm_ops }, { "none", &service_none_ops }, { NULL, NULL } };
const char service_manager_names[] = "auto, scm or none";

const char *service_usual_manager(void) { return "scm"; }
