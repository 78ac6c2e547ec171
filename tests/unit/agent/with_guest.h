/* with_guest.h: how a test takes a struct guest, whichever of guest.h and faulty_guest.h declares it. */
#pragma once
#include "agent/failure.h"

#define WITH_GUEST(g)                             \
    struct guest g CLEANUP(guest_stop) = { 0 };   \
    struct err start_err = ERR_INIT;              \
    if (!guest_start(&g, &start_err)) {           \
        CHECK(start_err.code == ERR_NONE);        \
        SKIP("%s%s", g.vtpm.why, start_err.text); \
    }

#define REQUIRE_DONE(call, why_)                                       \
    do {                                                               \
        bool held_ = (call);                                           \
        test_check(held_, __FILE__, __LINE__, #call);                  \
        if (!held_) {                                                  \
            test_note("%s: %s", failure_name((why_).id), (why_).text); \
            return;                                                    \
        }                                                              \
    } while (0)
