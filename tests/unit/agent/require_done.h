/* require_done.h: how a test asks for something of the agent that may fail, and says why it did. */
#pragma once
#include "agent/failure/failure.h"
#include "support/test.h"

#define REQUIRE_DONE(call, why_)                                       \
    do {                                                               \
        bool held_ = (call);                                           \
        test_check(held_, __FILE__, __LINE__, #call);                  \
        if (!held_) {                                                  \
            test_note("%s: %s", failure_name((why_).id), (why_).text); \
            return;                                                    \
        }                                                              \
    } while (0)
