#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/signalled.h"
#include "diagnose/net.h"

enum { RESOLVE_SECONDS = 6 };

/* ---- name: getaddrinfo knows no deadline, so it runs beside us and is left behind when it passes ---- */

struct lookup {
    pthread_mutex_t lock;
    pthread_cond_t done_changed;
    bool done, abandoned;
    char host[256], port[8];
    int result;
    struct addrinfo *found;
};

static void lookup_free(struct lookup *l)
{
    if (l->found)
        freeaddrinfo(l->found);
    pthread_cond_destroy(&l->done_changed);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

static void *look_up(void *context)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG }, *found = NULL;
    struct lookup *l = context;
    int result = getaddrinfo(l->host, l->port, &hints, &found);
    bool abandoned;

    pthread_mutex_lock(&l->lock);
    l->done = true;
    l->result = result;
    l->found = result == 0 ? found : NULL;
    abandoned = l->abandoned;
    pthread_cond_signal(&l->done_changed);
    pthread_mutex_unlock(&l->lock);
    if (abandoned)
        lookup_free(l);
    return NULL;
}

static struct lookup *lookup_start(const struct net_target *target)
{
    struct lookup *l = calloc(1, sizeof *l);
    pthread_t thread;

    if (!l)
        return NULL;
    pthread_mutex_init(&l->lock, NULL);
    signalled_init(&l->done_changed);
    snprintf(l->host, sizeof l->host, "%.*s", BYTES_FMT(bytes_slice(target->host, 0, 255)));
    snprintf(l->port, sizeof l->port, "%u", target->port);
    if (pthread_create(&thread, NULL, look_up, l) != 0) {
        lookup_free(l);
        return NULL;
    }
    pthread_detach(thread);
    return l;
}

/* False: no answer in time; the lookup frees itself then. */
static bool lookup_wait(struct lookup *l, unsigned seconds)
{
    int64_t until = clock_monotonic_ms() + (int64_t)seconds * 1000; /* the wall clock may be what is wrong */
    bool done;

    pthread_mutex_lock(&l->lock);
    while (!l->done && signalled_wait(&l->done_changed, &l->lock, until))
        continue;
    done = l->done;
    l->abandoned = !done;
    pthread_mutex_unlock(&l->lock);
    return done;
}

static void keep_addresses(struct net_target *target, const struct addrinfo *found)
{
    for (; found && target->n < NET_ADDRESSES_MAX; found = found->ai_next) {
        struct net_address *a = &target->addresses[target->n];

        if ((size_t)found->ai_addrlen > sizeof a->at ||
            getnameinfo(found->ai_addr, (socklen_t)found->ai_addrlen, a->text, sizeof a->text, NULL, 0, NI_NUMERICHOST) != 0)
            continue;
        memcpy(&a->at, found->ai_addr, found->ai_addrlen);
        a->len = (socklen_t)found->ai_addrlen;
        target->n++;
    }
}

const char *net_addresses(struct diagnosis *d, const struct net_target *target)
{
    const char *text = "";

    for (size_t i = 0; i < target->n && text; i++)
        text = arena_printf(d->arena, "%s%s%s", text, i ? ", " : "", target->addresses[i].text);
    return text ? text : "";
}

/* What name filters answer instead of an address. */
static bool is_sinkhole(const struct net_target *target)
{
    char name[256];

    snprintf(name, sizeof name, "%.*s", BYTES_FMT(bytes_slice(target->host, 0, 255)));
    for (size_t i = 0; i < target->n; i++) {
        const char *text = target->addresses[i].text;

        if (strcmp(name, text) != 0 && strcmp(name, "localhost") != 0 &&
            (strcmp(text, "0.0.0.0") == 0 || strcmp(text, "::") == 0 || strncmp(text, "127.", 4) == 0))
            return true;
    }
    return false;
}

static bool resolve_failed(struct diagnosis *d, const struct net_target *target, const char *why)
{
    struct checked *c = diagnosis_add(d, CHECK_RESOLVE, RESULT_FAIL, "%.*s: %s", BYTES_FMT(bytes_slice(target->host, 0, 200)), why);

    c->subject = target->subject;
    net_classify(d, c, HTTP_FAILURE_DNS, target);
    return false;
}

bool net_resolve(struct diagnosis *d, struct net_target *target)
{
    struct lookup *l = lookup_start(target);
    struct checked *c;
    int result;

    if (!l)
        return resolve_failed(d, target, "out of memory");
    if (!lookup_wait(l, RESOLVE_SECONDS))
        return resolve_failed(d, target, "no answer of the resolver");
    result = l->result;
    keep_addresses(target, l->found);
    lookup_free(l);
    if (result == EAI_NONAME || result == EAI_NODATA)
        return resolve_failed(d, target, "there is no such name, says the resolver (NXDOMAIN)");
    if (result == EAI_AGAIN)
        return resolve_failed(d, target, "the resolver cannot say now (SERVFAIL or no answer)");
    if (result != 0 || !target->n)
        return resolve_failed(d, target, result ? net_resolver_text(d, result) : "no address");
    c = diagnosis_add(d, CHECK_RESOLVE, is_sinkhole(target) ? RESULT_FAIL : RESULT_PASS, "%.*s is %s",
                      BYTES_FMT(bytes_slice(target->host, 0, 200)), net_addresses(d, target));
    c->subject = target->subject;
    if (c->result == RESULT_FAIL)
        checked_remedy(d, c, "a filter answers with an address of this machine: allow the name in the DNS filter");
    return c->result == RESULT_PASS;
}
