#include "agent/windows/service.h"
#include <stdio.h>
#include <wchar.h>

#define SERVICE_NAME L"trueboot-agent"

/* The manager calls back without a context. */
static struct {
    SERVICE_STATUS_HANDLE handle;
    struct windows_daemon *daemon;
    int code;
} service;

static int failed(const char *what)
{
    DWORD error = GetLastError();

    fprintf(stderr, "trueboot-agent: %s: Windows error %lu%s\n", what, (unsigned long)error,
            error == ERROR_ACCESS_DENIED ? "; run it as an administrator" : "");
    return error == ERROR_ACCESS_DENIED ? SERVICE_EXIT_DENIED : SERVICE_EXIT_FAILED;
}

int service_install(void)
{
    wchar_t path[MAX_PATH + 16] = L"\"";
    DWORD len = GetModuleFileNameW(NULL, path + 1, MAX_PATH);
    SERVICE_DESCRIPTIONW description = { .lpDescription = (wchar_t *)L"Proves how this machine started, by its TPM." };
    SC_ACTION again = { SC_ACTION_RESTART, 30000 };
    SERVICE_FAILURE_ACTIONSW actions = { .dwResetPeriod = 600, .cActions = 1, .lpsaActions = &again };
    SERVICE_SID_INFO sid = { SERVICE_SID_TYPE_RESTRICTED };
    SC_HANDLE manager, installed;

    if (len == 0 || len >= MAX_PATH)
        return failed("the program's own path");
    wcscpy(path + 1 + len, L"\" run");
    manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CREATE_SERVICE);
    if (!manager)
        return failed("the service control manager");
    installed = CreateServiceW(manager, SERVICE_NAME, L"trueboot agent", SERVICE_ALL_ACCESS, SERVICE_WIN32_OWN_PROCESS, SERVICE_AUTO_START,
                               SERVICE_ERROR_NORMAL, path, NULL, NULL, L"Tcpip\0TBS\0", L"NT AUTHORITY\\LocalService", NULL);
    if (!installed && GetLastError() == ERROR_SERVICE_EXISTS) /* again is fine */
        installed = OpenServiceW(manager, SERVICE_NAME, SERVICE_ALL_ACCESS);
    CloseServiceHandle(manager);
    if (!installed)
        return failed("installing the service");
    ChangeServiceConfig2W(installed, SERVICE_CONFIG_DESCRIPTION, &description);
    ChangeServiceConfig2W(installed, SERVICE_CONFIG_FAILURE_ACTIONS, &actions);
    ChangeServiceConfig2W(installed, SERVICE_CONFIG_SERVICE_SID_INFO, &sid);
    CloseServiceHandle(installed);
    return 0;
}

int service_remove(void)
{
    SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT);
    SC_HANDLE found = manager ? OpenServiceW(manager, SERVICE_NAME, SERVICE_STOP | DELETE) : NULL;
    SERVICE_STATUS status;
    int code = 0;

    if (!found && GetLastError() != ERROR_SERVICE_DOES_NOT_EXIST)
        code = failed("finding the service");
    if (found) {
        ControlService(found, SERVICE_CONTROL_STOP, &status);
        if (!DeleteService(found))
            code = failed("removing the service");
        CloseServiceHandle(found);
    }
    if (manager)
        CloseServiceHandle(manager);
    return code;
}

static void tell(DWORD state)
{
    SERVICE_STATUS status = { .dwServiceType = SERVICE_WIN32_OWN_PROCESS,
                              .dwCurrentState = state,
                              .dwControlsAccepted = state == SERVICE_RUNNING ? SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_SHUTDOWN : 0,
                              .dwWin32ExitCode = state == SERVICE_STOPPED && service.code ? ERROR_SERVICE_SPECIFIC_ERROR : NO_ERROR,
                              .dwServiceSpecificExitCode = (DWORD)service.code,
                              .dwWaitHint = state == SERVICE_STOP_PENDING ? 10000 : 0 };

    SetServiceStatus(service.handle, &status);
}

static DWORD WINAPI on_control(DWORD control, DWORD type UNUSED, void *data UNUSED, void *context UNUSED)
{
    if (control == SERVICE_CONTROL_INTERROGATE)
        return NO_ERROR;
    if (control != SERVICE_CONTROL_STOP && control != SERVICE_CONTROL_SHUTDOWN)
        return ERROR_CALL_NOT_IMPLEMENTED;
    tell(SERVICE_STOP_PENDING);
    SetEvent(service.daemon->stop);
    return NO_ERROR;
}

static void WINAPI service_main(DWORD argc UNUSED, wchar_t **argv UNUSED)
{
    service.handle = RegisterServiceCtrlHandlerExW(SERVICE_NAME, on_control, NULL);
    if (!service.handle)
        return;
    tell(SERVICE_RUNNING);
    service.code = windows_daemon_run(service.daemon);
    tell(SERVICE_STOPPED);
}

bool service_dispatch(struct windows_daemon *daemon, int *ret_code)
{
    SERVICE_TABLE_ENTRYW table[] = { { (wchar_t *)SERVICE_NAME, service_main }, { NULL, NULL } };

    service.daemon = daemon;
    if (!StartServiceCtrlDispatcherW(table) && GetLastError() == ERROR_FAILED_SERVICE_CONTROLLER_CONNECT)
        return false;
    *ret_code = service.code;
    return true;
}
