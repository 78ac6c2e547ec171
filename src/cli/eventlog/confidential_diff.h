/* cli/eventlog/confidential_diff.h: what changed between two logs of a confidential VM's own registers.
 *
 * Nobody here knows what a good boot of such a VM consists of: its registers are shared by what a PC keeps apart. So events are compared, not
 * components: what was measured into the same register with the same digest is the same; of what is left, events of one kind are what
 * changed. The order of events is not compared; the registers say whether it differs. */
#pragma once
#include "cli/eventlog/log_tool.h"

enum measured_change { MEASURED_NEW, MEASURED_MISSING, MEASURED_CHANGED };

struct measured_difference {
    enum measured_change change;
    const struct event *was, *is; /* NULL for what is new, what is missing */
};

/* In the order of the registers. Memory of `a`. */
MUST_CHECK bool confidential_differences(struct arena *a, const struct eventlog *was, const struct eventlog *is, size_t *ret_n,
                                         const struct measured_difference **ret, struct err *err);
