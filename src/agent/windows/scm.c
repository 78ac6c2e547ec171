#include "agent/windows/scm.h"
#include <windows.h>
#include <wchar.h>
#include "agent/handler/service_scm.h"

enum { COMMAND_CHARACTERS = 1024, AGAIN_MS = 30000, RESET_SECONDS = 600 };

struct plan {
    const wchar_t *name, *title, *description, *verb, *account, *needs;
    DWORD sid_type;
};

static const struct plan plans[] = {
    { SCM_DAEMON, L"trueboot agent", L"Proves how this machine started, by its TPM.", L"run", L"NT AUTHORITY\\LocalService",
      L"Tcpip\0TBS\0", SERVICE_SID_TYPE_RESTRICTED },
    { SCM_PUBLISHER, L"trueboot agent: status for the VM agent", L"Passes the trueboot agent's status on to the VM agent.",
      L"publish --every 60", NULL /* LocalSystem */, L"\0", SERVICE_SID_TYPE_UNRESTRICTED },
};

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

static bool command_of(const struct plan *p, const char *program, wchar_t ret[static COMMAND_CHARACTERS], struct err *err)
{
    wchar_t path[COMMAND_CHARACTERS];

    if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, program, -1, path, COMMAND_CHARACTERS) <= 0 ||
        swprintf(ret, COMMAND_CHARACTERS, L"\"%ls\" %ls", path, p->verb) < 0)
        return err_set(err, ERR_LIMIT, "path too long: %s", program);
    for (wchar_t *c = ret; *c; c++)
        if (*c == L'/')
            *c = L'\\';
    return true;
}

/* What a failure leads to, and what the token holds. Every one of them is wanted: a service without its limits is not what was promised. */
static bool set_limits(SC_HANDLE service, const struct plan *p, struct err *err)
{
    SERVICE_DESCRIPTIONW description = { .lpDescription = (wchar_t *)(uintptr_t)p->description };
    SC_ACTION again[] = { { SC_ACTION_RESTART, AGAIN_MS } };
    SERVICE_FAILURE_ACTIONSW actions = { .dwResetPeriod = RESET_SECONDS, .cActions = ARRAY_LEN(again), .lpsaActions = again };
    SERVICE_FAILURE_ACTIONS_FLAG also = { .fFailureActionsOnNonCrashFailures = TRUE };
    SERVICE_REQUIRED_PRIVILEGES_INFOW privileges = { .pmszRequiredPrivileges = (wchar_t *)L"SeChangeNotifyPrivilege\0" };
    SERVICE_SID_INFO sid = { p->sid_type };
    const struct {
        DWORD what;
        void *info;
        const char *name;
        bool optional; /* Wine 8 knows neither; Windows since Vista does */
    } all[] = {
        { SERVICE_CONFIG_DESCRIPTION, &description, "its description", true },
        { SERVICE_CONFIG_FAILURE_ACTIONS, &actions, "its recovery", false },
        { SERVICE_CONFIG_FAILURE_ACTIONS_FLAG, &also, "its recovery", true },
        { SERVICE_CONFIG_SERVICE_SID_INFO, &sid, "its SID", false },
        { SERVICE_CONFIG_REQUIRED_PRIVILEGES_INFO, &privileges, "its privileges", false },
    };

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (!ChangeServiceConfig2W(service, all[i].what, all[i].info) && !all[i].optional && GetLastError() != ERROR_INVALID_LEVEL)
            return failed(err, all[i].name);
    return true;
}

static bool install(SC_HANDLE manager, const struct plan *p, const char *program, struct err *err)
{
    SC_HANDLE service CLEANUP(close_at) = NULL;
    wchar_t command[COMMAND_CHARACTERS];

    if (!command_of(p, program, command, err))
        return false;
    service = CreateServiceW(manager, p->name, p->title, SERVICE_ALL_ACCESS, SERVICE_WIN32_OWN_PROCESS, SERVICE_AUTO_START,
                             SERVICE_ERROR_NORMAL, command, NULL, NULL, p->needs, p->account, NULL);
    if (!service && GetLastError() == ERROR_SERVICE_EXISTS) {
        service = OpenServiceW(manager, p->name, SERVICE_ALL_ACCESS);
        if (service && !ChangeServiceConfigW(service, SERVICE_NO_CHANGE, SERVICE_NO_CHANGE, SERVICE_NO_CHANGE, command, NULL, NULL,
                                             p->needs, NULL, NULL, NULL))
            return failed(err, "changing the service");
    }
    return service ? set_limits(service, p, err) : failed(err, "installing the service");
}

bool scm_install(const char *program, bool with_publisher, struct err *err)
{
    SC_HANDLE manager CLEANUP(close_at) = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT | SC_MANAGER_CREATE_SERVICE);

    if (!manager)
        return failed(err, "the service control manager");
    return install(manager, &plans[0], program, err) && (!with_publisher || install(manager, &plans[1], program, err));
}

bool scm_remove(struct err *err)
{
    SC_HANDLE manager CLEANUP(close_at) = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT);

    if (!manager)
        return failed(err, "the service control manager");
    for (size_t i = 0; i < ARRAY_LEN(plans); i++) {
        SC_HANDLE service CLEANUP(close_at) = OpenServiceW(manager, plans[i].name, DELETE);

        if (!service && GetLastError() == ERROR_SERVICE_DOES_NOT_EXIST)
            continue;
        if (!service || (!DeleteService(service) && GetLastError() != ERROR_SERVICE_MARKED_FOR_DELETE))
            return failed(err, "removing the service");
    }
    return true;
}
