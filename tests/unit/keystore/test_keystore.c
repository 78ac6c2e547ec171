/* The server's keys on disk: made once, nobody else's to read, never silently new. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "keystore/keystore.h"
#include "support/test.h"

#define NOW INT64_C(1795262400000) /* 2026-11-21T12:00:00Z */

struct folder {
    char path[64];
    struct arena a;
    struct ca *ca;
    struct err err;
};

static bool folder_make(struct folder *d)
{
    snprintf(d->path, sizeof d->path, "/tmp/trueboot-keys-XXXXXX");
    return mkdtemp(d->path) && keystore_ca(d->path, "ca", NULL, "root", NOW, &d->ca, &d->err);
}

static const char *file_of(struct folder *d, const char *name) { return arena_printf(&d->a, "%s/%s", d->path, name); }

static void folder_done(struct folder *d)
{
    static const char *const names[] = { "ca", "sub", "report", "token", "tls" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        unlink(arena_printf(&d->a, "%s/%s.key", d->path, names[i]));
        unlink(arena_printf(&d->a, "%s/%s.pem", d->path, names[i]));
    }
    rmdir(d->path);
    ca_free(d->ca);
    arena_done(&d->a);
}

#define FOLDER(d)                                 \
    CLEANUP(folder_done) struct folder d = { 0 }; \
    REQUIRE(folder_make(&d))

static mode_t mode_of(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 ? s.st_mode & 0777 : 0;
}

TEST(a_ca_is_made_once_and_its_key_is_the_owners_alone)
{
    FOLDER(d);
    struct ca *again CLEANUP(ca_free_at) = NULL;

    umask(0);
    CHECK_INT(mode_of(file_of(&d, "ca.key")), 0600);
    REQUIRE_OK(keystore_ca(d.path, "ca", NULL, "another name", NOW + CA_DAY_MS, &again, &d.err), d.err);
    CHECK(cert_equal(ca_cert(d.ca, 0), ca_cert(again, 0)));
    umask(022);
}

TEST(a_ca_below_another_keeps_its_chain)
{
    FOLDER(d);
    struct ca *sub CLEANUP(ca_free_at) = NULL, *again CLEANUP(ca_free_at) = NULL;

    REQUIRE_OK(keystore_ca(d.path, "sub", d.ca, "sub", NOW, &sub, &d.err), d.err);
    REQUIRE_OK(keystore_ca(d.path, "sub", d.ca, "sub", NOW, &again, &d.err), d.err);
    CHECK_INT(ca_chain_len(again), 2);
    CHECK(cert_equal(ca_cert(again, 1), ca_cert(d.ca, 0)));
}

TEST(half_a_pair_is_refused_and_left_alone)
{
    static const char *const halves[] = { "ca.key", "ca.pem" };

    for (size_t i = 0; i < ARRAY_LEN(halves); i++) {
        FOLDER(d);
        struct ca *ca = NULL;
        REQUIRE(unlink(file_of(&d, halves[i])) == 0);
        CHECK(!keystore_ca(d.path, "ca", NULL, "root", NOW, &ca, &d.err) && d.err.code == ERR_CONFLICT);
        CHECK(strstr(d.err.text, "restore it from a backup") != NULL);
        CHECK(!file_exists(file_of(&d, halves[i])) && file_exists(file_of(&d, halves[1 - i])));
    }
}

/* What a kill -9 leaves behind between each two steps of making a pair. */
TEST(a_pair_whose_making_was_interrupted_is_finished_or_made_anew)
{
    static const struct {
        const char *what;
        bool key, cert, pending, same; /* what is there, and whether the CA is then the one that was begun */
    } rows[] = {
        { "nothing yet", false, false, false, false },   { "the certificate is waiting", false, false, true, false },
        { "the key is there", true, false, true, true }, { "both are there", true, true, true, true },
        { "all is done", true, true, false, true },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        FOLDER(d);
        struct ca *ca CLEANUP(ca_free_at) = NULL;
        const char *pending = file_of(&d, "ca.pem.pending");
        struct bytes cert;

        REQUIRE_OK(file_read_in(&d.a, file_of(&d, "ca.pem"), 1 << 16, &cert, &d.err), d.err);
        if (rows[i].pending)
            REQUIRE_OK(file_write(pending, cert, 0644, &d.err), d.err);
        CHECK(rows[i].key || unlink(file_of(&d, "ca.key")) == 0);
        CHECK(rows[i].cert || unlink(file_of(&d, "ca.pem")) == 0);
        if (!keystore_ca(d.path, "ca", NULL, "root", NOW, &ca, &d.err))
            test_note("%s: %s", rows[i].what, d.err.text);
        CHECK(ca && cert_equal(ca_cert(ca, 0), ca_cert(d.ca, 0)) == rows[i].same);
        CHECK(!file_exists(pending) && file_exists(file_of(&d, "ca.pem")) && file_exists(file_of(&d, "ca.key")));
        ca_free(TAKE(ca));
        CHECK(keystore_ca(d.path, "ca", NULL, "root", NOW, &ca, &d.err)); /* and it is a pair like any other */
    }
}

TEST(damaged_files_are_refused_and_left_alone)
{
    static const char *const files[] = { "ca.key", "ca.pem" };

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        FOLDER(d);
        struct ca *ca = NULL;
        struct bytes left;
        REQUIRE_OK(file_write(file_of(&d, files[i]), BYTES_LIT("nonsense"), 0600, &d.err), d.err);
        CHECK(!keystore_ca(d.path, "ca", NULL, "root", NOW, &ca, &d.err));
        REQUIRE_OK(file_read_in(&d.a, file_of(&d, files[i]), 100, &left, &d.err), d.err);
        CHECK_BYTES(left, BYTES_LIT("nonsense"));
    }
}

TEST(token_keys_of_both_families_are_made_once)
{
    static const enum signing_family families[] = { SIGNING_CA_ISSUED, SIGNING_SELF_SIGNED };
    static const char *const names[] = { "report", "token" };
    FOLDER(d);

    for (size_t i = 0; i < 2; i++) {
        struct signing_key key = { 0 }, again = { 0 };
        REQUIRE_OK(keystore_signing_key(d.path, names[i], families[i], i ? PRIVKEY_RSA_2048 : PRIVKEY_P256, d.ca, "https://localhost:8443",
                                        NOW, &key, &d.err),
                   d.err);
        REQUIRE_OK(keystore_signing_key(d.path, names[i], families[i], i ? PRIVKEY_RSA_2048 : PRIVKEY_P256, d.ca, "https://localhost:8443",
                                        NOW, &again, &d.err),
                   d.err);
        CHECK_STRING(key.kid, again.kid);
        CHECK(pubkey_equal(privkey_public(key.key), privkey_public(again.key)));
        CHECK_INT(mode_of(arena_printf(&d.a, "%s/%s.key", d.path, names[i])), 0600);
        CHECK_INT(key.n_chain, families[i] == SIGNING_CA_ISSUED ? 2 : 1);
        signing_key_done(&key);
        signing_key_done(&again);
    }
}

/* ---- TLS --------------------------------------------------------------------------------------------------------------- */

struct tls {
    struct bytes cert, key;
};

static bool tls_of(struct folder *d, const char *const *names, size_t n, int64_t now, struct tls *ret)
{
    if (keystore_tls(d->path, "tls", d->ca, names, n, now, &d->a, &ret->cert, &ret->key, &d->err))
        return true;
    test_note("%s", d->err.text);
    return false;
}

TEST(a_tls_certificate_stays_while_its_names_and_its_time_do)
{
    static const char *const names[] = { "localhost", "127.0.0.1", "::1", "10.0.2.2" };
    static const char *const turned[] = { "::1", "10.0.2.2", "localhost", "127.0.0.1" };
    FOLDER(d);
    struct tls first, second;

    REQUIRE(tls_of(&d, names, 4, NOW, &first) && tls_of(&d, turned, 4, NOW + 366 * CA_DAY_MS, &second));
    CHECK_BYTES(second.cert, first.cert);
    CHECK_BYTES(second.key, first.key);
    CHECK_INT(mode_of(file_of(&d, "tls.key")), 0600);
}

TEST(a_tls_certificate_is_renewed_in_its_last_month_and_the_key_stays)
{
    static const char *const names[] = { "localhost" };
    FOLDER(d);
    struct tls first, second;

    REQUIRE(tls_of(&d, names, 1, NOW, &first) && tls_of(&d, names, 1, NOW + 368 * CA_DAY_MS, &second));
    CHECK(!bytes_equal(second.cert, first.cert));
    CHECK_BYTES(second.key, first.key);
}

TEST(a_tls_certificate_is_made_anew_when_a_name_or_an_address_changes)
{
    static const char *const before[] = { "localhost", "192.0.2.1", "2001:db8::1" };
    static const struct {
        const char *names[4];
        size_t n;
    } after[] = {
        { { "localhost", "192.0.2.1" }, 2 },
        { { "localhost", "192.0.2.2", "2001:db8::1" }, 3 }, /* as many, and another address */
        { { "localhost", "192.0.2.1", "2001:db8::2" }, 3 },
        { { "host", "192.0.2.1", "2001:db8::1" }, 3 },
        { { "localhost", "192.0.2.1", "2001:db8::1", "host" }, 4 },
        { { "localhost", "192.0.2.1", "192.0.2.1" }, 3 },
    };

    for (size_t i = 0; i < ARRAY_LEN(after); i++) {
        FOLDER(d);
        struct tls first, second, third;
        REQUIRE(tls_of(&d, before, 3, NOW, &first) && tls_of(&d, after[i].names, after[i].n, NOW, &second));
        CHECK(!bytes_equal(second.cert, first.cert));
        REQUIRE(tls_of(&d, after[i].names, after[i].n, NOW, &third));
        CHECK_BYTES(third.cert, second.cert);
    }
}

TEST(a_tls_certificate_of_another_ca_is_replaced)
{
    static const char *const names[] = { "localhost" };
    FOLDER(d);
    struct ca *other = NULL;
    struct tls first, second;

    REQUIRE(tls_of(&d, names, 1, NOW, &first));
    REQUIRE_OK(ca_new("root", NOW, &other, &d.err), d.err);
    ca_free(d.ca);
    d.ca = other;
    REQUIRE(tls_of(&d, names, 1, NOW, &second));
    CHECK(!bytes_equal(second.cert, first.cert));
}
