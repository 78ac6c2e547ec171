#include "agent/failure/backoff.h"

static int64_t share_of(int64_t whole, uint32_t random) { return (int64_t)((uint64_t)whole * random / UINT32_MAX); }

unsigned backoff_in_cycle_ms(unsigned made, unsigned retry_after_seconds, uint32_t random)
{
    enum { RETRY_AFTER_MAX = 300, JITTER_MS = 5000 };
    unsigned pause;

    if (made < 1 || made >= BACKOFF_CYCLE_ATTEMPTS)
        return 0;
    pause = 5u << (made - 1);
    if (retry_after_seconds > RETRY_AFTER_MAX)
        retry_after_seconds = RETRY_AFTER_MAX;
    if (retry_after_seconds > pause)
        pause = retry_after_seconds;
    return pause * 1000 + (unsigned)share_of(JITTER_MS, random);
}

int64_t backoff_between_ms(unsigned failed, int64_t period_ms, uint32_t random)
{
    static const unsigned minutes[] = { 1, 2, 5, 10, 30, 60 };
    size_t row = failed < 1 ? 0 : failed > ARRAY_LEN(minutes) ? ARRAY_LEN(minutes) - 1 : failed - 1;
    int64_t pause = (int64_t)minutes[row] * 60 * 1000;

    if (pause > period_ms)
        pause = period_ms;
    return pause / 10 + share_of(pause - pause / 10, random);
}

int64_t backoff_period_ms(int64_t period_ms, uint32_t random) { return period_ms - share_of(period_ms / 10, random); }

int64_t backoff_start_ms(uint32_t random) { return share_of(60 * 1000, random); }
