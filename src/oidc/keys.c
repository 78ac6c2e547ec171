#include "oidc/keys.h"
#include <pthread.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/deadline.h"
#include "base/signalled.h"
#include "oidc/fetch.h"

enum { WAITERS_MAX = 2 };

struct oidc {
    struct oidc_settings settings;
    struct arena texts;
    pthread_mutex_t lock; /* of everything below */
    pthread_cond_t wake, done;
    pthread_t fetcher;
    bool running, stop, wanted;
    unsigned waiting;
    struct oidc_keys *keys;
    uint64_t rounds, fetched, failed; /* rounds: attempts that have ended */
    int64_t fetched_at, attempted_at; /* monotonic milliseconds; 0: never */
    char problem[256];                /* of the last attempt; "" when it succeeded */
};

const struct oidc_settings *oidc_settings(const struct oidc *o) { return &o->settings; }

/* ---- shared lists ------------------------------------------------------------------------------------------------------- */

void oidc_keys_free(struct oidc_keys *keys)
{
    if (!keys || --keys->users > 0)
        return;
    jwks_free(keys->jwks);
    arena_done(&keys->a);
    free(keys);
}

void oidc_keys_free_at(struct oidc_keys **keys) { oidc_keys_free(*keys); }

/* With the lock held. */
static struct oidc_keys *share(struct oidc_keys *keys)
{
    if (keys)
        keys->users++;
    return keys;
}

/* ---- fetching ----------------------------------------------------------------------------------------------------------- */

/* With the lock held, which is let go meanwhile. */
static void fetch(struct oidc *o)
{
    struct oidc_keys *fresh = NULL, *old = NULL;
    struct err err = ERR_INIT;
    bool fine, was_fine = o->problem[0] == '\0';

    o->wanted = false;
    o->attempted_at = clock_monotonic_ms();
    pthread_mutex_unlock(&o->lock);
    fine = oidc_fetch(&o->settings, &fresh, &err);
    pthread_mutex_lock(&o->lock);
    o->rounds++;
    if (fine) {
        old = o->keys;
        o->keys = fresh;
        o->fetched_at = clock_monotonic_ms();
        o->fetched++;
        o->problem[0] = '\0';
    } else {
        o->failed++;
        memcpy(o->problem, err.text, sizeof o->problem - 1); /* err.text is longer */
        o->problem[sizeof o->problem - 1] = '\0';
    }
    pthread_cond_broadcast(&o->done);
    if (o->settings.told && (!fine || !was_fine)) {
        pthread_mutex_unlock(&o->lock);
        o->settings.told(o->settings.context, fine ? NULL : err.text);
        pthread_mutex_lock(&o->lock);
    }
    oidc_keys_free(old);
}

/* When the next fetch is due by itself: after `refresh`, or after `floor` when the last one failed. */
static int64_t due_in(const struct oidc *o)
{
    int64_t gap = o->problem[0] ? o->settings.floor_ms : o->settings.refresh_ms, passed = clock_monotonic_ms() - o->attempted_at;

    return o->attempted_at == 0 || passed >= gap ? 0 : gap - passed;
}

static void *run_fetcher(void *context)
{
    struct oidc *o = context;

    pthread_mutex_lock(&o->lock);
    while (!o->stop) {
        int64_t due = due_in(o);

        if (due == 0 || o->wanted) {
            fetch(o);
            continue;
        }
        signalled_wait(&o->wake, &o->lock, clock_monotonic_ms() + due);
    }
    pthread_mutex_unlock(&o->lock);
    return NULL;
}

/* With the lock held: waits for the end of the attempt that is going on or wanted. */
static bool wait_for_fetch(struct oidc *o, struct err *err)
{
    int64_t until_ms = clock_monotonic_ms() + deadline_left_ms(OIDC_WAIT_MS);
    uint64_t round = o->rounds;

    if (o->waiting >= WAITERS_MAX)
        return err_set(err, ERR_UNREACHABLE, "the keys of %.100s are being fetched; try again", o->settings.issuer);
    o->waiting++;
    while (o->rounds == round && !o->stop && signalled_wait(&o->done, &o->lock, until_ms))
        ;
    o->waiting--;
    return deadline_check("waiting for the keys of the tokens' issuer", err);
}

/* With the lock held. */
static bool take(struct oidc *o, struct oidc_keys **ret, struct err *err)
{
    if (!o->keys)
        return err_set(err, ERR_UNREACHABLE, "the keys of the tokens' issuer are not there: %.150s",
                       o->problem[0] ? o->problem : "it does not answer");
    if (clock_monotonic_ms() - o->fetched_at > o->settings.stale_ms)
        return err_set(err, ERR_UNREACHABLE, "the keys of the tokens' issuer are too old: %.150s", o->problem);
    *ret = share(o->keys);
    return true;
}

bool oidc_keys_get(struct oidc *o, struct oidc_keys **ret, struct err *err)
{
    bool fine = true;

    pthread_mutex_lock(&o->lock);
    if (!o->keys && !o->problem[0]) /* the first attempt has not ended */
        fine = wait_for_fetch(o, err);
    fine = fine && take(o, ret, err);
    pthread_mutex_unlock(&o->lock);
    return fine;
}

bool oidc_keys_get_newer(struct oidc *o, struct oidc_keys **ret, struct err *err)
{
    bool fine = true;

    *ret = NULL;
    pthread_mutex_lock(&o->lock);
    if (o->waiting > 0 || clock_monotonic_ms() - o->attempted_at >= o->settings.floor_ms) {
        /* Whoever comes while another waits, waits for the same fetch: unknown keys do not add up to more of them. */
        o->wanted |= o->waiting == 0;
        pthread_cond_signal(&o->wake);
        fine = wait_for_fetch(o, err) && take(o, ret, err);
    }
    pthread_mutex_unlock(&o->lock);
    return fine;
}

void oidc_refresh(struct oidc *o)
{
    pthread_mutex_lock(&o->lock);
    o->wanted = true;
    pthread_cond_signal(&o->wake);
    pthread_mutex_unlock(&o->lock);
}

struct oidc_state oidc_state(struct oidc *o)
{
    struct oidc_state state;

    pthread_mutex_lock(&o->lock);
    state =
        (struct oidc_state){ o->fetched, o->failed, o->keys ? clock_monotonic_ms() - o->fetched_at : -1, o->keys ? o->keys->jwks->n : 0 };
    pthread_mutex_unlock(&o->lock);
    return state;
}

/* ---- begin and end ------------------------------------------------------------------------------------------------------- */

static bool check_address(const char *name, const char *url, struct err *err)
{
    return !url[0] || strncmp(url, "https://", 8) == 0 ||
           err_set(err, ERR_MALFORMED, "oidc.%s is an address that begins with https://", name);
}

static bool check_settings(const struct oidc_settings *s, struct err *err)
{
    bool fetches = !s->jwks_file[0] && !s->jwks_url[0] && !s->discovery[0];

    if (!s->issuer[0])
        return err_set(err, ERR_MALFORMED, "oidc.issuer is missing");
    if (!s->audiences[0])
        return err_set(err, ERR_MALFORMED, "oidc.audience is missing: a token for somebody else must not open this server");
    if (fetches && !check_address("issuer", s->issuer, err))
        return err_within(err, "set discovery, jwks_url or jwks_file, or");
    return check_address("discovery", s->discovery, err) && check_address("jwks_url", s->jwks_url, err);
}

static bool copy_settings(struct oidc *o, const struct oidc_config *c, struct err *err)
{
    struct oidc_settings *s = &o->settings;
    const struct {
        const char *from, **to;
    } texts[] = { { c->issuer, &s->issuer },           { c->audiences, &s->audiences }, { c->discovery, &s->discovery },
                  { c->jwks_url, &s->jwks_url },       { c->jwks_file, &s->jwks_file }, { c->ca_file, &s->ca_file },
                  { c->role_claims, &s->role_claims }, { c->reader, &s->reader },       { c->policy_admin, &s->policy_admin },
                  { c->enroller, &s->enroller },       { c->auditor, &s->auditor },     { c->security_admin, &s->security_admin },
                  { c->contributor, &s->contributor }, { c->owner, &s->owner } };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (!(*texts[i].to = arena_string(&o->texts, bytes_of_string(texts[i].from ? texts[i].from : ""))))
            return err_set(err, ERR_NO_MEMORY, "no memory for settings");
    s->otherwise = c->otherwise;
    s->refresh_ms = c->refresh_ms;
    s->stale_ms = c->stale_ms;
    s->floor_ms = c->floor_ms;
    s->timeout_ms = c->timeout_ms;
    s->now_ms = c->now_ms;
    s->told = c->told;
    s->context = c->context;
    return check_settings(s, err);
}

bool oidc_new(const struct oidc_config *config, struct oidc **ret, struct err *err)
{
    struct oidc *o = calloc(1, sizeof *o);

    if (!o)
        return err_set(err, ERR_NO_MEMORY, "no memory for the tokens' issuer");
    pthread_mutex_init(&o->lock, NULL);
    signalled_init(&o->wake);
    signalled_init(&o->done);
    if (!copy_settings(o, config, err)) {
        oidc_free(o);
        return false;
    }
    o->running = pthread_create(&o->fetcher, NULL, run_fetcher, o) == 0;
    if (!o->running) {
        oidc_free(o);
        return err_set(err, ERR_NO_MEMORY, "no thread can be started");
    }
    *ret = o;
    return true;
}

void oidc_free(struct oidc *o)
{
    if (!o)
        return;
    pthread_mutex_lock(&o->lock);
    o->stop = true;
    pthread_cond_signal(&o->wake);
    pthread_cond_broadcast(&o->done);
    pthread_mutex_unlock(&o->lock);
    if (o->running)
        pthread_join(o->fetcher, NULL);
    oidc_keys_free(o->keys);
    pthread_cond_destroy(&o->wake);
    pthread_cond_destroy(&o->done);
    pthread_mutex_destroy(&o->lock);
    arena_done(&o->texts);
    free(o);
}
