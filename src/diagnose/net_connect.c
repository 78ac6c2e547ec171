/* NET.02 and NET.03: the route, once for each family; TCP, on whichever of the target's addresses answers first. */
#include "base/clock.h"
#include "diagnose/net.h"

enum { CONNECT_TRIES = 3, CONNECT_MS = 3000 };

void net_route(struct diagnosis *d, const struct net_target *target)
{
    bool seen[2] = { false, false };

    for (size_t i = 0; i < target->n; i++) {
        bool *family_seen = &seen[target->addresses[i].at.ss_family == AF_INET6];

        if (!*family_seen)
            net_route_to(d, target, &target->addresses[i]);
        *family_seen = true;
    }
}

enum outcome { CONNECTED, REFUSED, NO_ANSWER };

/* All addresses at the same time; the first that connects ends it. Which one; or -1. */
static int wait_for_one(struct net_attempt *tries, size_t n, unsigned wait_ms)
{
    int64_t deadline = clock_monotonic_ms() + wait_ms;

    for (int64_t left = wait_ms; left > 0; left = deadline - clock_monotonic_ms()) {
        bool any = false;

        for (size_t i = 0; i < n; i++)
            any |= tries[i].progress == NET_TRYING;
        if (!any)
            break;
        net_attempts_wait(tries, n, (unsigned)left);
        for (size_t i = 0; i < n; i++)
            if (tries[i].progress == NET_CONNECTED)
                return (int)i;
    }
    return -1;
}

static enum outcome try_once(const struct net_target *target, unsigned wait_ms, int *ret_which, int *ret_error)
{
    struct net_attempt tries[NET_ADDRESSES_MAX];
    enum outcome outcome = CONNECTED;

    for (size_t i = 0; i < target->n; i++)
        net_attempt_begin(&target->addresses[i], &tries[i]);
    *ret_which = wait_for_one(tries, target->n, wait_ms);
    if (*ret_which < 0) {
        outcome = REFUSED;
        for (size_t i = 0; i < target->n; i++) {
            if (tries[i].progress == NET_TRYING || tries[i].progress == NET_TIMED_OUT)
                outcome = NO_ANSWER;
            else if (!*ret_error || tries[i].progress == NET_REFUSED)
                *ret_error = tries[i].error;
        }
    }
    for (size_t i = 0; i < target->n; i++)
        net_attempt_end(&tries[i]);
    return outcome;
}

bool net_connect(struct diagnosis *d, const struct net_target *target)
{
    int64_t start = clock_monotonic_ms();
    enum outcome outcome = NO_ANSWER;
    int which = -1, error = 0;
    unsigned tries = 0;
    struct checked *c;

    while (tries < CONNECT_TRIES && outcome != CONNECTED && diagnosis_has_time(d)) {
        unsigned left = diagnosis_left_ms(d);

        error = 0;
        outcome = try_once(target, left < CONNECT_MS ? left : CONNECT_MS, &which, &error);
        tries++;
        if (outcome == REFUSED)
            break; /* it was said clearly */
    }
    if (outcome == CONNECTED) {
        c = diagnosis_add(d, CHECK_CONNECT, RESULT_PASS, "%s port %u in %lld ms%s", target->addresses[which].text, target->port,
                          (long long)(clock_monotonic_ms() - start), tries > 1 ? ", not at the first try" : "");
        c->subject = target->subject;
        return true;
    }
    c = diagnosis_add(d, CHECK_CONNECT, RESULT_FAIL, "%s port %u: %s after %u tries", net_addresses(d, target), target->port,
                      outcome == NO_ANSWER ? "no answer" : net_error_text(d, error), tries);
    c->subject = target->subject;
    net_classify(d, c, outcome == NO_ANSWER ? HTTP_FAILURE_CONNECT_TIMEOUT : HTTP_FAILURE_CONNECT_REFUSED, target);
    return false;
}
