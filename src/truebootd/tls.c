#include "truebootd/tls.h"
#include <pthread.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "truebootd/names.h"

enum { TLS_FILE_MAX = 256 * 1024 };

/* Certificates that were in use: whoever lists the server's certificates may be looking at one. */
struct retired {
    struct retired *next;
    struct cert *cert;
};

struct tls {
    pthread_mutex_t lock;                        /* of all below; held while replacing */
    struct digest in_use;                        /* of certificate and key */
    struct digest seen;                          /* when they were looked at last */
    struct retired *certs;                       /* the newest first: the one in use */
    char problem[sizeof((struct err *)0)->text]; /* why the newest is refused; "": it is in use */
    struct tls_state state;
};

/* One certificate with its key, and what is known of them. */
struct pair {
    struct bytes cert_pem, key_pem;
    struct digest digest;
    struct cert *leaf;
};

static bool is_operators(const struct server *s) { return s->config->tls_certificate[0] != '\0'; }

/* ---- our own --------------------------------------------------------------------------------------------------------- */

static bool make_own(struct server *s, struct arena *a, struct pair *ret, struct err *err)
{
    const char *keys = arena_printf(a, "%s/keys", s->config->data);
    struct server_names *names = ARENA_NEW(a, struct server_names);

    if (!keys || !names)
        return err_set(err, ERR_NO_MEMORY, "no memory for a TLS certificate");
    server_names_own(a, s->attestation.issuer, names);
    return server_names_of_providers(s->store, a, s->attestation.issuer, names, err) &&
           keystore_tls(keys, "tls", s->root_ca, names->items, names->n, clock_now_ms(), a, &ret->cert_pem, &ret->key_pem, err);
}

/* ---- reading and checking -------------------------------------------------------------------------------------------- */

static void digest_of(struct pair *pair)
{
    const struct bytes parts[] = { pair->cert_pem, BYTES_LIT("\n"), pair->key_pem };

    digest_compute_parts(DIGEST_SHA256, parts, ARRAY_LEN(parts), &pair->digest);
}

static bool read_pair(struct server *s, struct arena *a, struct pair *ret, struct err *err)
{
    bool fine;

    if (is_operators(s))
        fine = file_read_in(a, s->config->tls_certificate, TLS_FILE_MAX, &ret->cert_pem, err) &&
               file_read_in(a, s->config->tls_key, TLS_FILE_MAX, &ret->key_pem, err);
    else
        fine = make_own(s, a, ret, err);
    if (fine)
        digest_of(ret);
    return fine;
}

/* Whether clients could believe it; that key and certificate fit is the TLS library's to say, which knows more kinds of keys. */
static bool check_pair(struct server *s, struct pair *pair, int64_t now_ms, struct err *err)
{
    const char *where = is_operators(s) ? s->config->tls_certificate : "keys/tls.pem";
    char text[CLOCK_TEXT_LEN];

    if (!cert_parse_pem(pair->cert_pem, &pair->leaf, err))
        return err_within(err, "%s", where);
    clock_format(now_ms < pair->leaf->not_before_ms ? pair->leaf->not_before_ms : pair->leaf->not_after_ms, text);
    if (now_ms < pair->leaf->not_before_ms)
        return err_set(err, ERR_UNTRUSTED, "%s: the certificate does not hold before %s", where, text);
    if (now_ms >= pair->leaf->not_after_ms)
        return err_set(err, ERR_UNTRUSTED, "%s: the certificate ended at %s", where, text);
    return true;
}

/* With the lock held: the pair is in use from now on; takes its leaf. */
static bool adopt(struct server *s, struct pair *pair, struct err *err)
{
    struct attestation_service *a = &s->attestation;
    struct retired *r = calloc(1, sizeof *r);
    size_t i = 0;

    if (!r)
        return err_set(err, ERR_NO_MEMORY, "no memory for a TLS certificate");
    *r = (struct retired){ s->tls->certs, TAKE(pair->leaf) };
    s->tls->certs = r;
    s->tls->in_use = pair->digest;
    while (i < a->n_certs && strcmp(a->certs[i].name, "tls") != 0)
        i++;
    if (i < ARRAY_LEN(a->certs)) {
        a->certs[i].name = "tls";
        a->certs[i].cert = r->cert;
        a->n_certs = i < a->n_certs ? a->n_certs : i + 1;
    }
    return true;
}

bool tls_load(struct server *s, struct arena *a, struct bytes *ret_cert_pem, struct bytes *ret_key_pem, struct err *err)
{
    struct pair pair = { 0 };
    struct err why = ERR_INIT;
    bool fine;

    s->tls = calloc(1, sizeof *s->tls);
    if (!s->tls)
        return err_set(err, ERR_NO_MEMORY, "no memory for a TLS certificate");
    pthread_mutex_init(&s->tls->lock, NULL);
    fine = read_pair(s, a, &pair, err);
    if (fine && !check_pair(s, &pair, clock_now_ms(), &why)) {
        fine = pair.leaf != NULL; /* with one that has ended the server starts, or nobody could reach it to see why */
        if (fine)
            log_event(LOG_ERROR, "the TLS certificate does not hold: clients will refuse it", "error", why.text, NULL);
        else
            *err = why;
    }
    fine = fine && adopt(s, &pair, err);
    cert_free(pair.leaf);
    if (!fine) {
        wipe((void *)pair.key_pem.data, pair.key_pem.len);
        return false;
    }
    *ret_cert_pem = pair.cert_pem;
    *ret_key_pem = pair.key_pem;
    return true;
}

/* ---- replacing ------------------------------------------------------------------------------------------------------- */

/* With the lock held. Each reason is said once. */
static void refuse(struct tls *t, const struct err *err)
{
    t->state.failing = true;
    if (strcmp(t->problem, err->text) == 0)
        return;
    t->state.refused++;
    memcpy(t->problem, err->text, sizeof t->problem);
    log_event(LOG_ERROR, "the new TLS certificate cannot be used; the one before goes on", "error", err->text, NULL);
}

static void forget_problem(struct tls *t)
{
    t->state.failing = false;
    t->problem[0] = '\0';
}

static void say_replaced(struct server *s)
{
    char ends[CLOCK_TEXT_LEN];

    forget_problem(s->tls);
    s->tls->state.replaced++;
    clock_format(s->tls->certs->cert->not_after_ms, ends);
    log_event(LOG_INFO, "a new TLS certificate is in use", "ends", ends, "file",
              is_operators(s) ? s->config->tls_certificate : "keys/tls.pem", NULL);
}

/* With the lock held. */
static bool replace(struct server *s, struct pair *pair, struct err *err)
{
    return check_pair(s, pair, clock_now_ms(), err) && http_server_replace_certificate(s->http, pair->cert_pem, pair->key_pem, err) &&
           adopt(s, pair, err);
}

void tls_look(struct server *s, bool thoroughly)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct pair pair = { 0 };
    struct err err = ERR_INIT;
    bool fine, same, settled;

    if (!s->tls || !s->http || (!thoroughly && !is_operators(s)))
        return;
    pthread_mutex_lock(&s->tls->lock);
    fine = read_pair(s, &a, &pair, &err);
    same = fine && digest_equal(&pair.digest, &s->tls->in_use);
    settled = thoroughly || !fine || digest_equal(&pair.digest, &s->tls->seen); /* two files cannot change in one moment */
    s->tls->seen = pair.digest;
    if (same) {
        forget_problem(s->tls);
    } else if (settled) {
        if (fine && replace(s, &pair, &err))
            say_replaced(s);
        else
            refuse(s->tls, &err);
    }
    pthread_mutex_unlock(&s->tls->lock);
    cert_free(pair.leaf);
    wipe((void *)pair.key_pem.data, pair.key_pem.len);
}

struct tls_state tls_state(struct server *s)
{
    struct tls_state state = { 0 };

    if (!s->tls)
        return state;
    pthread_mutex_lock(&s->tls->lock);
    state = s->tls->state;
    pthread_mutex_unlock(&s->tls->lock);
    return state;
}

void tls_done(struct server *s)
{
    while (s->tls && s->tls->certs) {
        struct retired *next = s->tls->certs->next;

        cert_free(s->tls->certs->cert);
        free(s->tls->certs);
        s->tls->certs = next;
    }
    if (s->tls)
        pthread_mutex_destroy(&s->tls->lock);
    free(s->tls);
    s->tls = NULL;
}
