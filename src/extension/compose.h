/* extension/compose.h: what the handler says about itself, from what its daemon left behind: a pure function (guest-agent.md 6.9).
 *
 * Two axes are kept apart: the extension's health, and what the boot turned out to be. A refused boot is a substatus, never an error of the
 * extension: that would fail deployments and roll upgrades back. And nothing stays "transitioning" for more than five minutes. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "extension/status.h"

#define COMPOSE_START_MS   (5 * 60 * INT64_C(1000))  /* a daemon that has not started by then, or has not beaten for so long, is down */
#define COMPOSE_TROUBLE_MS (30 * 60 * INT64_C(1000)) /* trouble for longer is a warning */
#define COMPOSE_STRICT_MS  (5 * 60 * INT64_C(1000))  /* strict: no verdict by then is an error */

enum { COMPOSE_NOTES_MAX = 24 };

/* The daemon's out/status.json; times 0 and texts "": not known. The texts lie in the arena. */
struct daemon_state {
    const char *state;   /* "idle", "attesting", "backoff", "degraded" */
    const char *verdict; /* "accepted", "refused" */
    const char *ak_name;
    const char *failure, *failure_message; /* failure "": none */
    struct daemon_note {
        const char *code, *message;
    } notes[COMPOSE_NOTES_MAX]; /* what was noticed and stopped nothing */
    size_t n_notes;
    int64_t cert_until_ms; /* of the attestation key */
    int64_t verdict_ms, report_ms, next_ms, failing_since_ms, started_ms;
};
MUST_CHECK bool daemon_state_parse(struct arena *a, struct bytes text, struct daemon_state *ret, struct err *err);

struct compose_facts {
    const char *operation;       /* "Enable" */
    int64_t applied_ms;          /* the configuration came into force */
    int64_t enabled_ms;          /* the last enable was called */
    int64_t first_enabled_ms;    /* the first one of this installation */
    bool strict;                 /* never set after an upgrade */
    const char *const *warnings; /* about the settings */
    size_t n_warnings;
    const struct daemon_state *daemon; /* NULL: it left nothing */
    int64_t beat_ms;                   /* the loop's last sign of life; 0: none */
};

void compose_status(const struct compose_facts *facts, int64_t now_ms, struct handler_status *ret);

struct heartbeat {
    bool ready;
    int code;
    char message[200];
};
void compose_heartbeat(const struct compose_facts *facts, int64_t now_ms, struct heartbeat *ret);
