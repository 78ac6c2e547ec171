#include "agent/windows/event_source.h"
#include <windows.h>
#include "base/compiler.h"

#define LOG_KEY L"SYSTEM\\CurrentControlSet\\Services\\EventLog\\Application\\trueboot-agent"
/* Windows' own table of messages that are nothing but their text, for ids 1 to 1000. */
#define MESSAGES L"%SystemRoot%\\System32\\EventCreate.exe"

bool event_source_add(struct err *err)
{
    const DWORD types = EVENTLOG_ERROR_TYPE | EVENTLOG_WARNING_TYPE | EVENTLOG_INFORMATION_TYPE;
    LSTATUS result = RegSetKeyValueW(HKEY_LOCAL_MACHINE, LOG_KEY, L"EventMessageFile", REG_EXPAND_SZ, MESSAGES, sizeof MESSAGES);

    if (result == ERROR_SUCCESS)
        result = RegSetKeyValueW(HKEY_LOCAL_MACHINE, LOG_KEY, L"TypesSupported", REG_DWORD, &types, sizeof types);
    return result == ERROR_SUCCESS ? true : err_set(err, ERR_IO, "the event log's list of sources: Windows error %ld", result);
}

void event_source_remove(void) { RegDeleteKeyW(HKEY_LOCAL_MACHINE, LOG_KEY); }

void event_source_tell(const wchar_t *text, bool fine)
{
    const wchar_t *strings[] = { text };
    HANDLE log = RegisterEventSourceW(NULL, L"trueboot-agent");

    if (!log)
        return;
    ReportEventW(log, fine ? EVENTLOG_INFORMATION_TYPE : EVENTLOG_ERROR_TYPE, 0, 1, NULL, ARRAY_LEN(strings), 0, strings, NULL);
    DeregisterEventSource(log);
}
