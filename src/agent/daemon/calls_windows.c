#include <windows.h>
#include "agent/daemon/calls.h"
#include "agent/daemon/calls_windows.h"
#include "base/compiler.h"

/* Whoever may open it may have the daemon attest: administrators, and who runs it. */
static const wchar_t wake_name[] = L"Global\\trueboot-agent-attest-now";

static volatile LONG stopping, reloading;
static HANDLE called, wake; /* called: automatic, some flag was set; wake: stays set until it is forgotten */

void *calls_event(void)
{
    static HANDLE made;
    HANDLE fresh;

    if (made)
        return made;
    fresh = CreateEventW(NULL, FALSE, FALSE, NULL);
    if (InterlockedCompareExchangePointer(&made, fresh, NULL) && fresh)
        CloseHandle(fresh);
    return made;
}

static void tell(volatile LONG *flag)
{
    InterlockedExchange(flag, 1);
    if (calls_event())
        SetEvent(calls_event());
}

void calls_tell_stop(void) { tell(&stopping); }
void calls_tell_reload(void) { tell(&reloading); }

static BOOL WINAPI on_console(DWORD event)
{
    if (event == CTRL_LOGOFF_EVENT) /* comes to services, too, whoever logs off */
        return FALSE;
    calls_tell_stop();
    return TRUE;
}

/* A stop that came before the loop began is kept; a reload is what we begin with. */
void calls_begin(void)
{
    InterlockedExchange(&reloading, 0);
    called = calls_event();
    if (!wake)
        wake = CreateEventW(NULL, TRUE, FALSE, wake_name);
    SetConsoleCtrlHandler(on_console, TRUE);
}

bool calls_stop(void) { return stopping; }
bool calls_reload(void) { return reloading; }
bool calls_woken(void) { return wake && WaitForSingleObject(wake, 0) == WAIT_OBJECT_0; }

void calls_forget_wake(void)
{
    if (wake)
        ResetEvent(wake);
}

void calls_hold(void) {} /* an event stays set until somebody waits for it */
void calls_release(void) {}

bool calls_sleep(int64_t ms, int first UNUSED, int second UNUSED)
{
    HANDLE both[] = { called, wake };
    DWORD n = wake ? 2 : 1, pause = ms < 0 ? 0 : ms > INT32_MAX ? INT32_MAX : (DWORD)ms;

    if (called)
        WaitForMultipleObjects(n, both, FALSE, pause);
    else
        Sleep(pause);
    return false;
}

bool calls_thread(pthread_t *ret, unsigned stack_bytes, void *(*run)(void *context), void *context)
{
    pthread_attr_t small;
    bool fine;

    if (pthread_attr_init(&small))
        return false;
    pthread_attr_setstacksize(&small, stack_bytes);
    fine = pthread_create(ret, &small, run, context) == 0;
    pthread_attr_destroy(&small);
    return fine;
}

bool calls_wake(int64_t pid UNUSED)
{
    HANDLE event = OpenEventW(EVENT_MODIFY_STATE, FALSE, wake_name);
    bool told = event && SetEvent(event);

    if (event)
        CloseHandle(event);
    return told;
}
