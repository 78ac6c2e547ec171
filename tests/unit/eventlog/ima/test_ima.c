/* IMA lists: both forms, each template, prefixes, padded banks. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/file.h"
#include "base/hex.h"
#include "eventlog/ima/gap.h"
#include "eventlog/ima/replay.h"
#include "json/parse.h"
#include "support/late.h"
#include "support/test.h"
#include "base/writer.h"

static void add_field(struct writer *w, struct bytes value)
{
    write_u32le(w, (uint32_t)value.len);
    write_bytes(w, value);
}

/* One binary entry: register 10, SHA-1 of the template data, name, data. */
static void add_entry(struct writer *list, const char *template, struct bytes data)
{
    struct digest digest;

    digest_compute(DIGEST_SHA1, data, &digest);
    write_u32le(list, 10);
    write_bytes(list, digest_bytes(&digest));
    add_field(list, bytes_of_string(template));
    add_field(list, data);
}

static void add_file(struct writer *list, const char *template, const char *name, struct bytes last_field)
{
    struct writer data CLEANUP(writer_done) = { 0 };
    struct digest digest;
    struct bytes file = bytes_of_string(name);

    digest_compute(DIGEST_SHA256, file, &digest);
    write_u32le(&data, 8 + 32);
    write_bytes(&data, BYTES_LIT("sha256:\0"));
    write_bytes(&data, digest_bytes(&digest));
    add_field(&data, (struct bytes){ file.data, file.len + 1 });
    if (strcmp(template, "ima-ng") != 0)
        add_field(&data, last_field);
    add_entry(list, template, writer_bytes(&data));
}

static void add_violation(struct writer *list)
{
    static const uint8_t zeros[20];

    write_u32le(list, 10);
    write_bytes(list, BYTES_OF(zeros));
    add_field(list, BYTES_LIT("ima-ng"));
    add_field(list, BYTES_LIT("\x08\0\0\0sha256:\0\x02\0\0\0a\0"));
}

static void sample(struct writer *w)
{
    add_file(w, "ima-ng", "boot_aggregate", BYTES_NONE);
    add_file(w, "ima-sig", "/bin/true", BYTES_LIT("\x03\x02signature"));
    add_file(w, "ima-buf", "kernel_version", BYTES_LIT("6.1.0"));
    add_violation(w);
    add_file(w, "ima-ng", "/bin/false", BYTES_NONE);
}

/* What a TPM would hold after the first n entries. */
static void quoted_after(const struct ima_list *list, size_t n, enum digest_algorithm bank, bool padded, struct pcr_set *ret)
{
    struct digest *value = &ret->banks[ret->n_banks].value[10];

    ret->banks[ret->n_banks].algorithm = bank;
    ret->banks[ret->n_banks].present = 1u << 10;
    pcr_reset_value(bank, 10, value);
    for (size_t i = 0; i < n; i++) {
        struct digest digest;
        digest_fill(&digest, bank, 0xff);
        if (!list->entries[i].violation) {
            digest_compute(padded ? DIGEST_SHA1 : bank, list->entries[i].template_data, &digest);
            digest.algorithm = bank;
        }
        digest_extend(value, digest_bytes(&digest));
    }
    ret->n_banks++;
}

TEST(each_template_is_read_into_its_fields)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct writer w CLEANUP(writer_done) = { 0 };
    struct err err = ERR_INIT;
    struct ima_list list;

    sample(&w);
    REQUIRE_OK(ima_parse(&a, writer_bytes(&w), &list, &err), err);
    REQUIRE(list.n == 5 && !list.ascii && !list.truncated);
    CHECK_BYTES(list.entries[0].name, BYTES_LIT("boot_aggregate"));
    CHECK(list.entries[0].file_algorithm == DIGEST_SHA256 && list.entries[0].file_digest.len == 32);
    CHECK_BYTES(list.entries[1].signature, BYTES_LIT("\x03\x02signature"));
    CHECK_BYTES(list.entries[2].buffer, BYTES_LIT("6.1.0"));
    CHECK(list.entries[3].violation && !list.entries[3].proved);
    for (size_t i = 0; i < 3; i++)
        CHECK(list.entries[i].proved);
}

TEST(the_beginning_of_a_list_that_fits_the_quote_is_used_and_no_more)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct writer w CLEANUP(writer_done) = { 0 };
    struct err err = ERR_INIT;
    struct ima_list list;

    sample(&w);
    REQUIRE_OK(ima_parse(&a, writer_bytes(&w), &list, &err), err);
    for (size_t n = 0; n <= list.n; n++) {
        struct findings findings = { .arena = &a };
        struct pcr_set *quoted = ARENA_NEW(&a, struct pcr_set);
        const struct verified_ima *ima;
        quoted_after(&list, n, DIGEST_SHA1, false, quoted);
        quoted_after(&list, n, DIGEST_SHA256, false, quoted);
        quoted_after(&list, n, DIGEST_SHA384, true, quoted);
        REQUIRE_OK(ima_verify(&a, &list, quoted, NULL, &findings, &ima, &err), err);
        CHECK_INT(verified_ima_n(ima), n);
        CHECK(n == 0 || verified_ima_proved(ima, 0));
        CHECK(n < 4 || !verified_ima_proved(ima, 3));
        CHECK(!verified_ima_proved(ima, n));
        CHECK(n == 0 || verified_ima_bank_mode(ima, DIGEST_SHA384) == IMA_BANK_PADDED);
        CHECK_INT(findings.n, 0);
    }
}

/* `measure … pcr=11` in a policy of the kernel's; or an entry that somebody put in, since register 10 does not cover it. */
TEST(an_entry_of_another_register_leaves_register_10_alone_and_is_not_proved)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct writer w CLEANUP(writer_done) = { 0 }, own CLEANUP(writer_done) = { 0 };
    struct findings findings = { .arena = &a };
    struct err err = ERR_INIT;
    struct ima_list list, without;
    struct pcr_set *quoted = ARENA_NEW(&a, struct pcr_set);
    const struct verified_ima *ima;
    size_t at;

    add_file(&own, "ima-ng", "boot_aggregate", BYTES_NONE);
    add_file(&w, "ima-ng", "boot_aggregate", BYTES_NONE);
    at = w.len;
    add_file(&w, "ima-sig", "/lib/modules/put-in.ko", BYTES_LIT("signature"));
    w.data[at] = 11;
    add_file(&own, "ima-ng", "/bin/true", BYTES_NONE);
    add_file(&w, "ima-ng", "/bin/true", BYTES_NONE);
    REQUIRE_OK(ima_parse(&a, writer_bytes(&w), &list, &err) && ima_parse(&a, writer_bytes(&own), &without, &err), err);
    quoted_after(&without, 2, DIGEST_SHA256, false, quoted);
    REQUIRE_OK(ima_verify(&a, &list, quoted, NULL, &findings, &ima, &err), err);
    CHECK_INT(findings.n, 0);
    CHECK_INT(verified_ima_n(ima), 3);
    CHECK(verified_ima_proved(ima, 0) && !verified_ima_proved(ima, 1) && verified_ima_proved(ima, 2));
}

TEST(a_list_that_does_not_explain_the_register_is_a_finding)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct writer w CLEANUP(writer_done) = { 0 };
    struct findings findings = { .arena = &a };
    struct err err = ERR_INIT;
    struct ima_list list;
    struct pcr_set *quoted = ARENA_NEW(&a, struct pcr_set);
    const struct verified_ima *ima;

    sample(&w);
    REQUIRE_OK(ima_parse(&a, writer_bytes(&w), &list, &err), err);
    quoted_after(&list, 2, DIGEST_SHA256, false, quoted);
    quoted->banks[0].value[10].value[31] ^= 1;
    CHECK(!ima_verify(&a, &list, quoted, NULL, &findings, &ima, &err) && err.code == ERR_UNTRUSTED);
    CHECK(findings_have(&findings, FINDING_IMA_MISMATCH));
    quoted->n_banks = 0;
    CHECK(!ima_verify(&a, &list, quoted, NULL, &findings, &ima, &err) && err.code == ERR_NOT_FOUND);
}

/* The register after the entries [0, before) and [after, end) of a list, in two banks. */
static void quoted_with_gap(const struct ima_list *list, size_t before, size_t after, size_t end, struct pcr_set *ret)
{
    struct ima_list held = { .entries = calloc(list->n + 1, sizeof *list->entries) };

    for (size_t i = 0; i < end; i++)
        if (i < before || i >= after)
            held.entries[held.n++] = list->entries[i];
    *ret = (struct pcr_set){ 0 };
    quoted_after(&held, held.n, DIGEST_SHA256, false, ret);
    quoted_after(&held, held.n, DIGEST_SHA384, true, ret);
    free(held.entries);
}

static void long_list(struct writer *w, unsigned n)
{
    char name[32];

    add_file(w, "ima-ng", "boot_aggregate", BYTES_NONE);
    for (unsigned i = 1; i < n; i++) {
        snprintf(name, sizeof name, "/bin/%u", i);
        add_file(w, "ima-sig", name, BYTES_NONE);
    }
}

TEST(a_register_that_began_anew_under_a_list_holds_its_beginning_and_its_end)
{
    enum { N = 200 };
    static const struct {
        size_t before, after, end;
        bool found;
    } rows[] = {
        { 1, N - 1, N, true },
        { 1, N - 10, N - 3, true }, /* listed after the quote */
        { 0, N - 1, N, true },      /* the registers were reset, and nobody measured before the kernel went on */
        { LIMIT_IMA_GAP_BEFORE, N - LIMIT_IMA_GAP_AFTER, N, true },
        { LIMIT_IMA_GAP_BEFORE + 1, N - 1, N, false },
        { 1, N - LIMIT_IMA_GAP_AFTER - 1, N, false },
    };
    struct arena a CLEANUP(arena_done) = { 0 };
    struct writer w CLEANUP(writer_done) = { 0 };
    struct err err = ERR_INIT;
    struct ima_list list;
    struct pcr_set *quoted = ARENA_NEW(&a, struct pcr_set);
    struct ima_gap gap;

    long_list(&w, N);
    REQUIRE_OK(ima_parse(&a, writer_bytes(&w), &list, &err), err);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct findings findings = { .arena = &a };
        const struct verified_ima *ima;
        quoted_with_gap(&list, rows[i].before, rows[i].after, rows[i].end, quoted);
        CHECK(!ima_verify(&a, &list, quoted, NULL, &findings, &ima, &err));
        CHECK(ima_find_gap(writer_bytes(&w), quoted, NULL, &gap) == rows[i].found);
        CHECK(!rows[i].found || (gap.before == rows[i].before && gap.after == rows[i].after && gap.end == rows[i].end));
        quoted->banks[1].value[10].value[0] ^= 1; /* one bank alone proves nothing */
        CHECK(!ima_find_gap(writer_bytes(&w), quoted, NULL, &gap));
    }
}

TEST(a_real_kernels_list_after_hibernation_is_seen_for_what_it_is)
{
    static const char value[] = "7a3fb89a0617e48b9e95012768150784ed25d15fd01fd6817b49fae8daf42d16"; /* register 10 of the quote */
    struct arena a CLEANUP(arena_done) = { 0 };
    struct pcr_set *quoted = ARENA_NEW(&a, struct pcr_set);
    struct err err = ERR_INIT;
    struct bytes list;
    struct ima_gap gap;

    REQUIRE_OK(file_read_in(&a, test_case("ima/hibernated.list"), LIMIT_IMA_BYTES, &list, &err), err);
    quoted->n_banks = 1;
    quoted->banks[0] = (struct pcr_bank){ .algorithm = DIGEST_SHA256, .present = 1u << 10 };
    quoted->banks[0].value[10].algorithm = DIGEST_SHA256;
    REQUIRE(hex_decode_into(bytes_of_string(value), quoted->banks[0].value[10].value, 32));
    REQUIRE(ima_find_gap(list, quoted, NULL, &gap));
    CHECK(gap.before == 19 && gap.after == 30 && gap.end == 44);
}

TEST(a_list_without_a_gap_or_without_end_has_none)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct writer w CLEANUP(writer_done) = { 0 };
    struct err err = ERR_INIT;
    struct ima_list list;
    struct pcr_set *quoted = ARENA_NEW(&a, struct pcr_set);
    struct ima_gap gap;

    sample(&w);
    REQUIRE_OK(ima_parse(&a, writer_bytes(&w), &list, &err), err);
    for (size_t n = 0; n <= list.n; n++) { /* an untouched register and every beginning */
        *quoted = (struct pcr_set){ 0 };
        quoted_after(&list, n, DIGEST_SHA256, false, quoted);
        CHECK(!ima_find_gap(writer_bytes(&w), quoted, NULL, &gap));
    }
    quoted->banks[0].value[10].value[3] ^= 1;
    for (size_t n = 0; n < w.len; n++) { /* cut anywhere */
        struct bytes cut = exact_copy(bytes_slice(writer_bytes(&w), 0, n));
        CHECK(!ima_find_gap(cut, quoted, NULL, &gap));
        free((void *)cut.data);
    }
}

TEST(a_field_changed_after_measurement_is_not_proved)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct writer w CLEANUP(writer_done) = { 0 };
    struct err err = ERR_INIT;
    struct ima_list list;
    struct pcr_set *quoted = ARENA_NEW(&a, struct pcr_set);
    struct findings findings = { .arena = &a };
    const struct verified_ima *ima;

    add_file(&w, "ima-ng", "/bin/true", BYTES_NONE);
    w.data[w.len - 2] = 'X';
    REQUIRE_OK(ima_parse(&a, writer_bytes(&w), &list, &err), err);
    CHECK(!list.entries[0].proved);
    quoted->n_banks = 1; /* the SHA-1 bank covers the template digest that is listed */
    quoted->banks[0].algorithm = DIGEST_SHA1;
    quoted->banks[0].value[10].value[0] = 1;
    quoted->banks[0].value[10].value[0] = 1;
    quoted->banks[0].present = 1u << 10;
    quoted->banks[0].value[10].value[0] = 1;
    pcr_reset_value(DIGEST_SHA1, 10, &quoted->banks[0].value[10]);
    digest_extend(&quoted->banks[0].value[10], list.entries[0].template_digest);
    REQUIRE_OK(ima_verify(&a, &list, quoted, NULL, &findings, &ima, &err), err);
    CHECK(verified_ima_n(ima) == 1 && !verified_ima_proved(ima, 0));
}

TEST(a_list_cut_anywhere_is_truncated_and_keeps_its_whole_entries)
{
    struct writer w CLEANUP(writer_done) = { 0 };

    sample(&w);
    for (size_t n = 0; n < w.len; n++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct err err = ERR_INIT;
        struct ima_list list;
        struct bytes cut = exact_copy(bytes_slice(writer_bytes(&w), 0, n));
        CHECK(ima_parse(&a, cut, &list, &err));
        CHECK(list.n < 5);
        free((void *)cut.data);
    }
}

TEST(an_ascii_list_says_the_same_as_its_binary_form)
{
    static const char line[] = "10 %s ima-sig sha256:%s /bin/true 0302\n10 %s ima 0000000000000000000000000000000000000001 /bin/old name\n";
    struct arena a CLEANUP(arena_done) = { 0 };
    struct writer w CLEANUP(writer_done) = { 0 };
    struct err err = ERR_INIT;
    struct ima_list binary, ascii;
    struct digest file;
    uint8_t old[20 + 256] = { [19] = 1 };

    memcpy(old + 20, "/bin/old name", 13);
    digest_compute(DIGEST_SHA1, BYTES_OF(old), &file);
    add_file(&w, "ima-sig", "/bin/true", BYTES_LIT("\x03\x02"));
    REQUIRE_OK(ima_parse(&a, writer_bytes(&w), &binary, &err), err);
    char *text = arena_printf(&a, line, hex_in(&a, binary.entries[0].template_digest), hex_in(&a, binary.entries[0].file_digest),
                              hex_in(&a, digest_bytes(&file)));
    REQUIRE_OK(ima_parse(&a, bytes_of_string(text), &ascii, &err), err);
    REQUIRE(ascii.n == 2 && ascii.ascii);
    CHECK_BYTES(ascii.entries[0].template_data, binary.entries[0].template_data);
    CHECK(ascii.entries[0].proved);
    CHECK(ascii.entries[1].proved && ascii.entries[1].template == IMA_TEMPLATE_IMA);
}

TEST(lists_of_real_boots_explain_register_10)
{
    static const char *const lists[] = { "ima_binary_runtime_measurements", "ima_ascii_runtime_measurements",
                                         "ima_binary_runtime_measurements.after" };
    const char *root = shared_data("boot-logs");
    struct dirent **entries;
    unsigned explained = 0;

    if (!root)
        SKIP("shared data is not there");
    int n = scandir(root, &entries, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        for (size_t j = 0; j < ARRAY_LEN(lists); j++) {
            struct arena a CLEANUP(arena_done) = { 0 };
            struct findings findings = { .arena = &a };
            struct err err = ERR_INIT;
            struct bytes input, values;
            struct ima_list list;
            const struct json *v;
            const struct verified_ima *ima;
            struct pcr_set *quoted = ARENA_NEW(&a, struct pcr_set);
            bool fits = false;
            char path[512];
            snprintf(path, sizeof path, "boot-logs/%s/%s", entries[i]->d_name, lists[j]);
            if (!file_read_in(&a, shared_data(path), LIMIT_IMA_BYTES, &input, &err))
                continue;
            if (j < 2 && strcmp(entries[i]->d_name, "debian-sb-ima-tcb") == 0)
                continue; /* saved before the registers were read, and its policy measures every program that runs: see ….after */
            snprintf(path, sizeof path, "boot-logs/%s/pcrs.json", entries[i]->d_name);
            REQUIRE_OK(file_read_in(&a, shared_data(path), 1 << 20, &values, &err), err);
            REQUIRE_OK(json_parse(&a, values, NULL, &v, &err), err);
            for (size_t k = 0; k < v->object.n; k++) {
                struct pcr_bank *bank = &quoted->banks[quoted->n_banks++];
                bank->algorithm = digest_from_name(v->object.members[k].name);
                for (unsigned pcr = 0; pcr <= 10; pcr++) {
                    char name[8];
                    snprintf(name, sizeof name, "%u", pcr);
                    bank->value[pcr].algorithm = bank->algorithm;
                    bank->present |= 1u << pcr;
                    REQUIRE(hex_decode_into(json_get(v->object.members[k].value, name)->string, bank->value[pcr].value,
                                            digest_len(bank->algorithm)));
                }
            }
            REQUIRE_OK(ima_parse(&a, input, &list, &err), err);
            CHECK(ima_boot_aggregate_fits(&list.entries[0], quoted, &fits) && fits);
            for (size_t bank = 0; bank < quoted->n_banks; bank++) { /* one by one: the file's banks were read one after the other */
                struct pcr_set *one = ARENA_NEW(&a, struct pcr_set);
                one->n_banks = 1;
                one->banks[0] = quoted->banks[bank];
                REQUIRE_OK(ima_verify(&a, &list, one, NULL, &findings, &ima, &err), err);
                for (size_t k = 0; k < verified_ima_n(ima); k++)
                    CHECK(verified_ima_proved(ima, k) && verified_ima_entry(ima, k)->proved);
            }
            explained++;
        }
        free(entries[i]);
    }
    free(entries);
    test_note("%u lists explained", explained);
    CHECK(explained >= 40);
}

TEST(the_limits_on_bytes_and_entries_hold)
{
    enum { ENTRY = 33 }; /* register, SHA-1, a template's name of one letter, no data */
    size_t n = LIMIT_IMA_ENTRIES + 1;
    uint8_t *many = calloc(1, LIMIT_IMA_BYTES + 1);
    struct err err = ERR_INIT;
    struct ima_list list;

    for (size_t i = 0; i < n; i++) {
        many[i * ENTRY] = 10;
        many[i * ENTRY + 24] = 1;
        many[i * ENTRY + 28] = 'x';
    }
    for (size_t extra = 0; extra < 2; extra++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        bool read = ima_parse(&a, (struct bytes){ many, (n - 1 + extra) * ENTRY }, &list, &err);
        CHECK(read == (extra == 0) && (read ? list.n == LIMIT_IMA_ENTRIES : err.code == ERR_LIMIT));
        CHECK(!ima_parse(&a, (struct bytes){ many, LIMIT_IMA_BYTES + 1 }, &list, &err) && err.code == ERR_LIMIT);
    }
    free(many);
}

/* Any cut into pieces, the state written and read back between them, comes to what the whole list comes to. */
TEST(a_list_in_pieces_comes_to_the_same_as_the_whole_and_stops_at_the_quoted_value)
{
    struct arena a CLEANUP(arena_done) = { 0 }, scratch CLEANUP(arena_done) = { 0 };
    struct writer w CLEANUP(writer_done) = { 0 };
    struct err err = ERR_INIT;
    struct ima_list list;
    size_t end[8] = { 0 }, n = 0;
    struct ima_cursor c;
    struct ima_entry entry;
    bool there = true, fits;

    sample(&w);
    REQUIRE_OK(ima_parse(&a, writer_bytes(&w), &list, &err) && ima_begin(writer_bytes(&w), &c, &err), err);
    while (ima_next(&c, &scratch, &entry, &there, &err) && there)
        end[++n] = c.offset;
    REQUIRE(n == list.n && end[n] == w.len);
    for (size_t quoted_n = 0; quoted_n <= n; quoted_n++)
        for (size_t cut = 0; cut <= n; cut++) {
            struct pcr_set *quoted = ARENA_NEW(&a, struct pcr_set);
            struct ima_replay replay, back;
            struct ima_fit fit;
            struct writer state CLEANUP(writer_done) = { 0 };
            quoted_after(&list, quoted_n, DIGEST_SHA256, false, quoted);
            ima_replay_begin(quoted, NULL, &replay);
            REQUIRE_OK(ima_replay_take(&replay, bytes_slice(writer_bytes(&w), 0, end[cut]), quoted, &scratch, &fits, &fit, &err), err);
            CHECK(fits == (quoted_n <= cut) && replay.n == (fits ? quoted_n : cut) && replay.confirmed == fits);
            ima_replay_write(&state, &replay);
            REQUIRE_OK(ima_replay_read(writer_bytes(&state), &back, &err), err);
            CHECK(memcmp(&back, &replay, sizeof back) == 0);
            if (fits)
                continue;
            REQUIRE_OK(ima_replay_take(&back, bytes_slice(writer_bytes(&w), end[cut], w.len), quoted, &scratch, &fits, &fit, &err), err);
            CHECK(fits && back.n == quoted_n && fit.hashed && back.confirmed);
        }
}

TEST(a_state_cut_or_changed_is_refused_or_another_state)
{
    struct arena scratch CLEANUP(arena_done) = { 0 };
    struct writer w CLEANUP(writer_done) = { 0 }, state CLEANUP(writer_done) = { 0 };
    struct pcr_set *quoted = calloc(1, sizeof *quoted);
    struct ima_replay replay, back;
    struct ima_fit fit;
    struct err err = ERR_INIT;
    bool fits;

    quoted->n_banks = 1;
    quoted->banks[0] = (struct pcr_bank){ .algorithm = DIGEST_SHA384, .present = 1u << 10 };
    digest_fill(&quoted->banks[0].value[10], DIGEST_SHA384, 0x5a);
    sample(&w);
    ima_replay_begin(quoted, NULL, &replay);
    REQUIRE_OK(ima_replay_take(&replay, writer_bytes(&w), quoted, &scratch, &fits, &fit, &err), err);
    CHECK(!fits);
    replay.all.n_unsigned = 20;
    for (unsigned i = 0; i < IMA_SUMMARY_NAMES; i++)
        snprintf(replay.all.unsigned_names[i], KERNEL_MODULE_NAME_LEN, "m%u", i);
    ima_replay_write(&state, &replay);
    REQUIRE_OK(ima_replay_read(writer_bytes(&state), &back, &err), err);
    for (size_t n = 0; n < state.len; n++) {
        struct bytes cut = exact_copy(bytes_slice(writer_bytes(&state), 0, n));
        CHECK(!ima_replay_read(cut, &back, &err) && err.code == ERR_MALFORMED);
        free((void *)cut.data);
    }
    write_u8(&state, 0);
    CHECK(!ima_replay_read(writer_bytes(&state), &back, &err));
    free(quoted);
}

TEST(replaying_a_list_of_half_a_million_entries_takes_no_more_memory_than_one_of_ten)
{
    enum { ENTRY = 33, SOME = 10, MANY = LIMIT_IMA_ENTRIES };
    uint8_t *many = calloc(1, (size_t)ENTRY * (MANY + 1));
    struct pcr_set *quoted = calloc(1, sizeof *quoted);
    struct arena scratch CLEANUP(arena_done) = { 0 };
    size_t used[2] = { 0 };
    struct ima_replay replay;
    struct ima_fit fit;
    struct err err = ERR_INIT;
    bool fits;

    for (size_t i = 0; i <= MANY; i++) {
        many[i * ENTRY] = 10;
        many[i * ENTRY + 4] = 1;
        many[i * ENTRY + 24] = 1;
        many[i * ENTRY + 28] = 'x';
    }
    quoted->n_banks = 1;
    quoted->banks[0] = (struct pcr_bank){ .algorithm = DIGEST_SHA1, .present = 1u << 10 };
    digest_fill(&quoted->banks[0].value[10], DIGEST_SHA1, 0x5a);
    for (unsigned i = 0; i < 2; i++) {
        size_t left = i ? MANY : SOME, done = 0;
        ima_replay_begin(quoted, NULL, &replay);
        while (done < left) { /* pieces of at most a hundred thousand */
            size_t n = left - done < 100000 ? left - done : 100000;
            REQUIRE_OK(ima_replay_take(&replay, (struct bytes){ many + done * ENTRY, n * ENTRY }, quoted, &scratch, &fits, &fit, &err),
                       err);
            done += n;
        }
        CHECK_INT(replay.n, left);
        used[i] = scratch.used;
    }
    CHECK(used[0] == used[1]);
    CHECK(!ima_replay_take(&replay, (struct bytes){ many, ENTRY }, quoted, &scratch, &fits, &fit, &err) && err.code == ERR_LIMIT);
    free(many);
    free(quoted);
}

TEST(reading_and_replaying_a_long_list_end_when_the_time_is_up)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct arena a CLEANUP(arena_done) = { 0 };
    struct findings findings = { .arena = &a };
    const struct verified_ima *verified;
    struct pcr_set *quoted = ARENA_NEW(&a, struct pcr_set);
    struct ima_list list;
    struct err err = ERR_INIT;
    char name[32];

    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof name, "/usr/bin/%d", i);
        add_file(&w, "ima-ng", name, BYTES_NONE);
    }
    for (long looks = 0; looks < 3; looks++) {
        late_after(looks);
        CHECK(!ima_parse(&a, writer_bytes(&w), &list, &err) && err.code == ERR_LATE);
        late_end();
    }
    REQUIRE(quoted && ima_parse(&a, writer_bytes(&w), &list, &err) && list.n == 3000);
    quoted->n_banks = 1;
    quoted->banks[0].algorithm = quoted->banks[0].value[10].algorithm = DIGEST_SHA256;
    quoted->banks[0].value[10].value[0] = 1;
    quoted->banks[0].present = 1u << 10;
    late_after(1);
    CHECK(!ima_verify(&a, &list, quoted, NULL, &findings, &verified, &err) && err.code == ERR_LATE);
    late_end();
    CHECK_INT(findings.n, 0); /* it says nothing about the list */
}
