#include "agent/windows/service.h"
#include <windows.h>
#include "agent/daemon/calls_windows.h"
#include "agent/windows/event_source.h"

enum { STOP_MS = 9000 };

/* The manager calls back without a context. */
static struct {
    SERVICE_STATUS_HANDLE handle;
    const struct service_work *work;
    int code;
} service;

static void tell(DWORD state)
{
    SERVICE_STATUS status = { .dwServiceType = SERVICE_WIN32_OWN_PROCESS,
                              .dwCurrentState = state,
                              .dwControlsAccepted =
                                  state == SERVICE_RUNNING ? SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_SHUTDOWN | SERVICE_ACCEPT_PARAMCHANGE : 0,
                              .dwWin32ExitCode = state == SERVICE_STOPPED && service.code ? ERROR_SERVICE_SPECIFIC_ERROR : NO_ERROR,
                              .dwServiceSpecificExitCode = (DWORD)service.code,
                              .dwWaitHint = state == SERVICE_STOP_PENDING ? STOP_MS + 1000 : 0 };

    SetServiceStatus(service.handle, &status);
}

/* A request that hangs; the TPM's own manager flushes what is loaded. */
static void CALLBACK force(void *context, BOOLEAN fired)
{
    (void)context, (void)fired;
    tell(SERVICE_STOPPED);
    ExitProcess(0);
}

static DWORD WINAPI on_control(DWORD control, DWORD type, void *data, void *context)
{
    HANDLE timer;

    (void)type, (void)data, (void)context;
    switch (control) {
    case SERVICE_CONTROL_INTERROGATE:
        return NO_ERROR;
    case SERVICE_CONTROL_PARAMCHANGE:
        calls_tell_reload();
        return NO_ERROR;
    case SERVICE_CONTROL_STOP:
    case SERVICE_CONTROL_SHUTDOWN:
        tell(SERVICE_STOP_PENDING);
        (void)!CreateTimerQueueTimer(&timer, NULL, force, NULL, STOP_MS, 0, WT_EXECUTEONLYONCE);
        calls_tell_stop();
        return NO_ERROR;
    default:
        return ERROR_CALL_NOT_IMPLEMENTED;
    }
}

static void WINAPI service_main(DWORD argc, wchar_t **argv)
{
    (void)argc, (void)argv;
    service.handle = RegisterServiceCtrlHandlerExW(service.work->name, on_control, NULL);
    if (!service.handle)
        return;
    tell(SERVICE_RUNNING);
    event_source_tell(L"trueboot-agent runs", true);
    service.code = service.work->run(service.work->context);
    event_source_tell(service.code ? L"trueboot-agent ends with an error; its log says why" : L"trueboot-agent stops", service.code == 0);
    tell(SERVICE_STOPPED);
}

bool service_dispatch(const struct service_work *work, int *ret_code)
{
    SERVICE_TABLE_ENTRYW table[] = { { (wchar_t *)(uintptr_t)work->name, service_main }, { NULL, NULL } };

    service.work = work;
    if (!StartServiceCtrlDispatcherW(table) && GetLastError() == ERROR_FAILED_SERVICE_CONTROLLER_CONNECT)
        return false;
    *ret_code = service.code;
    return true;
}
