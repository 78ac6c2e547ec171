/* eventlog/replay/rules.h: private to replay.c: what a PC's log has to look like, besides giving the right values.
 *
 * An attacker who owns the guest after boot can extend registers and rewrite the log so that it replays; what it cannot do is take back
 * what firmware extended. These rules find the genuine events under their new labels (attack-suite.md 4.2, L1–L10, L15). */
#pragma once
#include "eventlog/replay/proof.h"
#include "findings/finding.h"

enum { SEPARATED_REGISTERS = 8 }; /* 0–7 end with EV_SEPARATOR (PFP 3.3.2) */

struct separators {
    bool sound[SEPARATED_REGISTERS];     /* exactly one, with a legal value that its digest proves */
    uint32_t event[SEPARATED_REGISTERS]; /* its number, if sound */
};

struct rules_input {
    const struct eventlog *log;
    const struct event_mark *marks; /* as if every register were explained */
    uint32_t quoted;                /* registers in question */
    struct findings *findings;
};

void rules_check(const struct rules_input *in, struct separators *ret);

/* Whether a proved ExitBootServices action stands in register 5. */
bool rules_exit_boot_services(const struct eventlog *log, const struct event_mark *marks);
