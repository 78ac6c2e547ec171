#include "agent/daemon/telemetry.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "agent/files/folder.h"
#include "base/clock.h"
#include "extension/event.h"

enum { KEPT_MAX = 64, LISTED_MAX = 256, HOUR_MS = 3600 * 1000 };

static void prune(int folder)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    const char **names;
    size_t n;

    if (!folder_list(folder, &a, LISTED_MAX, &names, &n, &err))
        return;
    for (size_t i = 0; i + KEPT_MAX < n; i++)
        (void)!folder_unlink(folder, names[i], &err);
}

/* The publisher passes on what sorts behind the one before, and the oldest names go first: a clock that was set back must not make new events old ones. */
static void name_behind_the_last(int folder, char name[static EVENT_NAME_LEN])
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    const char **names;
    size_t n;

    if (folder_list(folder, &a, LISTED_MAX, &names, &n, &err) && n && event_name_is_valid(names[n - 1]) &&
        strlen(names[n - 1]) == strlen(name) && strcmp(name, names[n - 1]) <= 0)
        snprintf(name, EVENT_NAME_LEN, "%llu.json", strtoull(names[n - 1], NULL, 10) + 1);
}

void telemetry_event(struct telemetry *t, const char *level, const char *task, const char *message)
{
    const struct handler_event event = { .level = level,
                                         .task = task,
                                         .message = message,
                                         .version = TRUEBOOT_VERSION,
                                         .operation = t->operation && *t->operation ? t->operation : "-",
                                         .time_ms = clock_now_ms(),
                                         .pid = getpid() };
    struct writer w CLEANUP(writer_done) = { 0 };
    int fd CLEANUP(folder_close_at) = -1;
    char path[PATH_MAX], name[EVENT_NAME_LEN];
    struct err err = ERR_INIT;

    if (event.time_ms / HOUR_MS != t->hour) {
        t->hour = event.time_ms / HOUR_MS;
        t->in_hour = 0;
    }
    if (t->in_hour >= LIMIT_EVENTS_PER_HOUR || snprintf(path, sizeof path, "%s/events", t->out_dir) >= (int)sizeof path ||
        !folder_open(path, &fd, &err))
        return;
    event_write(&w, &event);
    event_name(event.time_ms, t->in_hour++, name);
    name_behind_the_last(fd, name);
    if (writer_ok(&w) && folder_write(fd, fd, name, writer_bytes(&w), 0640, &err))
        prune(fd);
}
