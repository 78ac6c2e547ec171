#include "truebootd/housekeeping.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/signalled.h"
#include "keystore/expiry.h"
#include "truebootd/tls.h"

enum { STEP_SECONDS = 10 /* files of the operator's are looked at */, STEPS = 360 /* until everything is, hourly */ };

struct housekeeping {
    struct server *server;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop;
    int64_t last_ms; /* when it last looked; 0: never */
};

static void alarm_about(const struct housekeeping *h, const char *what, const char *kid, int64_t not_after_ms, int64_t now_ms)
{
    int days = expiry_alarm(not_after_ms, h->last_ms, now_ms);
    char ends[CLOCK_TEXT_LEN], left[24];

    if (days == EXPIRY_SILENT)
        return;
    clock_format(not_after_ms, ends);
    snprintf(left, sizeof left, "%lld", (long long)(not_after_ms > now_ms ? (not_after_ms - now_ms) / 86400000 : 0));
    log_event(days > 1 ? LOG_WARNING : LOG_ERROR, days ? "a certificate ends soon" : "a certificate has ended", "certificate", what, "kid",
              kid, "ends", ends, "daysLeft", left, NULL);
}

static void look_at_ring(const struct housekeeping *h, enum key_use use, int64_t now_ms)
{
    struct keyring *ring = h->server->attestation.keys[use];
    struct ring_view views[KEYRING_MAX], next;
    struct err err = ERR_INIT;
    bool renewed;
    size_t n;

    if (!keyring_renew(ring, now_ms, &renewed, &next, &err) || !keyring_list(ring, now_ms, views, &n, &err)) {
        log_event(LOG_ERROR, "signing keys cannot be looked after", "use", key_use_name(use), "error", err.text, NULL);
        return;
    }
    if (renewed)
        log_event(LOG_INFO, "a signing key's certificate ends; its successor is published", "use", key_use_name(use), "kid", next.key->kid,
                  NULL);
    for (size_t i = 0; i < n; i++)
        if (views[i].state == KEY_ACTIVE || views[i].state == KEY_PUBLISHED)
            alarm_about(h, key_use_name(use), views[i].key->kid, views[i].not_after_ms, now_ms);
}

static void look(struct housekeeping *h)
{
    const struct attestation_service *s = &h->server->attestation;
    int64_t now_ms = clock_now_ms(), removed;
    struct err err = ERR_INIT;

    tls_look(h->server, true);
    for (enum key_use use = 0; use < KEY_USE_COUNT; use++)
        look_at_ring(h, use, now_ms);
    for (size_t i = 0; i < s->n_certs; i++)
        alarm_about(h, s->certs[i].name, NULL, s->certs[i].cert->not_after_ms, now_ms);
    if (!store_token_prune(h->server->store, now_ms, &removed, &err))
        log_event(LOG_ERROR, "tokens that are over cannot be removed", "error", err.text, NULL);
    h->last_ms = now_ms;
}

/* Each step, because between two of them an expired token could become young again. */
static void look_at_clock(const struct housekeeping *h)
{
    struct err err = ERR_INIT;
    int64_t back_ms;
    char seconds[24];

    if (!store_enrolment_tokens_follow_clock(h->server->store, clock_now_ms(), &back_ms, &err)) {
        log_event(LOG_ERROR, "the clock cannot be looked after", "error", err.text, NULL);
    } else if (back_ms > 0) {
        snprintf(seconds, sizeof seconds, "%lld", (long long)(back_ms / 1000));
        log_event(LOG_WARNING, "the clock was set back; enrolment tokens end as much earlier", "seconds", seconds, NULL);
    }
}

static void *run(void *context)
{
    struct housekeeping *h = context;

    pthread_mutex_lock(&h->lock);
    for (unsigned step = 0; !h->stop; step = (step + 1) % STEPS) {
        int64_t until_ms;

        pthread_mutex_unlock(&h->lock);
        if (step == 0)
            look(h);
        else
            tls_look(h->server, false);
        look_at_clock(h);
        until_ms = clock_monotonic_ms() + STEP_SECONDS * 1000;
        pthread_mutex_lock(&h->lock);
        while (!h->stop && signalled_wait(&h->wake, &h->lock, until_ms))
            ;
    }
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

bool housekeeping_start(struct server *server, struct housekeeping **ret, struct err *err)
{
    struct housekeeping *h = calloc(1, sizeof *h);

    if (!h)
        return err_set(err, ERR_NO_MEMORY, "no memory for housekeeping");
    h->server = server;
    pthread_mutex_init(&h->lock, NULL);
    signalled_init(&h->wake);
    if (pthread_create(&h->thread, NULL, run, h) != 0) {
        free(h);
        return err_set(err, ERR_IO, "no thread for housekeeping");
    }
    *ret = h;
    return true;
}

void housekeeping_stop(struct housekeeping *h)
{
    if (!h)
        return;
    pthread_mutex_lock(&h->lock);
    h->stop = true;
    pthread_cond_signal(&h->wake);
    pthread_mutex_unlock(&h->lock);
    pthread_join(h->thread, NULL);
    pthread_cond_destroy(&h->wake);
    pthread_mutex_destroy(&h->lock);
    free(h);
}
