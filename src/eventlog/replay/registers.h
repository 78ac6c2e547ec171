/* eventlog/replay/registers.h: private to replay.c: whether a log explains one register of a quote, and why not. */
#pragma once
#include "eventlog/replay/replay.h"
#include "eventlog/replay/rules.h"

struct replayed_log {
    const struct eventlog *log;
    struct pcr_set quoted, computed;
    enum digest_algorithm strongest;
    enum register_state state[LIMIT_PCRS];
    struct event_mark *marks;
    struct separators separators;
    uint32_t later[LIMIT_PCRS]; /* events of the register from this number on came after the quote */
    bool exit_boot_services;
    bool unlogged; /* replayed_is_unlogged(USER_SPACE_PCR) */
};

bool register_is_reset(const struct digest *value, unsigned pcr);

/* What becomes of the register, with a finding where it is not explained; sets replayed->later. `log_missing`: no event at all came, which is said
 * once and not for every register. */
enum register_state register_check(struct arena *a, struct replayed_log *replayed, unsigned pcr, bool log_missing,
                                   struct findings *findings);
