#include <pthread.h>
#include "cert_builder.h"
#include "support/test.h"
#include "x509/trust.h"

TEST(a_store_knows_what_it_was_made_of)
{
    struct cert *ca = plan_cert(&(struct cert_plan){ .cn = "CA", .ca = true }), *leaf = plan_cert(&(struct cert_plan){ 0 });
    CLEANUP(trust_store_free_at) struct trust_store *store = NULL;
    struct err err = ERR_INIT;

    REQUIRE(ca && leaf);
    const struct trust_entry entries[] = { { TRUST_CA, ca }, { TRUST_LEAF, leaf } };
    REQUIRE_OK(trust_store_new(entries, 2, &store, &err), err);
    CHECK_INT(trust_store_count(store), 2);
    CHECK(trust_store_has(store, TRUST_CA, ca) && !trust_store_has(store, TRUST_LEAF, ca) && trust_store_has(store, TRUST_LEAF, leaf));
    cert_free(ca);
    cert_free(leaf);
    CHECK(trust_store_entry(store, 0)->cert->key != NULL); /* the store holds its own reference */
}

TEST(a_leaf_is_not_taken_for_a_ca)
{
    struct cert *leaf = plan_cert(&(struct cert_plan){ .cn = "x" }),
                *old_root = plan_cert(&(struct cert_plan){ .cn = "v1", .no_extensions = true });
    struct trust_store *store = NULL;
    struct err err = ERR_INIT;

    REQUIRE(leaf && old_root);
    CHECK(!trust_store_new(&(struct trust_entry){ TRUST_CA, leaf }, 1, &store, &err) && err.code == ERR_UNTRUSTED);
    CHECK_STRING(err.text, "CN=x: it is not a CA certificate (basic constraints say no, or nothing)");
    REQUIRE_OK(trust_store_new(&(struct trust_entry){ TRUST_CA, old_root }, 1, &store, &err), err);
    trust_store_free(store);
    cert_free(leaf);
    cert_free(old_root);
}

struct readers {
    struct trust_slot *slot;
    bool bad;
};

static void *read_often(void *p)
{
    struct readers *r = p;

    for (unsigned i = 0; i < 3000; i++) {
        struct trust_store *store = trust_slot_get(r->slot);
        if (trust_store_count(store) != 1 || !trust_store_entry(store, 0)->cert->key)
            r->bad = true;
        trust_store_free(store);
    }
    return NULL;
}

TEST(a_store_is_replaced_while_others_read_it)
{
    struct cert *ca = plan_cert(&(struct cert_plan){ .cn = "CA", .ca = true });
    struct trust_store *store = NULL;
    struct trust_slot *slot = NULL;
    struct readers readers[2];
    pthread_t threads[2];
    struct err err = ERR_INIT;

    REQUIRE(ca);
    const struct trust_entry entry = { TRUST_CA, ca };
    REQUIRE_OK(trust_store_new(&entry, 1, &store, &err) && trust_slot_new(store, &slot, &err), err);
    for (size_t i = 0; i < 2; i++) {
        readers[i] = (struct readers){ slot, false };
        REQUIRE(pthread_create(&threads[i], NULL, read_often, &readers[i]) == 0);
    }
    for (unsigned i = 0; i < 1000; i++) {
        REQUIRE_OK(trust_store_new(&entry, 1, &store, &err), err);
        trust_slot_replace(slot, store);
    }
    for (size_t i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        CHECK(!readers[i].bad);
    }
    trust_slot_free(slot);
    cert_free(ca);
}
