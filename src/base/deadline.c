#include "base/deadline.h"
#include "base/clock.h"

static _Thread_local struct deadline current;

struct deadline deadline_set(struct deadline deadline)
{
    struct deadline before = current;

    current = deadline;
    return before;
}

static int64_t left_us(void) { return current.at_us - (current.now_us ? current.now_us() : clock_monotonic_us()); }

bool deadline_passed(void) { return current.at_us != 0 && !current.stored && left_us() <= 0; }

bool deadline_fail(const char *verbing, struct err *err)
{
    return err_set(err, ERR_LATE, "the answer takes too long: given up while %s; try again later", verbing);
}

bool deadline_check(const char *verbing, struct err *err) { return !deadline_passed() || deadline_fail(verbing, err); }

int64_t deadline_left_ms(int64_t most)
{
    int64_t left;

    if (current.at_us == 0 || current.stored)
        return most;
    left = (left_us() + 999) / 1000;
    return left < 0 ? 0 : left < most ? left : most;
}

void deadline_note_stored(void) { current.stored = true; }

void deadline_forget_stored(void) { current.stored = false; }
