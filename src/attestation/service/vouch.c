#include "attestation/service/vouch.h"
#include <pthread.h>
#include <stdlib.h>
#include "base/limits.h"
#include "store/providers.h"
#include "x509/ak_cert.h"
#include "x509/chain.h"

struct entry {
    struct cert *cert;         /* parsed, with its key built: NULL when free */
    struct trust_store *roots; /* the very set that vouched; holding a reference keeps its address unique */
    int64_t good_until_ms;
    bool pinned;
};

struct vouch_cache {
    pthread_mutex_t lock; /* held for a look-up or a replacement, never while verifying */
    size_t n;
    struct entry *entries; /* a slot per certificate digest; a newcomer takes the slot */
};

bool vouch_cache_new(size_t entries, struct vouch_cache **ret, struct err *err)
{
    struct vouch_cache *c = calloc(1, sizeof *c);

    if (c)
        c->entries = calloc(entries, sizeof *c->entries);
    if (!c || !c->entries) {
        free(c);
        return err_set(err, ERR_NO_MEMORY, "no memory for the certificate cache");
    }
    c->n = entries;
    pthread_mutex_init(&c->lock, NULL);
    *ret = c;
    return true;
}

static void entry_done(struct entry *e)
{
    cert_free(e->cert);
    trust_store_free(e->roots);
    *e = (struct entry){ 0 };
}

void vouch_cache_free(struct vouch_cache *cache)
{
    if (!cache)
        return;
    for (size_t i = 0; i < cache->n; i++)
        entry_done(&cache->entries[i]);
    pthread_mutex_destroy(&cache->lock);
    free(cache->entries);
    free(cache);
}

static struct entry *slot_of(struct vouch_cache *cache, const struct digest *der)
{
    size_t hash;
    memcpy(&hash, der->value, sizeof hash);
    return &cache->entries[hash % cache->n];
}

static struct cert *recall(struct vouch_cache *cache, const struct trust_store *roots, const struct digest *der, int64_t now_ms,
                           bool *ret_pinned)
{
    struct cert *cert = NULL;
    struct entry *e;

    pthread_mutex_lock(&cache->lock);
    e = slot_of(cache, der);
    if (e->cert && e->roots == roots && now_ms <= e->good_until_ms && memcmp(e->cert->sha256, der->value, CERT_SHA256_LEN) == 0) {
        cert = cert_ref(e->cert);
        *ret_pinned = e->pinned;
    }
    pthread_mutex_unlock(&cache->lock);
    return cert;
}

static void remember(struct vouch_cache *cache, const struct trust_store *roots, const struct verified_chain *chain)
{
    struct digest der = { .algorithm = DIGEST_SHA256 };
    const struct cert *cert = verified_chain_leaf(chain);
    struct entry fresh = { cert_ref(cert), trust_store_ref(roots), verified_chain_not_after_ms(chain), verified_chain_len(chain) == 1 },
                 old;
    struct entry *e;

    memcpy(der.value, cert->sha256, CERT_SHA256_LEN);
    pthread_mutex_lock(&cache->lock);
    e = slot_of(cache, &der);
    old = *e;
    *e = fresh;
    pthread_mutex_unlock(&cache->lock);
    entry_done(&old);
}

static bool verify(struct vouch_cache *cache, const struct trust_store *roots, struct bytes der, int64_t now_ms, struct vouched_key *k,
                   struct err *err)
{
    const struct chain_options options = {
        .purpose = CHAIN_AK, .now_ms = now_ms, .skew_ms = CHAIN_CLOCK_SKEW_MS, .pins_have_no_dates = true
    };
    struct verified_chain *chain CLEANUP(verified_chain_free_at) = NULL;

    if (!cert_parse(der, &k->cert, err))
        return err_within(err, "aik_cert");
    if (!k->cert->key)
        return err_set(err, ERR_UNSUPPORTED, "aik_cert: %s", k->cert->key_problem);
    k->trusted = chain_verify(roots, k->cert, NULL, 0, &options, &chain, &k->why);
    k->pinned = k->trusted && verified_chain_len(chain) == 1;
    if (k->trusted)
        remember(cache, roots, chain);
    return true;
}

static bool compare_bare_key(const struct json *aik_pub, struct vouched_key *k, struct err *err)
{
    struct jwk jwk = { 0 };
    bool same;

    if (!jwk_parse(aik_pub, &jwk, err))
        return err_within(err, "aik_pub");
    same = pubkey_equal(jwk.key, k->key);
    jwk_done(&jwk);
    return same || err_set(err, ERR_UNTRUSTED, "aik_pub is another key than aik_cert's");
}

static bool take_bare_key(const struct json *aik_pub, struct vouched_key *k, struct err *err)
{
    struct jwk jwk = { 0 };

    if (!jwk_parse(aik_pub, &jwk, err))
        return err_within(err, "aik_pub");
    k->bare = TAKE(jwk.key);
    jwk_done(&jwk);
    k->key = k->bare;
    return err_set(&k->why, ERR_UNTRUSTED, "the attestation key came without a certificate") || true;
}

bool vouch_for(struct vouch_cache *cache, const struct trust_store *roots, struct bytes aik_cert, const struct json *aik_pub,
               int64_t now_ms, struct vouched_key *ret, struct err *err)
{
    struct vouched_key k = { 0 };
    struct digest der;
    bool fine = true;

    if (aik_cert.len == 0) {
        fine = take_bare_key(aik_pub, &k, err);
    } else {
        digest_compute(DIGEST_SHA256, aik_cert, &der);
        k.cert = recall(cache, roots, &der, now_ms, &k.pinned);
        k.trusted = k.cert != NULL;
        fine = k.trusted || verify(cache, roots, aik_cert, now_ms, &k, err);
        if (fine)
            k.key = k.cert->key;
        fine = fine && (!aik_pub || compare_bare_key(aik_pub, &k, err));
    }
    if (!fine) {
        vouched_key_done(&k);
        return false;
    }
    *ret = k;
    return true;
}

bool vouch_counts_for(struct store *store, struct arena *a, const struct cert *cert, const char *provider, struct err *err)
{
    struct cert *enrolled CLEANUP(cert_free_at) = NULL;
    struct bytes only = ak_cert_provider(cert);
    struct store_provider_identity identity;
    char vm[UUID_TEXT_LEN];

    if (only.len == 0)
        return true;
    if (!bytes_equal_string(only, provider))
        return err_set(err, ERR_UNTRUSTED, "the attestation key was enrolled for provider %.*s alone, by an endorsement root of its own",
                       BYTES_FMT(bytes_slice(only, 0, 64)));
    if (!ak_cert_vm_uuid(cert, vm, err))
        return err->code = ERR_UNTRUSTED, false;
    if (!store_provider_identity_get(store, a, provider, vm, &identity, err))
        return err->code == ERR_NOT_FOUND ? err_set(err, ERR_UNTRUSTED, "the VM is enrolled at provider %s no longer", provider) : false;
    if (bytes_equal(identity.ak_cert, cert->der))
        return true;
    if (!cert_parse(identity.ak_cert, &enrolled, err))
        return err_within(err, "stored AK certificate");
    return (enrolled->key && cert->key && pubkey_equal(enrolled->key, cert->key)) ||
           err_set(err, ERR_UNTRUSTED, "the key's certificate is genuine, but this VM has enrolled another key at provider %s since",
                   provider);
}

void vouched_key_done(struct vouched_key *key)
{
    cert_free(key->cert);
    pubkey_free(key->bare);
    *key = (struct vouched_key){ 0 };
}
