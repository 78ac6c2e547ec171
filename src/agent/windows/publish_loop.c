/* The verb publish on Windows: a service of its own, beside the daemon's. */
#include <windows.h>
#include <stdio.h>
#include "agent/daemon/calls.h"
#include "agent/daemon/calls_windows.h"
#include "agent/handler/service_scm.h"
#include "agent/verbs/handler_verbs.h"
#include "agent/windows/service.h"
#include "base/clock.h"

enum { PATH_CHARACTERS = 4096, REST_MS = 200 /* a status is written in several steps */ };

/* When something is written to OUT, the publisher's occasion. */
static HANDLE watch(const char *out_dir)
{
    wchar_t path[PATH_CHARACTERS];

    return MultiByteToWideChar(CP_UTF8, 0, out_dir, -1, path, PATH_CHARACTERS) > 0
               ? FindFirstChangeNotificationW(path, FALSE, FILE_NOTIFY_CHANGE_FILE_NAME | FILE_NOTIFY_CHANGE_LAST_WRITE)
               : INVALID_HANDLE_VALUE;
}

static int loop(void *context)
{
    struct invocation *in = context;
    HANDLE change = watch(in->places_of.out_dir);
    struct err err = ERR_INIT;
    bool fine = true;

    calls_begin();
    while (!calls_stop()) {
        HANDLE both[] = { calls_event(), change };
        DWORD n = change == INVALID_HANDLE_VALUE ? 1 : 2;

        fine = verb_publish_now(in, &err);
        if (!fine)
            verb_refused("publish", VERB_EXIT_ERROR, &err);
        if (WaitForMultipleObjects(n, both, FALSE, in->every_seconds * 1000) == WAIT_OBJECT_0 + 1) {
            Sleep(REST_MS);
            FindNextChangeNotification(change);
        }
    }
    if (change != INVALID_HANDLE_VALUE)
        FindCloseChangeNotification(change);
    return fine ? VERB_EXIT_OK : VERB_EXIT_ERROR;
}

int verb_publish(struct invocation *in)
{
    const struct service_work work = { .name = SCM_PUBLISHER, .run = loop, .context = in };
    struct err err = ERR_INIT;
    int code;

    if (!in->every_seconds)
        return verb_publish_now(in, &err) ? VERB_EXIT_OK : verb_refused("publish", VERB_EXIT_ERROR, &err);
    return service_dispatch(&work, &code) ? code : loop(in);
}
