/* tests/support/late.h: a deadline that passes after so many looks at the clock, wherever that is: no test waits, none depends on a machine's speed. */
#pragma once
#include "base/deadline.h"

static _Thread_local long late_looks;

/* Time stands still for `late_looks` looks, then it is up. */
static inline int64_t late_now_us(void) { return late_looks-- > 0 ? 0 : 2; }

/* The thread's deadline passes after `looks`; late_end() takes it away. */
static inline void late_after(long looks)
{
    late_looks = looks;
    deadline_set((struct deadline){ 1, late_now_us, false });
}

static inline void late_end(void) { deadline_set((struct deadline){ 0 }); }
