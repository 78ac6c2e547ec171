#include "x509/trust.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include "x509/name.h"

struct trust_store {
    atomic_uint holders;
    size_t n;
    struct trust_entry entries[];
};

static bool is_usable(const struct trust_entry *entry, struct err *err)
{
    const struct cert *cert = entry->cert;

    if (!cert->key)
        return err_set(err, ERR_UNSUPPORTED, "its key cannot be trusted: %s", cert->key_problem);
    if (entry->kind != TRUST_CA || cert->is_ca)
        return true;
    /* Roots from before extensions: RFC 5280 6.1.4 (k) lets a trust anchor be one. */
    if (cert->version == 1 && bytes_equal(cert->subject, cert->issuer))
        return true;
    return err_set(err, ERR_UNTRUSTED, "it is not a CA certificate (basic constraints say no, or nothing)");
}

bool trust_store_new(const struct trust_entry *entries, size_t n, struct trust_store **ret, struct err *err)
{
    struct trust_store *store;

    for (size_t i = 0; i < n; i++)
        if (!is_usable(&entries[i], err)) {
            CLEANUP(arena_done) struct arena a = { 0 };
            const char *subject = name_text(&a, entries[i].cert->subject);
            return err_within(err, "%s", subject ? subject : "certificate");
        }
    store = n > SIZE_MAX / 2 / sizeof *entries ? NULL : calloc(1, sizeof *store + n * sizeof *entries);
    if (!store)
        return err_set(err, ERR_NO_MEMORY, "trust store");
    atomic_init(&store->holders, 1);
    store->n = n;
    for (size_t i = 0; i < n; i++)
        store->entries[i] = (struct trust_entry){ entries[i].kind, cert_ref(entries[i].cert) };
    *ret = store;
    return true;
}

struct trust_store *trust_store_ref(const struct trust_store *store)
{
    struct trust_store *counted = (struct trust_store *)store;

    atomic_fetch_add_explicit(&counted->holders, 1, memory_order_relaxed);
    return counted;
}

void trust_store_free(struct trust_store *store)
{
    if (!store || atomic_fetch_sub_explicit(&store->holders, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < store->n; i++)
        cert_free((struct cert *)store->entries[i].cert);
    free(store);
}

void trust_store_free_at(struct trust_store **store) { trust_store_free(*store); }

size_t trust_store_count(const struct trust_store *store) { return store->n; }

const struct trust_entry *trust_store_entry(const struct trust_store *store, size_t i) { return &store->entries[i]; }

bool trust_store_has(const struct trust_store *store, enum trust_kind kind, const struct cert *cert)
{
    for (size_t i = 0; i < store->n; i++)
        if (store->entries[i].kind == kind && cert_equal(store->entries[i].cert, cert))
            return true;
    return false;
}

/* The lock covers reading the pointer and counting together: between the two, the last holder could leave. */
struct trust_slot {
    pthread_mutex_t lock;
    struct trust_store *store;
};

bool trust_slot_new(struct trust_store *first, struct trust_slot **ret, struct err *err)
{
    struct trust_slot *slot = calloc(1, sizeof *slot);

    if (!slot || pthread_mutex_init(&slot->lock, NULL) != 0) {
        free(slot);
        return err_set(err, ERR_NO_MEMORY, "trust slot");
    }
    slot->store = first;
    *ret = slot;
    return true;
}

void trust_slot_free(struct trust_slot *slot)
{
    if (!slot)
        return;
    trust_store_free(slot->store);
    pthread_mutex_destroy(&slot->lock);
    free(slot);
}

struct trust_store *trust_slot_get(struct trust_slot *slot)
{
    struct trust_store *store;

    pthread_mutex_lock(&slot->lock);
    store = trust_store_ref(slot->store);
    pthread_mutex_unlock(&slot->lock);
    return store;
}

void trust_slot_replace(struct trust_slot *slot, struct trust_store *next)
{
    struct trust_store *last;

    pthread_mutex_lock(&slot->lock);
    last = slot->store;
    slot->store = next;
    pthread_mutex_unlock(&slot->lock);
    trust_store_free(last);
}
