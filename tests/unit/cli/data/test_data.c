/* `trueboot data` and what it changes in verdicts, with the real program. */
#include <stdlib.h>
#include "appraise/evidence.h"
#include "base/file.h"
#include "eventlog/replay/replay.h"
#include "run.h"
#include "support/quote_builder.h"
#include "support/test.h"

static const char empty[] = "trueboot-reference 1\nname\tnothing\n";

static bool has_finding(const struct json *v, const char *id)
{
    const struct json *findings = json_get(v, "findings");

    for (size_t i = 0; findings && i < findings->array.n; i++)
        if (json_is_string(json_get(findings->array.items[i], "id"), id))
            return true;
    return false;
}

/* Whether a finding of this kind has these words. */
static bool says(const struct json *v, const char *id, const char *words)
{
    const struct json *findings = json_get(v, "findings");

    for (size_t i = 0; findings && i < findings->array.n; i++) {
        const struct json *f = findings->array.items[i];
        if (json_is_string(json_get(f, "id"), id) &&
            bytes_find(json_text(json_get(f, "text"), BYTES_NONE), bytes_of_string(words)) != SIZE_MAX)
            return true;
    }
    return false;
}

static const struct json *run_it(struct arena *a, const struct command *c, int code)
{
    struct ran r = run(a, c, NULL);

    CHECK_INT(r.code, code);
    return run_json(a, &r);
}

/* The user's data folder is a fresh one of this test. */
static bool own_folder(struct arena *a, const char *name)
{
    const char *file = temporary_file(a, "mark", BYTES_NONE), *slash = file ? strrchr(file, '/') : NULL;
    const char *folder = slash ? arena_printf(a, "%.*s/%s", (int)(slash - file), file, name) : NULL;

    return folder && setenv("XDG_DATA_HOME", folder, 1) == 0;
}

TEST(a_published_list_is_taken_in_and_shown)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const char *list = shared_data("secure-boot/dbx/DBXUpdate-amd64.bin");
    struct command update = { .n = 0 }, show = { .n = 0 };
    const struct json *v;
    int64_t n = 0;

    if (!list)
        SKIP("no shared data");
    REQUIRE(own_folder(&a, "taken"));
    command_add(&update, "data", "update", list, "--offline", "--as-of", "2026-07-14", "-o", "json", NULL);
    v = run_it(&a, &update, 0);
    CHECK(json_is_string(json_get(v, "signer"), "Microsoft Windows UEFI Key Exchange Key"));
    command_add(&show, "data", "show", "--offline", "-o", "json", NULL);
    v = run_it(&a, &show, 0);
    CHECK(json_as_integer(json_at(v, "offline", "images", NULL), &n) && n >= 443);
    CHECK(json_is_string(json_at(v, "offline", "asOf", NULL), "2026-07-14T00:00:00.000Z") ||
          json_is_string(json_at(v, "offline", "asOf", NULL), "2026-07-14T00:00:00Z"));
    CHECK(json_is_string(json_get(v, "serverState"), "not asked"));
}

TEST(a_changed_list_is_refused_and_nothing_is_written)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const char *path = shared_data("secure-boot/dbx/DBXUpdate-amd64.bin"), *changed;
    struct command update = { .n = 0 };
    struct err err = ERR_INIT;
    struct bytes list;
    struct ran r;

    if (!path)
        SKIP("no shared data");
    REQUIRE(own_folder(&a, "refused"));
    REQUIRE_OK(file_read_in(&a, path, 1 << 20, &list, &err), err);
    ((uint8_t *)(uintptr_t)list.data)[list.len - 7] ^= 4;
    changed = temporary_file(&a, "changed.bin", list);
    REQUIRE(changed);
    command_add(&update, "data", "update", changed, "--offline", NULL);
    r = run(&a, &update, NULL);
    CHECK_INT(r.code, 1);
    CHECK(bytes_find(r.error, BYTES_LIT("signed change of dbx")) != SIZE_MAX);
    CHECK(!file_exists(arena_printf(&a, "%s/trueboot/reference.pack", getenv("XDG_DATA_HOME"))));
}

/* Evidence for a log that somebody published without a quote: a TPM of our own quotes what the log gives. */
static bool quoted(struct arena *a, const char *log_path, struct command *c)
{
    struct privkey *key CLEANUP(privkey_free_at) = NULL;
    struct pcr_set *pcrs = ARENA_NEW(a, struct pcr_set);
    struct quote_builder b;
    struct built_quote quote;
    struct eventlog log;
    struct err err = ERR_INIT;
    struct bytes content;

    if (!pcrs || !file_read_in(a, log_path, LIMIT_LOG_BYTES, &content, &err) || !eventlog_parse(a, content, &log, &err) ||
        !privkey_generate(PRIVKEY_P256, &key, &err))
        return false;
    replay_compute(&log, pcrs);
    quote_builder_init(&b, key, pcrs, BYTES_LIT("nonce"));
    if (!quote_builder_sign(a, &b, key, &quote, &err))
        return false;
    command_add(c, "verify", "--log", log_path, "--quote", temporary_file(a, "quote", quote.attest), "--signature",
                temporary_file(a, "signature", quote.signature), "--ak",
                temporary_file(a, "ak.pem", bytes_of_string(pubkey_pem(privkey_public(key), a))), "--nonce", "6e6f6e6365",
                "--required-pcrs", "0-7", "-o", "json", NULL);
    return true;
}

TEST(a_revoked_loader_is_found_once_the_newest_list_is_there)
{
    static const struct {
        const char *log;
        int code_without;
    } logs[] = { { "event-logs/rhel8-uefi/eventlog.bin", 0 }, { "event-logs/event-bootorder/eventlog.bin", 10 } };

    for (size_t i = 0; i < ARRAY_LEN(logs); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        const char *log = shared_data(logs[i].log), *list = shared_data("secure-boot/dbx/DBXUpdate-amd64.bin");
        const char *notes = shared_data("secure-boot/dbx/dbx_info_msft_latest.json");
        struct command without = { .n = 0 }, update = { .n = 0 }, with = { .n = 0 };
        const struct json *v;
        if (!log || !list || !notes)
            SKIP("no shared data");
        REQUIRE(own_folder(&a, "revoked") && quoted(&a, log, &without) && quoted(&a, log, &with));
        command_add(&without, "--data", temporary_file(&a, "empty.pack", bytes_of_string(empty)), NULL);
        command_add(&update, "data", "update", list, notes, "--offline", "-o", "json", NULL);
        v = run_it(&a, &without, logs[i].code_without);
        CHECK(v && !has_finding(v, "boot.revoked_image"));
        CHECK(json_is_string(json_get(v, "reference"), "nothing (date unknown); lists no revoked images for machines' dbx: "
                                                       "`trueboot data update DBXUpdate.bin`"));
        CHECK(run_it(&a, &update, 0));
        v = run_it(&a, &with, 10);
        REQUIRE(has_finding(v, "boot.revoked_image"));
        CHECK(json_is_string(json_get(v, "verdict"), "Unhealthy"));
        CHECK(says(v, "boot.revoked_image", "CVE-20") && says(v, "boot.revoked_image", ", revoked on 202"));
    }
}

TEST(the_demos_boot_is_healthy_with_the_default_pack)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const char *path = test_data("boots/clean.evidence.json");
    struct command c = { .n = 0 };
    struct evidence_file file;
    struct err err = ERR_INIT;
    const struct json *v;
    struct bytes text;

    REQUIRE(path && own_folder(&a, "healthy"));
    REQUIRE_OK(file_read_in(&a, path, LIMIT_ATTEST_BODY_BYTES, &text, &err), err);
    REQUIRE_OK(evidence_file_read(&a, text, &file, &err), err);
    /* Its CA lived for one run: the AK's certificate itself is what is trusted. */
    command_add(&c, "verify", path, "--ak-root", temporary_file(&a, "ak.der", file.current.aik_cert), "-o", "json", NULL);
    v = run_it(&a, &c, 0);
    CHECK(json_is_string(json_get(v, "verdict"), "Healthy"));
    CHECK(json_get(v, "reference") && json_get(v, "reference")->type == JSON_STRING);
    command_add(&c, "--as-of", "2036-01-01T00:00:00Z", NULL); /* long after the certificate's end: a pin has none */
    v = run_it(&a, &c, 0);
    CHECK(json_is_string(json_get(v, "verdict"), "Healthy"));
}

TEST(a_pack_that_was_named_and_is_broken_is_an_error)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct command c = { .n = 0 };
    struct ran r;

    command_add(&c, "verify", test_data("boots/clean.evidence.json"), "--data",
                temporary_file(&a, "broken.pack", BYTES_LIT("trueboot-reference 1\nsbat\n")), NULL);
    r = run(&a, &c, NULL);
    CHECK_INT(r.code, 1);
    CHECK(bytes_find(r.error, BYTES_LIT("line 2: a component expected")) != SIZE_MAX);
}

/* ---- packs of one's own ---- */

static const char maker[] = "image\t0100000000000000000000000000000000000000000000000000000000000000\n";

/* `trueboot data pack`, signed with the key of that name, dated. */
static const char *make_pack(struct arena *a, const char *name, const char *key, const char *date)
{
    const char *text = arena_printf(a, "trueboot-reference 1\nname\tours\n%s", maker);
    const char *in = temporary_file(a, "in.pack", bytes_of_string(text)), *out = temporary_file(a, name, BYTES_NONE);
    struct command c = { .n = 0 };
    const struct json *v;
    bool is_signed = false;

    command_add(&c, "data", "pack", in, "--out", out, "--sign", key, "--as-of", date, "--name", name, "-o", "json", NULL);
    v = run_it(a, &c, 0);
    return v && json_as_boolean(json_get(v, "signed"), &is_signed) && is_signed ? out : NULL;
}

static void refused(struct arena *a, const char *pack, int code, const char *why)
{
    struct command c = { .n = 0 };
    struct ran r;

    command_add(&c, "data", "update", pack, "--offline", NULL);
    r = run(a, &c, NULL);
    CHECK_INT(r.code, code);
    CHECK(bytes_find(r.error, bytes_of_string(why)) != SIZE_MAX);
}

TEST(a_pack_counts_once_its_makers_key_is_trusted)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct privkey *key CLEANUP(privkey_free_at) = NULL;
    const char *key_path, *pack, *old, *tampered;
    struct command trust = { .n = 0 }, update = { .n = 0 }, show = { .n = 0 }, forget = { .n = 0 };
    const struct json *v;
    struct bytes pem, text;
    struct err err = ERR_INIT;
    struct ran r;

    REQUIRE(own_folder(&a, "own"));
    REQUIRE_OK(privkey_generate(PRIVKEY_P256, &key, &err) && privkey_to_pem(key, &a, &pem, &err), err);
    key_path = temporary_file(&a, "sign.pem", pem);
    pack = make_pack(&a, "new.pack", key_path, "2026-07-14");
    old = make_pack(&a, "old.pack", key_path, "2025-07-14");
    REQUIRE(pack && old);
    refused(&a, pack, 1, "not trusted here");
    refused(&a, temporary_file(&a, "bare.pack", bytes_of_string("trueboot-reference 2\n")), 1, "nobody signed this pack");
    CHECK(!file_exists(arena_printf(&a, "%s/trueboot/reference.pack", getenv("XDG_DATA_HOME"))));

    command_add(&trust, "data", "trust", temporary_file(&a, "sign.pub", bytes_of_string(pubkey_pem(privkey_public(key), &a))), "--name",
                "the maker", "--offline", "-o", "json", NULL);
    v = run_it(&a, &trust, 0);
    REQUIRE(v && json_get(v, "offline") && json_get(v, "offline")->array.n == 1);
    command_add(&update, "data", "update", pack, "--offline", "-o", "json", NULL);
    v = run_it(&a, &update, 0);
    CHECK(json_is_string(json_get(v, "signer"), "the maker"));
    command_add(&show, "data", "show", "--offline", "-o", "json", NULL);
    v = run_it(&a, &show, 0);
    CHECK(json_is_string(json_at(v, "offline", "name", NULL), "new.pack") &&
          json_is_string(json_at(v, "offline", "origin", NULL), "signed") &&
          json_is_string(json_at(v, "offline", "signedBy", NULL), "the maker"));

    REQUIRE_OK(file_read_in(&a, pack, 1 << 20, &text, &err), err);
    ((uint8_t *)(uintptr_t)text.data)[40] ^= 1;
    tampered = temporary_file(&a, "tampered.pack", text);
    refused(&a, tampered, 1, "the signature does not hold");
    refused(&a, old, 6, "older than the one in use");
    v = run_it(&a, &show, 0);
    CHECK(json_is_string(json_at(v, "offline", "name", NULL), "new.pack")); /* what was refused changed nothing */
    command_add(&update, "--downgrade", NULL);
    update.arguments[2] = old;
    v = run_it(&a, &update, 0);
    CHECK(json_is_string(json_at(v, "offline", "name", NULL), "old.pack"));

    /* Only a key that is there can be forgotten. */
    command_add(&forget, "data", "trust", "--remove", "00000000", "--offline", NULL);
    r = run(&a, &forget, NULL);
    CHECK_INT(r.code, 3);
}
