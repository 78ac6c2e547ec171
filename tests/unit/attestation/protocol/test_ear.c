/* From findings to the trustworthiness vector: docs/ear.md's table, row by row. */
#include "appraise/verdict.h"
#include "attestation/protocol/ear.h"
#include "support/test.h"

static struct appraisal appraised(struct arena *a, bool genuine, bool has_log)
{
    return (struct appraisal){ .ak_trusted = genuine, .quote_verified = true, .facts.has_log = has_log, .findings.arena = a };
}

static struct ear_vector judged(struct appraisal *a, enum secure_boot secure_boot)
{
    struct ear_vector v;

    a->verdict = verdict_of(&a->findings);
    ear_judge(a, secure_boot, &v);
    return v;
}

TEST(a_boot_that_nothing_speaks_against_is_affirmed_where_it_was_looked_at_and_only_there)
{
    static const int8_t want[EAR_CLAIM_COUNT] = {
        [EAR_INSTANCE_IDENTITY] = 2, [EAR_CONFIGURATION] = 3, [EAR_EXECUTABLES] = 3, [EAR_HARDWARE] = 2
    };
    struct arena a CLEANUP(arena_done) = { 0 };
    struct appraisal appraisal = appraised(&a, true, true);
    struct ear_vector v = judged(&appraisal, SECURE_BOOT_ENABLED);

    for (size_t i = 0; i < EAR_CLAIM_COUNT; i++)
        CHECK_INT(v.values[i], want[i]);
    CHECK_STRING(ear_tier_name(v.status), "affirming");
}

TEST(what_is_missing_is_said)
{
    static const struct {
        bool genuine, has_log;
        enum secure_boot secure_boot;
        int identity, configuration, executables, hardware;
        const char *status;
    } rows[] = {
        { false, true, SECURE_BOOT_ENABLED, 97, 3, 3, 97, "contraindicated" },
        { true, false, SECURE_BOOT_UNKNOWN, 2, 36, 33, 2, "warning" },
        { true, true, SECURE_BOOT_UNKNOWN, 2, 36, 33, 2, "warning" },
        { true, true, SECURE_BOOT_DISABLED, 2, 96, 33, 2, "contraindicated" },
    };
    struct arena a CLEANUP(arena_done) = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct appraisal appraisal = appraised(&a, rows[i].genuine, rows[i].has_log);
        struct ear_vector v = judged(&appraisal, rows[i].secure_boot);
        CHECK_INT(v.values[EAR_INSTANCE_IDENTITY], rows[i].identity);
        CHECK_INT(v.values[EAR_CONFIGURATION], rows[i].configuration);
        CHECK_INT(v.values[EAR_EXECUTABLES], rows[i].executables);
        CHECK_INT(v.values[EAR_HARDWARE], rows[i].hardware);
        CHECK_STRING(ear_tier_name(v.status), rows[i].status);
    }
}

TEST(each_kind_of_finding_lowers_the_claim_that_it_speaks_of)
{
    static const struct {
        enum finding_id id;
        enum ear_claim claim;
        int value;
        const char *status;
    } rows[] = {
        { FINDING_FIRMWARE_CONFIG, EAR_HARDWARE, 2, "affirming" }, /* low: no effect */
        { FINDING_FIRMWARE_OPTION_ROM, EAR_HARDWARE, 32, "warning" },
        { FINDING_FIRMWARE_DEBUGGER, EAR_HARDWARE, 96, "contraindicated" },
        { FINDING_SECUREBOOT_LIST_MALFORMED, EAR_CONFIGURATION, 32, "warning" },
        { FINDING_SECUREBOOT_SETUP_MODE, EAR_CONFIGURATION, 96, "contraindicated" },
        { FINDING_SECUREBOOT_UNPROVED, EAR_CONFIGURATION, 36, "warning" },
        { FINDING_SECUREBOOT_AUTHORITY_MISSING, EAR_EXECUTABLES, 33, "warning" },
        { FINDING_BOOT_REVOKED_IMAGE, EAR_EXECUTABLES, 96, "contraindicated" },
        { FINDING_BOOT_NO_IMAGE, EAR_EXECUTABLES, 33, "warning" },
        { FINDING_BOOT_INITRD_UNMEASURED, EAR_EXECUTABLES, 33, "warning" },
        { FINDING_BOOT_CMDLINE_FORBIDDEN, EAR_CONFIGURATION, 96, "contraindicated" },
        { FINDING_OS_TEST_SIGNING, EAR_CONFIGURATION, 96, "contraindicated" },
        { FINDING_OS_SAFE_MODE, EAR_CONFIGURATION, 32, "warning" },
        { FINDING_LOG_UNPROVED, EAR_EXECUTABLES, 33, "warning" },
        { FINDING_LOG_REPLAY_MISMATCH, EAR_EXECUTABLES, 99, "contraindicated" },
        { FINDING_IMA_MISMATCH, EAR_FILE_SYSTEM, 99, "contraindicated" },
        { FINDING_IMA_RESUMED, EAR_FILE_SYSTEM, 99, "contraindicated" },
        { FINDING_AK_UNTRUSTED, EAR_INSTANCE_IDENTITY, 97, "contraindicated" },
        { FINDING_AK_REPLACED, EAR_INSTANCE_IDENTITY, 96, "contraindicated" },
        { FINDING_TPM_ROLLBACK, EAR_INSTANCE_IDENTITY, 96, "contraindicated" },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct appraisal appraisal = appraised(&a, true, true);
        struct ear_vector v;

        findings_add(&appraisal.findings, rows[i].id, FINDING_NO_PCR, FINDING_NO_EVENT, "x");
        v = judged(&appraisal, SECURE_BOOT_ENABLED);
        CHECK_INT(v.values[rows[i].claim], rows[i].value);
        CHECK_STRING(ear_tier_name(v.status), rows[i].status);
    }
}

TEST(no_finding_of_any_kind_that_makes_a_boot_unhealthy_leaves_it_affirmed)
{
    for (enum finding_id id = 0; id < FINDING_ID_COUNT; id++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct appraisal appraisal = appraised(&a, true, true);
        struct ear_vector v;

        findings_add(&appraisal.findings, id, FINDING_NO_PCR, FINDING_NO_EVENT, "x");
        v = judged(&appraisal, SECURE_BOOT_ENABLED);
        if ((v.status == EAR_AFFIRMING) != (appraisal.verdict == VERDICT_HEALTHY))
            test_note("%s", finding_kind(id)->id);
        CHECK((v.status == EAR_AFFIRMING) == (appraisal.verdict == VERDICT_HEALTHY));
    }
}

TEST(the_worst_finding_of_a_claim_decides_whatever_the_order)
{
    static const enum finding_id ids[] = { FINDING_BOOT_INITRD_UNMEASURED, FINDING_BOOT_REVOKED_IMAGE, FINDING_BOOT_NO_IMAGE };

    for (size_t first = 0; first < ARRAY_LEN(ids); first++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct appraisal appraisal = appraised(&a, true, true);
        struct ear_vector v;

        for (size_t i = 0; i < ARRAY_LEN(ids); i++)
            findings_add(&appraisal.findings, ids[(first + i) % ARRAY_LEN(ids)], FINDING_NO_PCR, FINDING_NO_EVENT, "x");
        v = judged(&appraisal, SECURE_BOOT_ENABLED);
        CHECK_INT(v.values[EAR_EXECUTABLES], 96);
    }
}

TEST(what_could_not_be_judged_is_neither_affirmed_nor_held_against_a_boot)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct appraisal appraisal = appraised(&a, true, true);
    struct ear_vector v;

    findings_add(&appraisal.findings, FINDING_BOOT_INITRD_UNMEASURED, FINDING_NO_PCR, FINDING_NO_EVENT, "x")->unsettled = true;
    v = judged(&appraisal, SECURE_BOOT_ENABLED);
    CHECK(appraisal.verdict == VERDICT_UNKNOWN);
    CHECK_INT(v.values[EAR_EXECUTABLES], 1);
    CHECK_STRING(ear_tier_name(v.status), "none");
}

TEST(every_value_lies_in_its_tier)
{
    static const struct {
        int from, to;
        enum ear_tier tier;
    } ranges[] = { /* AR4SI 2.3.2 */
                   { -128, -97, EAR_CONTRAINDICATED }, { -96, -33, EAR_WARNING }, { -32, -2, EAR_AFFIRMING },      { -1, 1, EAR_NONE },
                   { 2, 31, EAR_AFFIRMING },           { 32, 95, EAR_WARNING },   { 96, 127, EAR_CONTRAINDICATED }
    };

    for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
        for (int value = ranges[i].from; value <= ranges[i].to; value++)
            CHECK(ear_tier_of((int8_t)value) == ranges[i].tier);
}

TEST(a_nonce_is_echoed_where_it_can_be_one)
{
    static const struct {
        size_t len;
        bool is_one;
    } rows[] = { { 0, false }, { 7, false }, { 8, true }, { 88, true }, { 89, false } };
    uint8_t text[89];

    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct writer w CLEANUP(writer_done) = { 0 };
        struct json_out out = json_out_to(&w, JSON_COMPACT);

        json_begin_object(&out, NULL);
        ear_write_nonce(&out, (struct bytes){ text, rows[i].len });
        json_end(&out);
        CHECK((bytes_find(writer_bytes(&w), BYTES_LIT("\"eat_nonce\":\"aaaaaaaa")) != SIZE_MAX) == rows[i].is_one);
    }
}
