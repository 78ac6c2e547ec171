/* extension/event.h: one file of the handler's events folder (guest-agent.md 6.11). The VM agent deletes what breaks these rules: names are
 * digits and ".json", all eight keys are there, all values are texts except the two ids, a message has 1 to 3072 characters, a whole event at
 * most 6144. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/writer.h"

enum { EVENT_NAME_LEN = 40 };

struct handler_event {
    const char *level; /* "Critical", "Error", "Warning", "Verbose", "Informational", "LogAlways" */
    const char *task;  /* what was being done: "Attest" */
    const char *message;
    const char *version;   /* of the handler */
    const char *operation; /* id that joins the events of one operation */
    int64_t time_ms;
    int pid;
};

/* 100 ns since 1970 and a counter of what happened within the millisecond (0 to 9999): "17640001230000007.json". */
void event_name(int64_t time_ms, unsigned counter, char ret[static EVENT_NAME_LEN]);
/* Is this a name that the VM agent leaves alone? */
bool event_name_is_valid(const char *name);

/* Cuts what is too long. */
void event_write(struct writer *w, const struct handler_event *event);
/* Reads what event_write wrote. An event of another shape is refused; texts are copied into the arena. */
MUST_CHECK bool event_parse(struct arena *a, struct bytes text, struct handler_event *ret, struct err *err);
