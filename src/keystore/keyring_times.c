#include "keystore/keyring_inside.h"
#include "x509/ca.h"

/* Pure: a key's state follows from the times noted with it, those of the others, and the clock. */

/* The youngest that may sign; `n` when there is none. Of two from the same moment the later row. */
size_t ring_active(const struct ring_row *rows, size_t n, int64_t now_ms)
{
    size_t best = n;

    for (size_t i = 0; i < n; i++)
        if (!rows[i].revoked_ms && rows[i].active_from_ms <= now_ms && (best == n || rows[i].active_from_ms >= rows[best].active_from_ms))
            best = i;
    return best;
}

size_t ring_waiting(const struct ring_row *rows, size_t n, int64_t now_ms)
{
    for (size_t i = 0; i < n; i++)
        if (!rows[i].revoked_ms && rows[i].active_from_ms > now_ms)
            return i;
    return n;
}

enum key_state ring_state(const struct ring_row *rows, size_t n, size_t i, int64_t now_ms)
{
    if (rows[i].revoked_ms)
        return KEY_REVOKED;
    if (rows[i].active_from_ms > now_ms)
        return KEY_PUBLISHED;
    return ring_active(rows, n, now_ms) == i ? KEY_ACTIVE : KEY_RETIRED;
}

/* Whether nobody needs to know the key any more. What a record key signed is believed for ever. */
bool ring_is_over(enum key_use use, const struct ring_row *rows, size_t n, size_t i, int64_t now_ms)
{
    enum key_state state = ring_state(rows, n, i, now_ms);

    return use != KEY_USE_RECORD && (state == KEY_RETIRED || state == KEY_REVOKED) && rows[i].signed_until_ms + KEYRING_SKEW_MS <= now_ms;
}

/* How long a key is published before it signs. */
int64_t ring_overlap(const struct ring_row *rows, size_t n)
{
    int64_t longest = CA_DAY_MS; /* a report's lifetime where the policy says nothing */

    for (size_t i = 0; i < n; i++)
        if (rows[i].longest_ms > longest)
            longest = rows[i].longest_ms;
    return longest + CA_DAY_MS;
}
