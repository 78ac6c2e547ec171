/* Which reference data pack is used, and how it is renewed. */
#include "refdata/refdata.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/file.h"
#include "refdata/make.h"
#include "support/test.h"

#define NOW INT64_C(1785542400000) /* 2026-08-01 */

static const char older[] = "trueboot-reference 1\n"
                            "name\tolder\n"
                            "as-of\t2026-01-01T00:00:00Z\n"
                            "image\t0100000000000000000000000000000000000000000000000000000000000000\tshim 15\n"
                            "sbat-date\t2025021800\n"
                            "sbat\tshim\t4\n";

/* A folder with packs in it; TRUEBOOT_REFERENCE names `default.pack` there. */
struct folder {
    struct arena a;
    char path[64];
    const char *own, *standard;
};

static void folder_done(struct folder *f)
{
    (void)unlink(f->own);
    (void)unlink(refdata_keys_path(&f->a, f->own));
    (void)unlink(f->standard);
    (void)rmdir(f->path);
    arena_done(&f->a);
}

static bool folder_new(struct folder *f)
{
    const char *tmp = getenv("TMPDIR");

    *f = (struct folder){ .own = "" };
    snprintf(f->path, sizeof f->path, "%.40s/trueboot-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(f->path))
        return false;
    f->own = arena_printf(&f->a, "%s/own.pack", f->path);
    f->standard = arena_printf(&f->a, "%s/default.pack", f->path);
    return f->own && f->standard && setenv("TRUEBOOT_REFERENCE", f->standard, 1) == 0;
}

static bool put(const char *path, const char *text)
{
    struct err err = ERR_INIT;

    return file_write(path, bytes_of_string(text), 0600, &err);
}

static bool read_list(struct arena *a, const char *name, struct bytes *ret)
{
    struct err err = ERR_INIT;
    const char *path = shared_data(name);

    return path && file_read_in(a, path, REFDATA_MAX_BYTES, ret, &err);
}

TEST(ones_own_pack_is_used_before_the_default_one)
{
    struct folder f CLEANUP(folder_done);
    const struct refdata *data;
    const char *problem;

    REQUIRE(folder_new(&f));
    CHECK(!refdata_load(&f.a, f.own, &problem) && !problem);
    REQUIRE(put(f.standard, "trueboot-reference 1\nname\tdefault\n"));
    data = refdata_load(&f.a, f.own, &problem);
    REQUIRE(data && !problem);
    CHECK_STRING(data->reference.name, "default");
    CHECK_STRING(data->path, f.standard);
    REQUIRE(put(f.own, older));
    data = refdata_load(&f.a, f.own, &problem);
    REQUIRE(data && !problem);
    CHECK_STRING(data->reference.name, "older");
    CHECK_INT(refdata_entries(&data->reference), 2);
}

TEST(a_pack_that_cannot_be_used_is_named_and_the_default_one_serves)
{
    struct folder f CLEANUP(folder_done);
    const struct refdata *data;
    const char *problem;

    REQUIRE(folder_new(&f) && put(f.standard, "trueboot-reference 1\nname\tdefault\n"));
    REQUIRE(put(f.own, "trueboot-reference 1\nimage\tabc\n"));
    data = refdata_load(&f.a, f.own, &problem);
    REQUIRE(data && problem);
    CHECK_STRING(data->reference.name, "default");
    CHECK_STRING(problem,
                 arena_printf(&f.a, "reference data cannot be used: %s: line 2: 64, 96 or 128 hexadecimal digits expected", f.own));
}

static bool update(struct arena *a, const struct refdata *base, const struct refdata_keys *keys, struct bytes file, const char *name,
                   int64_t as_of_ms, struct refdata_update *ret, struct err *err)
{
    static const struct refdata_keys none = { 0 };
    const struct refdata_change change = { .base = base, .keys = keys ? keys : &none, .as_of_ms = as_of_ms, .now_ms = NOW };
    const struct refdata_file one = { file, name };

    return refdata_update(a, &change, &one, 1, ret, err);
}

/* ---- signed packs ---- */

struct signer {
    struct privkey *key;
    struct refdata_keys trusted;
    struct bytes pack; /* `older`, signed */
};

static void signer_done(struct signer *s)
{
    refdata_keys_done(&s->trusted);
    privkey_free(s->key);
}

static bool seal(struct arena *a, const char *text, const struct privkey *key, struct bytes *ret)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct err err = ERR_INIT;

    return seal_write(&w, bytes_of_string(text), key, &err) && arena_copy(a, writer_bytes(&w), ret);
}

static bool signer_new(struct arena *a, enum privkey_kind kind, struct signer *ret)
{
    const struct refdata_key *added;
    struct err err = ERR_INIT;
    char *pem;

    *ret = (struct signer){ 0 };
    if (!privkey_generate(kind, &ret->key, &err))
        return false;
    pem = pubkey_pem(privkey_public(ret->key), a);
    return pem && refdata_keys_add(a, &ret->trusted, bytes_of_string(pem), "the maker", &added, &err) &&
           seal(a, older, ret->key, &ret->pack);
}

TEST(a_signed_pack_is_taken_as_it_is_and_its_signature_is_checked_at_each_start)
{
    static const enum privkey_kind kinds[] = { PRIVKEY_P256, PRIVKEY_RSA_2048 };

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct folder f CLEANUP(folder_done);
        struct signer s CLEANUP(signer_done) = { 0 };
        struct refdata_update made;
        const struct refdata *data;
        const char *problem;
        struct err err = ERR_INIT;

        REQUIRE(folder_new(&f) && signer_new(&f.a, kinds[i], &s));
        REQUIRE(put(f.standard, "trueboot-reference 1\nname\tdefault\n"));
        REQUIRE_OK(update(&f.a, NULL, &s.trusted, s.pack, "x", 0, &made, &err), err);
        CHECK_STRING(made.signer, "the maker");
        CHECK_INT(made.added, 1);
        CHECK_BYTES(made.verbatim, s.pack);
        REQUIRE_OK(refdata_write(f.own, &made, &err), err);
        data = refdata_load(&f.a, f.own, &problem);
        REQUIRE(data && problem); /* the key is not trusted there yet */
        CHECK_STRING(data->reference.name, "default");
        CHECK(strstr(problem, "not trusted here"));
        REQUIRE_OK(refdata_keys_write(refdata_keys_path(&f.a, f.own), &s.trusted, &err), err);
        data = refdata_load(&f.a, f.own, &problem);
        REQUIRE(data && !problem && data->origin == REFDATA_SIGNED);
        CHECK_STRING(data->signer, "the maker");
        CHECK_STRING(data->reference.name, "older");
        REQUIRE(unlink(refdata_keys_path(&f.a, f.own)) == 0);
    }
}

TEST(a_pack_with_any_byte_changed_or_cut_is_refused)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct signer s CLEANUP(signer_done) = { 0 };
    struct refdata_update made;
    uint8_t *copy;

    REQUIRE(signer_new(&a, PRIVKEY_P256, &s));
    for (size_t i = 0; i < s.pack.len; i++) {
        struct err err = ERR_INIT;
        copy = malloc(s.pack.len);
        REQUIRE(copy);
        memcpy(copy, s.pack.data, s.pack.len);
        copy[i] ^= 1;
        CHECK(!update(&a, NULL, &s.trusted, (struct bytes){ copy, s.pack.len }, "x", 0, &made, &err) && err.text[0]);
        free(copy);
        err = ERR_INIT;
        copy = malloc(i);
        REQUIRE(copy || !i);
        memcpy(copy, s.pack.data, i);
        CHECK(!update(&a, NULL, &s.trusted, (struct bytes){ copy, i }, "x", 0, &made, &err) && err.text[0]);
        free(copy);
    }
}

TEST(whose_pack_is_refused_and_why)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct signer s CLEANUP(signer_done) = { 0 }, other CLEANUP(signer_done) = { 0 };
    struct bytes dateless, future, twice;
    struct refdata_update made;
    struct refdata newer = { .reference = { .name = "newer", .as_of_ms = NOW - 1000 } };
    struct refdata_change change = { .base = &newer, .now_ms = NOW, .downgrade = true };
    struct refdata_file file;
    struct err err = ERR_INIT;

    REQUIRE(signer_new(&a, PRIVKEY_P256, &s) && signer_new(&a, PRIVKEY_P256, &other));
    REQUIRE(seal(&a, "trueboot-reference 2\nname\tx\n", s.key, &dateless));
    REQUIRE(seal(&a, "trueboot-reference 2\nas-of\t2026-08-03T00:00:00Z\n", s.key, &future));
    {
        const struct {
            struct bytes pack;
            const struct refdata *base;
            enum err_code code;
            const char *says;
        } cases[] = {
            { bytes_of_string(older), NULL, ERR_UNTRUSTED, "nobody signed this pack" },
            { other.pack, NULL, ERR_UNTRUSTED, "which is not trusted here" },
            { dateless, NULL, ERR_MALFORMED, "carries no date" },
            { future, NULL, ERR_MALFORMED, "in the future" },
            { s.pack, &newer, ERR_CONFLICT, "the pack is of 2026-01-01, older than the one in use, which is of 2026-07-31" },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            err = ERR_INIT;
            CHECK(!update(&a, cases[i].base, &s.trusted, cases[i].pack, "x", 0, &made, &err));
            CHECK_INT(err.code, cases[i].code);
            CHECK(strstr(err.text, cases[i].says));
        }
    }
    change.keys = &s.trusted;
    file = (struct refdata_file){ s.pack, "x" };
    REQUIRE_OK(refdata_update(&a, &change, &file, 1, &made, &err), err); /* meant */
    CHECK_STRING(made.reference.name, "older");
    REQUIRE(arena_copy(&a, s.pack, &twice));
    {
        struct writer w CLEANUP(writer_done) = { 0 };
        CHECK(!seal_write(&w, twice, s.key, &err)); /* no second signature over a signed pack */
    }
}

TEST(trusted_keys_are_kept_by_name_and_forgotten_by_id)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct signer s CLEANUP(signer_done) = { 0 };
    struct refdata_keys again CLEANUP(refdata_keys_done) = { 0 };
    const struct refdata_key *key;
    struct bytes private_pem;
    struct err err = ERR_INIT;

    REQUIRE(signer_new(&a, PRIVKEY_P256, &s));
    REQUIRE_OK(refdata_keys_add(&a, &s.trusted, bytes_of_string(pubkey_pem(privkey_public(s.key), &a)), NULL, &key, &err), err);
    CHECK_INT(s.trusted.n, 1); /* the same key: another name */
    CHECK(strncmp(key->name, "key ", 4) == 0 && strlen(key->id) == 64);
    REQUIRE_OK(privkey_to_pem(s.key, &a, &private_pem, &err), err);
    CHECK(!refdata_keys_add(&a, &s.trusted, private_pem, NULL, &key, &err) && strstr(err.text, "private key"));
    CHECK(!refdata_keys_add(&a, &s.trusted, BYTES_LIT("x"), NULL, &key, &err));
    CHECK(!refdata_keys_parse(&a, BYTES_LIT("trueboot-reference-keys 1\nkey\tAAAA\tx\n"), &again, &err));
    CHECK(!refdata_keys_parse(&a, BYTES_LIT("keys\n"), &again, &err));
    CHECK(!refdata_keys_remove(&s.trusted, "0000000")); /* too few digits to mean one */
    CHECK(refdata_keys_remove(&s.trusted, arena_printf(&a, "%.8s", s.trusted.items[0].id)));
    CHECK_INT(s.trusted.n, 0);
}

/* ---- what goes into one ---- */

static const char notes[] =
    "{\"images\":{\"x64\":["
    "{\"authenticodeHash\":\"0100000000000000000000000000000000000000000000000000000000000000\",\"filename\":\"shimx64.efi\","
    "\"companyName\":\"Some Linux\",\"description\":\"CVE-2020-10713; CVE-2020-14308\",\"dateOfAddition\":\"2020-07-29\"},"
    "{\"authenticodeHash\":\"0200000000000000000000000000000000000000000000000000000000000000\",\"filename\":\"old.efi\","
    "\"companyName\":\"Unknown\",\"description\":\"Revoked for cause\",\"dateOfAddition\":\"soon\"}]}}";

TEST(descriptions_name_what_is_revoked_and_forbid_nothing)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct refdata base = { .path = "x" };
    struct refdata_making m = { .a = &a, .vouched = true, .advice = true };
    struct boot_reference made;
    struct refdata_update described;
    struct err err = ERR_INIT;

    REQUIRE_OK(reference_parse(&a,
                               BYTES_LIT("trueboot-reference 1\nname\tx\nas-of\t2026-01-01T00:00:00Z\nimage\t"
                                         "0100000000000000000000000000000000000000000000000000000000000000\n"),
                               &base.reference, &err),
               err);
    REQUIRE_OK(update(&a, &base, NULL, bytes_of_string(notes), "notes.json", 0, &described, &err), err);
    CHECK(!described.signer && !described.added && !described.removed);
    CHECK_INT(described.reference.n_images, 1);
    CHECK_STRING(described.reference.name, "x");
    CHECK_INT(described.reference.as_of_ms, base.reference.as_of_ms);
    CHECK_STRING(revocation_words(&a, &described.reference.images[0]),
                 "shimx64.efi (Some Linux), CVE-2020-10713, CVE-2020-14308, revoked on 2020-07-29");
    CHECK_INT(described.reference.images[0].architectures, 1u << ARCHITECTURE_X64);
    /* Whoever signs may take the rest as advice. */
    REQUIRE_OK(refdata_take(&m, bytes_of_string(notes), "notes.json", &err) && refdata_made(&m, &made, &err), err);
    REQUIRE(made.n_images == 2 && made.images[1].list == REVOKED_BY_ADVICE);
    CHECK_STRING(revocation_words(&a, &made.images[1]), "old.efi, Revoked for cause");
}

TEST(descriptions_that_are_wrong_are_refused_with_their_place)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        { "{", "line 1" },
        { "{\"a\":1}", "no descriptions of revocations" },
        { "{\"images\":{\"x64\":1}}", "\"x64\": a list expected" },
        { "{\"images\":{\"arm\":[{\"authenticodeHash\":\"00\"}]}}", "\"arm\", entry 1: \"authenticodeHash\": 64, 96 or 128" },
        { "{\"images\":{\"arm\":[7]}}", "\"arm\", entry 1" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct refdata_update made;
        struct err err = ERR_INIT;
        CHECK(!update(&a, NULL, NULL, bytes_of_string(cases[i].text), "x", 0, &made, &err));
        if (!strstr(err.text, cases[i].says))
            test_note("%s", err.text);
        CHECK(strstr(err.text, cases[i].says));
    }
}

TEST(the_publishers_descriptions_fit_its_lists)
{
    static const struct {
        const char *list;
        enum architecture architecture;
        size_t described;
    } cases[] = { { "DBXUpdate-amd64.bin", ARCHITECTURE_X64, 443 },
                  { "DBXUpdate-arm64.bin", ARCHITECTURE_AARCH64, 26 },
                  { "DBXUpdate-x86.bin", ARCHITECTURE_IA32, 45 },
                  { "DBXUpdate-arm.bin", ARCHITECTURE_ARM, 110 } };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        static const struct refdata_keys none = { 0 };
        const struct refdata_change change = { .keys = &none, .now_ms = NOW };
        struct refdata_file files[2] = { { .name = cases[i].list }, { .name = "dbx_info_msft_latest.json" } };
        struct refdata_update made;
        struct err err = ERR_INIT;
        size_t described = 0;

        if (!read_list(&a, arena_printf(&a, "secure-boot/dbx/%s", cases[i].list), &files[0].content) ||
            !read_list(&a, "secure-boot/dbx/dbx_info_msft_latest.json", &files[1].content))
            SKIP("no shared data");
        REQUIRE_OK(refdata_update(&a, &change, files, 2, &made, &err), err);
        CHECK(made.signer && made.reference.as_of_ms > 0);
        for (size_t k = 0; k < made.reference.n_images; k++) {
            const struct revocation *r = &made.reference.images[k];
            described += (r->what || r->why) && r->since;
            CHECK(r->architectures >> cases[i].architecture & 1);
            CHECK_INT(r->list, REVOKED_BY_DBX);
        }
        CHECK_INT(described, cases[i].described);
        CHECK_INT(made.reference.n_images, cases[i].described);
    }
}

TEST(only_what_its_publisher_signed_is_taken_without_somebody_who_vouches)
{
    static const char *const files[] = { "sbat,1,2025021800\nshim,4\n", "MZ", "anything" };

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct refdata_update made;
        struct err err = ERR_INIT;
        CHECK(!update(&a, NULL, NULL, bytes_of_string(files[i]), "x", 0, &made, &err));
        CHECK_INT(err.code, ERR_UNTRUSTED);
    }
}

TEST(what_was_written_is_read_back)
{
    struct folder f CLEANUP(folder_done);
    struct refdata_update made = { 0 };
    struct refdata data;
    struct err err = ERR_INIT;

    REQUIRE(folder_new(&f));
    REQUIRE_OK(reference_parse(&f.a, bytes_of_string(older), &made.reference, &err), err);
    REQUIRE_OK(refdata_write(f.own, &made, &err), err);
    REQUIRE_OK(refdata_read(&f.a, f.own, f.own, &data, &err), err);
    CHECK_STRING(data.reference.images[0].what, "shim 15");
    CHECK_STRING(reference_age(&f.a, &data.reference, NOW), "2026-01-01, 212 days old");
    data.reference.as_of_ms = 0;
    CHECK_STRING(reference_age(&f.a, &data.reference, NOW), "date unknown");
}

TEST(a_publishers_list_joins_what_was_known)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct refdata_update first, second, again;
    struct refdata base = { .path = "x" }, next = { .path = "x" };
    struct err err = ERR_INIT;
    struct bytes list, old;

    if (!read_list(&a, "secure-boot/dbx/DBXUpdate-amd64.bin", &list) || !read_list(&a, "secure-boot/dbx/dbxupdate-2014-08-11.bin", &old))
        SKIP("no shared data");
    REQUIRE_OK(reference_parse(&a, bytes_of_string(older), &base.reference, &err), err);
    REQUIRE_OK(update(&a, &base, NULL, list, "DBX\tUpdate.bin", NOW, &first, &err), err);
    CHECK_STRING(first.signer, "Microsoft Windows UEFI Key Exchange Key");
    CHECK_STRING(first.reference.name, "DBX\\x09Update.bin, signed by Microsoft Windows UEFI Key Exchange Key");
    CHECK_INT(first.added, 443);
    CHECK_INT(first.reference.n_images + first.reference.n_certificates, 444);
    CHECK_INT(first.reference.n_sbat, 1);
    CHECK_INT(first.reference.as_of_ms, NOW);
    next.reference = first.reference;
    /* The same again changes nothing; an older one takes nothing away, and makes nothing older. */
    REQUIRE_OK(update(&a, &next, NULL, list, "copy.bin", 0, &again, &err), err);
    CHECK_INT(again.added, 0);
    CHECK_STRING(again.reference.name, first.reference.name);
    CHECK_INT(again.reference.as_of_ms, NOW);
    REQUIRE_OK(update(&a, &next, NULL, old, "old.bin", INT64_C(1407715200000), &second, &err), err);
    CHECK(second.reference.n_images >= first.reference.n_images);
    CHECK_INT(second.reference.as_of_ms, NOW);
}

TEST(a_list_with_a_changed_byte_is_refused)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct bytes list;
    uint8_t *copy;

    if (!read_list(&a, "secure-boot/dbx/DBXUpdate-amd64.bin", &list))
        SKIP("no shared data");
    copy = malloc(list.len);
    REQUIRE(copy);
    memcpy(copy, list.data, list.len);
    /* Of every signature list and of the time; steps so that the hashes' bytes take turns. */
    for (size_t i = 0; i < list.len; i += i < 16 ? 1 : 509) {
        struct arena round CLEANUP(arena_done) = { 0 };
        struct refdata_update made;
        struct err err = ERR_INIT;
        if (i >= 16 && i < 5000)
            continue; /* the signature with its certificates: bootchain's own tests */
        copy[i] ^= 1;
        CHECK(!update(&round, NULL, NULL, (struct bytes){ copy, list.len }, "x", 0, &made, &err));
        CHECK(err.code == ERR_UNTRUSTED || err.code == ERR_MALFORMED || err.code == ERR_TRUNCATED || err.code == ERR_UNSUPPORTED);
        copy[i] ^= 1;
    }
    free(copy);
}

TEST(what_is_neither_list_nor_pack_is_refused)
{
    static const char *const texts[] = { "", "x", "trueboot-reference 3\n", "trueboot-reference 1\nwrong\n" };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct refdata_update made;
        struct err err = ERR_INIT;
        CHECK(!update(&a, NULL, NULL, bytes_of_string(texts[i]), "x", 0, &made, &err) && err.text[0]);
    }
}
