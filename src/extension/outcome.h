/* extension/outcome.h: what a failure of the catalogue (guest-agent.md 8.5, 9) means for a handler: exit code, status code, whether it is
 * for good, and which substatus it belongs to. Failures travel between our processes by name; a name that is not in the list is
 * temporary trouble. */
#pragma once
#include "extension/status.h"

enum outcome_class {
    OUTCOME_TROUBLE,  /* success for 30 minutes, then a warning; never an error */
    OUTCOME_FOR_GOOD, /* the handler cannot do its job: an error */
    OUTCOME_WARNING,  /* a warning at once: somebody has to do something */
    OUTCOME_VERDICT,  /* the handler did its job; what it found is not good */
};

struct outcome {
    const char *failure;
    enum outcome_class class;
    int exit_code; /* of `once` and `enroll` (6.5) */
    int code;      /* of the status */
    enum substatus_name concerns;
};

/* Never NULL. */
const struct outcome *outcome_of(const char *failure);
