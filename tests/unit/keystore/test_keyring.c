/* Keys that follow each other: published before they sign, known until what they signed is over, gone at once when revoked. The clock is
 * moved; nothing waits. */
#define _GNU_SOURCE
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "base/file.h"
#include "keystore/keyring_file.h"
#include "keystore/keystore.h"
#include "support/test.h"

#define NOW    INT64_C(1795262400000) /* 2026-11-21T12:00:00Z */
#define DAY    CA_DAY_MS
#define ISSUER "https://localhost:8443"

struct folder {
    char path[64];
    struct arena a;
    struct ca *ca;
    struct keyring *ring;
    struct err err;
};

static bool folder_make(struct folder *d)
{
    snprintf(d->path, sizeof d->path, "/tmp/trueboot-ring-XXXXXX");
    return mkdtemp(d->path) && ca_new("root", NOW, &d->ca, &d->err);
}

static int remove_one(const char *path, const struct stat *st UNUSED, int type UNUSED, struct FTW *where UNUSED) { return remove(path); }

static void folder_done(struct folder *d)
{
    keyring_free(d->ring);
    nftw(d->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    ca_free(d->ca);
    arena_done(&d->a);
}

#define FOLDER(d)                                 \
    CLEANUP(folder_done) struct folder d = { 0 }; \
    REQUIRE(folder_make(&d))

static const char *file_of(struct folder *d, const char *name) { return arena_printf(&d->a, "%s/%s", d->path, name); }

/* P-256 throughout: RSA keys take long to make. */
static struct keyring *ring_at(struct folder *d, enum key_use use, int64_t now)
{
    struct keyring *ring = NULL;

    if (!keyring_open(d->path, use, d->ca, ISSUER, now, &ring, &d->err))
        test_note("%s", d->err.text);
    return ring;
}

static const char *signer_at(struct folder *d, struct keyring *ring, int64_t now, int64_t lifetime)
{
    const struct signing_key *key;

    if (keyring_signer(ring, now, now + lifetime, &key, &d->err))
        return key->kid;
    test_note("%s", d->err.text);
    return "";
}

/* "active published …": states oldest first; "-" behind those that the key list leaves out. */
static const char *states_at(struct folder *d, struct keyring *ring, int64_t now)
{
    struct ring_view list[KEYRING_MAX];
    const char *text = "";
    size_t n;

    if (!keyring_list(ring, now, list, &n, &d->err))
        return d->err.text;
    for (size_t i = 0; i < n; i++)
        text = arena_printf(&d->a, "%s%s%s%s", text, i ? " " : "", key_state_name(list[i].state), list[i].published ? "" : "-");
    return text;
}

TEST(a_new_key_waits_for_the_longest_lifetime_and_a_day_and_the_old_one_stays_until_its_last_token_ends)
{
    FOLDER(d);
    struct ring_view next;
    const char *first, *second;
    int64_t overlap = 3 * DAY; /* of tokens that live two days */

    d.ring = ring_at(&d, KEY_USE_TOKEN_ES256, NOW);
    REQUIRE(d.ring != NULL);
    first = signer_at(&d, d.ring, NOW, 2 * DAY);
    REQUIRE_OK(keyring_rotate(d.ring, NOW, false, &next, &d.err), d.err);
    second = next.key->kid;
    CHECK(next.state == KEY_PUBLISHED && strcmp(first, second) != 0);
    CHECK_INT(next.active_from_ms, NOW + overlap);
    CHECK_STRING(states_at(&d, d.ring, NOW), "active published");
    CHECK_STRING(signer_at(&d, d.ring, NOW + overlap - 1, 2 * DAY), first);
    CHECK_STRING(states_at(&d, d.ring, NOW + overlap), "retired active");
    CHECK_STRING(signer_at(&d, d.ring, NOW + overlap, 2 * DAY), second);
    /* The first one's last token ends two days after its last moment. */
    CHECK_STRING(states_at(&d, d.ring, NOW + overlap - 1 + 2 * DAY), "retired active");
    CHECK_STRING(states_at(&d, d.ring, NOW + overlap + 3 * DAY + 2 * KEYRING_SKEW_SECONDS * 1000), "retired- active");
}

TEST(a_second_rotation_is_refused_while_a_key_waits_unless_it_is_wanted_now)
{
    FOLDER(d);
    struct ring_view next, now;

    d.ring = ring_at(&d, KEY_USE_TOKEN_ES256, NOW);
    REQUIRE(d.ring != NULL);
    REQUIRE_OK(keyring_rotate(d.ring, NOW, false, &next, &d.err), d.err);
    CHECK(!keyring_rotate(d.ring, NOW + 1, false, &now, &d.err) && d.err.code == ERR_CONFLICT);
    REQUIRE_OK(keyring_rotate(d.ring, NOW + 1, true, &now, &d.err), d.err);
    CHECK_STRING(now.key->kid, next.key->kid);
    CHECK(now.state == KEY_ACTIVE);
    CHECK_STRING(states_at(&d, d.ring, NOW + 1), "retired- active"); /* the first one had signed nothing */
}

TEST(a_restart_in_the_middle_of_a_rotation_changes_nothing)
{
    FOLDER(d);
    struct ring_view next;
    char first[JWKS_KID_MAX], second[JWKS_KID_MAX];

    d.ring = ring_at(&d, KEY_USE_REPORT_ES256, NOW);
    REQUIRE(d.ring != NULL);
    snprintf(first, sizeof first, "%s", signer_at(&d, d.ring, NOW, DAY));
    REQUIRE_OK(keyring_rotate(d.ring, NOW, false, &next, &d.err), d.err);
    snprintf(second, sizeof second, "%s", next.key->kid);
    CHECK_INT(next.key->n_chain, 2);
    for (int i = 0; i < 3; i++) {
        keyring_free(d.ring);
        d.ring = ring_at(&d, KEY_USE_REPORT_ES256, NOW + DAY);
        REQUIRE(d.ring != NULL);
        CHECK_STRING(states_at(&d, d.ring, NOW + DAY), "active published");
        CHECK_STRING(signer_at(&d, d.ring, NOW + DAY, DAY), first);
    }
    CHECK_STRING(signer_at(&d, d.ring, NOW + 2 * DAY, DAY), second);
}

TEST(two_servers_of_one_folder_see_each_others_rotations_and_what_each_has_signed)
{
    FOLDER(d);
    struct keyring *other;
    struct ring_view next;
    const struct signing_key *found;
    const char *first;

    d.ring = ring_at(&d, KEY_USE_TOKEN_ES256, NOW);
    other = ring_at(&d, KEY_USE_TOKEN_ES256, NOW);
    REQUIRE(d.ring != NULL && other != NULL);
    first = signer_at(&d, d.ring, NOW, DAY);
    CHECK_STRING(signer_at(&d, other, NOW, 5 * DAY), first);
    REQUIRE_OK(keyring_rotate(d.ring, NOW + 2000, false, &next, &d.err), d.err);
    CHECK_INT(next.active_from_ms, NOW + 2000 + 6 * DAY);
    /* A kid that is not known yet is looked for once more, however short ago the last look was. */
    CHECK(keyring_find(other, NOW + 1, bytes_of_string(next.key->kid), &found, &d.err));
    CHECK_STRING(states_at(&d, other, NOW + 3000), "active published");
    CHECK_STRING(states_at(&d, d.ring, NOW + 6 * DAY + 2000), "retired active");
    CHECK_STRING(states_at(&d, other, NOW + 6 * DAY + 2000), "retired active");
    keyring_free(other);
}

TEST(a_revoked_key_is_gone_at_once_and_another_one_signs)
{
    FOLDER(d);
    struct keyring *other;
    const struct signing_key *found;
    struct ring_view next;
    char first[JWKS_KID_MAX];

    d.ring = ring_at(&d, KEY_USE_TOKEN_ES256, NOW);
    other = ring_at(&d, KEY_USE_TOKEN_ES256, NOW);
    REQUIRE(d.ring != NULL && other != NULL);
    snprintf(first, sizeof first, "%s", signer_at(&d, d.ring, NOW, DAY));
    CHECK(keyring_find(d.ring, NOW, bytes_of_string(first), &found, &d.err));
    REQUIRE_OK(keyring_revoke(d.ring, NOW + 5, bytes_of_string(first), &d.err), d.err);
    REQUIRE_OK(keyring_revoke(d.ring, NOW + 6, bytes_of_string(first), &d.err), d.err);
    CHECK_STRING(states_at(&d, d.ring, NOW + 7), "revoked- active");
    CHECK(!keyring_find(d.ring, NOW + 7, bytes_of_string(first), &found, &d.err) && d.err.code == ERR_UNTRUSTED);
    CHECK(strcmp(signer_at(&d, d.ring, NOW + 7, DAY), first) != 0);
    CHECK(!keyring_find(other, NOW + 2000, bytes_of_string(first), &found, &d.err) && d.err.code == ERR_UNTRUSTED);
    CHECK(!keyring_revoke(d.ring, NOW, BYTES_LIT("nobody"), &d.err) && d.err.code == ERR_NOT_FOUND);
    /* The one that waits takes over, and never an older one. */
    REQUIRE_OK(keyring_rotate(d.ring, NOW + 8, false, &next, &d.err), d.err);
    REQUIRE_OK(keyring_revoke(d.ring, NOW + 9, bytes_of_string(signer_at(&d, d.ring, NOW + 9, DAY)), &d.err), d.err);
    CHECK_STRING(signer_at(&d, d.ring, NOW + 9, DAY), next.key->kid);
    CHECK_STRING(states_at(&d, d.ring, NOW + 9), "revoked- revoked- active");
    keyring_free(other);
}

TEST(keys_whose_tokens_are_over_are_removed_from_the_disk_with_the_next_rotation_but_record_keys_stay)
{
    static const enum key_use uses[] = { KEY_USE_TOKEN_ES256, KEY_USE_RECORD };
    FOLDER(d);

    for (size_t i = 0; i < ARRAY_LEN(uses); i++) {
        const char *name = key_use_name(uses[i]);
        struct ring_view next;
        int64_t later = NOW + 30 * DAY;

        d.ring = ring_at(&d, uses[i], NOW);
        REQUIRE(d.ring != NULL);
        CHECK(signer_at(&d, d.ring, NOW, uses[i] == KEY_USE_RECORD ? -NOW : DAY)[0]);
        REQUIRE_OK(keyring_rotate(d.ring, NOW, true, &next, &d.err), d.err);
        REQUIRE_OK(keyring_rotate(d.ring, later, true, &next, &d.err), d.err);
        CHECK(file_exists(file_of(&d, arena_printf(&d.a, "%s.key", name))) == (uses[i] == KEY_USE_RECORD));
        CHECK(file_exists(file_of(&d, arena_printf(&d.a, "%s.pem", name))) == (uses[i] == KEY_USE_RECORD));
        CHECK_STRING(states_at(&d, d.ring, later), uses[i] == KEY_USE_RECORD ? "retired retired active" : "retired- active");
        keyring_free(d.ring);
        d.ring = ring_at(&d, uses[i], later);
        CHECK(d.ring != NULL);
        keyring_free(d.ring);
        d.ring = NULL;
    }
}

TEST(a_name_that_is_used_again_is_another_key_for_every_server)
{
    FOLDER(d);
    struct keyring *other;
    struct ring_view next;
    int64_t now = NOW;

    d.ring = ring_at(&d, KEY_USE_TOKEN_ES256, NOW);
    other = ring_at(&d, KEY_USE_TOKEN_ES256, NOW);
    REQUIRE(d.ring != NULL && other != NULL);
    for (int i = 0; i < 4; i++) {
        now += 30 * DAY;
        REQUIRE_OK(keyring_rotate(i % 2 ? other : d.ring, now, true, &next, &d.err), d.err);
        CHECK_STRING(signer_at(&d, d.ring, now + 2000, DAY), next.key->kid);
        CHECK_STRING(signer_at(&d, other, now + 2000, DAY), next.key->kid);
    }
    keyring_free(other);
}

TEST(a_key_from_before_there_were_rings_is_taken_over)
{
    FOLDER(d);
    struct signing_key old = { 0 };
    struct ring_view next;

    REQUIRE_OK(keystore_signing_key(d.path, "token-es256", SIGNING_SELF_SIGNED, PRIVKEY_P256, NULL, ISSUER, NOW, &old, &d.err), d.err);
    d.ring = ring_at(&d, KEY_USE_TOKEN_ES256, NOW + DAY);
    REQUIRE(d.ring != NULL);
    CHECK_STRING(signer_at(&d, d.ring, NOW + DAY, DAY), old.kid);
    REQUIRE_OK(keyring_rotate(d.ring, NOW + DAY, true, &next, &d.err), d.err);
    CHECK_STRING(states_at(&d, d.ring, NOW + 300 * DAY), "retired active"); /* it may have signed something that lives a year */
    signing_key_done(&old);
}

TEST(a_key_whose_certificate_ends_soon_gets_a_successor_once)
{
    FOLDER(d);
    struct ring_view views[KEYRING_MAX], next;
    bool renewed;
    int64_t due;
    size_t n;

    d.ring = ring_at(&d, KEY_USE_TOKEN_ES256, NOW);
    REQUIRE(d.ring != NULL && keyring_list(d.ring, NOW, views, &n, &d.err));
    due = views[0].not_after_ms - 62 * DAY;
    CHECK(keyring_renew(d.ring, due - DAY, &renewed, &next, &d.err) && !renewed);
    REQUIRE_OK(keyring_renew(d.ring, due + 1, &renewed, &next, &d.err), d.err);
    CHECK(renewed && next.not_after_ms > views[0].not_after_ms);
    CHECK(keyring_renew(d.ring, due + 2, &renewed, &next, &d.err) && !renewed);
    CHECK_STRING(states_at(&d, d.ring, due + 2), "active published");
}

TEST(a_ring_without_its_keys_or_with_others_is_refused_and_left_as_it_is)
{
    FOLDER(d);
    struct keyring *ring = NULL;
    struct bytes kept, text;

    d.ring = ring_at(&d, KEY_USE_TOKEN_ES256, NOW);
    REQUIRE(d.ring != NULL);
    REQUIRE_OK(file_read_in(&d.a, file_of(&d, "token-es256.key"), 10000, &kept, &d.err), d.err);
    REQUIRE(rename(file_of(&d, "token-es256.key"), file_of(&d, "elsewhere")) == 0);
    CHECK(!keyring_open(d.path, KEY_USE_TOKEN_ES256, d.ca, ISSUER, NOW, &ring, &d.err) && d.err.code == ERR_CONFLICT);
    CHECK(!file_exists(file_of(&d, "token-es256.key")));
    REQUIRE(rename(file_of(&d, "elsewhere"), file_of(&d, "token-es256.key")) == 0);
    REQUIRE_OK(file_write(file_of(&d, "token-es256.ring"), BYTES_LIT("{\"version\":1,\"keys\":[]}"), 0600, &d.err), d.err);
    CHECK(!keyring_open(d.path, KEY_USE_TOKEN_ES256, d.ca, ISSUER, NOW, &ring, &d.err) && d.err.code == ERR_MALFORMED);
    REQUIRE_OK(file_read_in(&d.a, file_of(&d, "token-es256.key"), 10000, &text, &d.err), d.err);
    CHECK_BYTES(text, kept);
}

TEST(ring_and_keys_are_the_owners_alone)
{
    static const char *const names[] = { "token-es256.ring", "token-es256.key", "token-es256.lock" };
    FOLDER(d);

    umask(0);
    d.ring = ring_at(&d, KEY_USE_TOKEN_ES256, NOW);
    umask(022);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct stat st;
        REQUIRE(stat(file_of(&d, names[i]), &st) == 0);
        CHECK_INT(st.st_mode & 0777, 0600);
    }
}

TEST(there_are_never_more_keys_than_a_list_can_hold)
{
    FOLDER(d);
    struct ring_view next;

    d.ring = ring_at(&d, KEY_USE_RECORD, NOW);
    REQUIRE(d.ring != NULL);
    for (int i = 1; i < KEYRING_MAX; i++)
        REQUIRE_OK(keyring_rotate(d.ring, NOW + i, true, &next, &d.err), d.err);
    CHECK(!keyring_rotate(d.ring, NOW + KEYRING_MAX, true, &next, &d.err) && d.err.code == ERR_LIMIT);
}

#define ROW "\"kid\":\"k\",\"created\":1,\"activeFrom\":1,\"revoked\":0,\"signedUntil\":0,\"longest\":0}"

TEST(a_ring_file_is_read_strictly)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{\"version\":2,\"keys\":[{\"name\":\"a\"," ROW "]}",
        "{\"version\":1}",
        "{\"version\":1,\"keys\":[{\"name\":\"\"," ROW "]}",
        "{\"version\":1,\"keys\":[{\"name\":\"../a\"," ROW "]}",
        "{\"version\":1,\"keys\":[{\"name\":\"a/b\"," ROW "]}",
        "{\"version\":1,\"keys\":[{\"name\":\"a\\u0000\"," ROW "]}",
        "{\"version\":1,\"keys\":[{\"name\":\"a\"," ROW ",{\"name\":\"a\",\"kid\":\"other\",\"created\":1,\"activeFrom\":1,\"revoked\":0,"
        "\"signedUntil\":0,\"longest\":0}]}",
        "{\"version\":1,\"keys\":[{\"name\":\"a\"," ROW ",{\"name\":\"b\"," ROW "]}",
        "{\"version\":1,\"keys\":[{\"name\":\"a\",\"kid\":\"k\",\"created\":1,\"activeFrom\":-1,\"revoked\":0,\"signedUntil\":0,"
        "\"longest\":0}]}",
        "{\"version\":1,\"keys\":[{\"name\":\"a\",\"kid\":\"k\",\"created\":1,\"activeFrom\":1,\"revoked\":0,\"longest\":0}]}",
        "{\"version\":1,\"keys\":[{\"name\":\"a234567890123456789012345678901234\"," ROW "]}",
    };
    static const char good[] = "{\"version\":1,\"keys\":[{\"name\":\"a\"," ROW "]}";
    struct ring_row rows[KEYRING_MAX];
    struct err err = ERR_INIT;
    size_t n;

    REQUIRE_OK(ring_text_read(bytes_of_string(good), rows, &n, &err), err);
    CHECK(n == 1 && strcmp(rows[0].name, "a") == 0 && rows[0].active_from_ms == 1);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        err = (struct err)ERR_INIT;
        CHECK(!ring_text_read(bytes_of_string(bad[i]), rows, &n, &err) && err.code != ERR_NONE);
    }
    for (size_t i = 0; i < strlen(good); i++)
        CHECK(!ring_text_read((struct bytes){ (const uint8_t *)good, i }, rows, &n, &err));
}
