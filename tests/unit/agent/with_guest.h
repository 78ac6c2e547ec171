/* with_guest.h: how a test takes a struct guest, whichever of guest.h and faulty_guest.h declares it. */
#pragma once
#include "unit/agent/require_done.h"

#define WITH_GUEST(g)                             \
    struct guest g CLEANUP(guest_stop) = { 0 };   \
    struct err start_err = ERR_INIT;              \
    if (!guest_start(&g, &start_err)) {           \
        CHECK(start_err.code == ERR_NONE);        \
        SKIP("%s%s", g.vtpm.why, start_err.text); \
    }

/* A guest, and one of its agent's sessions, which nothing has used yet. Declares answer and why, for what the session does. */
#define WITH_SESSION(g, session)                          \
    struct session session CLEANUP(session_done) = { 0 }; \
    struct report_answer answer;                          \
    struct failure why = FAILURE_INIT;                    \
    WITH_GUEST(g);                                        \
    session_init(&session, &g.config)
