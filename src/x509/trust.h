/* x509/trust.h: whom we believe: an immutable set of anchors and helpers, and a slot in which it can be replaced at run time.
 *
 * A snapshot is counted: a verification that began with one finishes with it while others already use the next. Keys are trusted,
 * not names: every swtpm CA in the world is called "swtpm-localca". */
#pragma once
#include "x509/cert.h"

enum trust_kind {
    TRUST_CA,           /* anchor: may issue. Must say CA:TRUE (or be an old v1 root that is self-signed); need not be self-signed */
    TRUST_LEAF,         /* anchor: trusted itself, for what its own profile says; issues nothing */
    TRUST_INTERMEDIATE, /* helps to build a chain; trusted only through one */
};

struct trust_entry {
    enum trust_kind kind;
    const struct cert *cert; /* the store keeps its own reference */
};

struct trust_store;

/* The same certificate may be there under several kinds. Entries without a usable key are refused (ERR_UNSUPPORTED), a TRUST_CA that
 * is no CA with ERR_UNTRUSTED. */
MUST_CHECK bool trust_store_new(const struct trust_entry *entries, size_t n, struct trust_store **ret, struct err *err);
struct trust_store *trust_store_ref(const struct trust_store *store);
void trust_store_free(struct trust_store *store); /* gives one reference back; NULL is fine */
void trust_store_free_at(struct trust_store **store);
size_t trust_store_count(const struct trust_store *store);
const struct trust_entry *trust_store_entry(const struct trust_store *store, size_t i);
bool trust_store_has(const struct trust_store *store, enum trust_kind kind, const struct cert *cert);

/* A place that threads read and an administrator's change replaces. */
struct trust_slot;
MUST_CHECK bool trust_slot_new(struct trust_store *first, struct trust_slot **ret, struct err *err); /* takes the reference */
void trust_slot_free(struct trust_slot *slot);
struct trust_store *trust_slot_get(struct trust_slot *slot);                /* a new reference */
void trust_slot_replace(struct trust_slot *slot, struct trust_store *next); /* takes the reference */
