/* What makes a VM Healthy, and what a person may accept. */
#include "appraise/verdict.h"
#include "support/test.h"
#include "unit/bootchain/stock_boot.h"

/* What is judged, all of it empty, and what comes of it. */
#define WITH_JUDGEMENT                                                 \
    struct arena a CLEANUP(arena_done) = { 0 };                        \
    struct appraisal *appraisal = ARENA_NEW(&a, struct appraisal);     \
    struct baseline *baseline = ARENA_NEW(&a, struct baseline);        \
    struct claimed_boot *claimed = ARENA_NEW(&a, struct claimed_boot); \
    struct findings judged = { .arena = &a };                          \
    enum verdict verdict;                                              \
    struct err err = ERR_INIT;                                         \
    REQUIRE(appraisal != NULL && baseline != NULL && claimed != NULL); \
    appraisal->findings.arena = claimed->findings.arena = &a

TEST(the_worst_settled_finding_decides)
{
    static const struct {
        enum severity severity;
        bool unsettled;
        enum verdict verdict;
    } rows[] = { { SEVERITY_INFO, false, VERDICT_HEALTHY },       { SEVERITY_LOW, false, VERDICT_HEALTHY },
                 { SEVERITY_MEDIUM, false, VERDICT_UNHEALTHY },   { SEVERITY_HIGH, false, VERDICT_UNHEALTHY },
                 { SEVERITY_CRITICAL, false, VERDICT_UNHEALTHY }, { SEVERITY_LOW, true, VERDICT_HEALTHY },
                 { SEVERITY_MEDIUM, true, VERDICT_UNKNOWN },      { SEVERITY_CRITICAL, true, VERDICT_UNKNOWN } };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct findings list = { .arena = &a };
        struct finding *f = findings_add(&list, FINDING_BOOT_CMDLINE_CHANGED, 8, 1, "x");
        f->severity = rows[i].severity;
        f->unsettled = rows[i].unsettled;
        CHECK_INT(verdict_of(&list), rows[i].verdict);
        /* something settled and worse beside it wins; something fine does not */
        findings_add(&list, FINDING_BOOT_ORDER_CHANGED, 1, 1, "low");
        CHECK_INT(verdict_of(&list), rows[i].verdict);
        findings_add(&list, FINDING_SECUREBOOT_DISABLED, 7, 1, "high");
        CHECK_INT(verdict_of(&list), VERDICT_UNHEALTHY);
    }
}

TEST(no_finding_is_healthy_and_too_many_are_not)
{
    struct findings list = { 0 };

    CHECK_INT(verdict_of(&list), VERDICT_HEALTHY);
    list.overflow = true;
    CHECK_INT(verdict_of(&list), VERDICT_UNHEALTHY);
}

/* Judges an appraisal with one finding of each kind, in turn, under a baseline that accepts that very kind. */
TEST(a_baseline_lowers_medium_findings_about_the_boot_and_nothing_else)
{
    for (enum finding_id id = 0; id < FINDING_ID_COUNT; id++) {
        const struct finding_kind *kind = finding_kind(id);
        bool acceptable = kind->severity == SEVERITY_MEDIUM &&
                          (kind->phase != PHASE_EVIDENCE || id == FINDING_LOG_EXIT_BOOT_SERVICES || id == FINDING_LOG_UNPROVED);
        WITH_JUDGEMENT;
        struct baseline accepting = { .accepts = &id, .n_accepts = 1 };

        findings_add(&appraisal->findings, id, FINDING_NO_PCR, FINDING_NO_EVENT, "x");
        REQUIRE_OK(judge(&a, appraisal, NULL, &accepting, NULL, &judged, &verdict, &err), err);
        if (judged.items[0].severity != (acceptable ? SEVERITY_INFO : kind->severity))
            test_note("%s", kind->id);
        CHECK_INT(judged.items[0].severity, acceptable ? SEVERITY_INFO : kind->severity);
        CHECK_INT(verdict, acceptable || kind->severity < SEVERITY_MEDIUM ? VERDICT_HEALTHY : VERDICT_UNHEALTHY);
    }
}

TEST(what_is_raised_to_high_or_unsettled_is_not_accepted)
{
    static const enum finding_id accepts[] = { FINDING_BOOT_CMDLINE_CHANGED };

    for (int unsettled = 0; unsettled < 2; unsettled++) {
        WITH_JUDGEMENT;
        struct baseline accepting = { .accepts = accepts, .n_accepts = 1 };
        struct finding *f;

        f = findings_add(&appraisal->findings, FINDING_BOOT_CMDLINE_CHANGED, 8, 1, "x");
        f->unsettled = unsettled;
        f->severity = unsettled ? SEVERITY_MEDIUM : SEVERITY_HIGH;
        REQUIRE_OK(judge(&a, appraisal, NULL, &accepting, NULL, &judged, &verdict, &err), err);
        CHECK_INT(verdict, unsettled ? VERDICT_UNKNOWN : VERDICT_UNHEALTHY);
    }
}

TEST(a_baseline_is_learned_without_a_word_only_from_a_sound_boot)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct appraisal *good = ARENA_NEW(&a, struct appraisal), *x = ARENA_NEW(&a, struct appraisal);

    REQUIRE(good && x);
    good->quote_verified = good->ak_trusted = good->boot.has_log = true;
    good->verdict = VERDICT_HEALTHY;
    CHECK(baseline_may_learn(good));
    for (int i = 0; i < 5; i++) {
        *x = *good;
        x->quote_verified = i != 0;
        x->ak_trusted = i != 1;
        x->boot.has_log = i != 2;
        x->verdict = i == 3 ? VERDICT_UNHEALTHY : i == 4 ? VERDICT_UNKNOWN : VERDICT_HEALTHY;
        CHECK(!baseline_may_learn(x));
    }
}

TEST(nothing_is_learned_from_a_quote_that_does_not_verify)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct appraisal *x = ARENA_NEW(&a, struct appraisal);
    struct baseline learned;
    struct err err = ERR_INIT;

    REQUIRE(x != NULL);
    CHECK(!baseline_learn(&a, x, true, &learned, &err) && err.code == ERR_UNTRUSTED);
}

TEST(the_worst_finding_comes_first)
{
    WITH_JUDGEMENT;

    findings_add(&appraisal->findings, FINDING_BOOT_ORDER_CHANGED, 1, 1, "low");
    findings_add(&appraisal->findings, FINDING_BOOT_CMDLINE_CHANGED, 8, 1, "medium");
    findings_add(&appraisal->findings, FINDING_BOOT_REVOKED_IMAGE, 4, 1, "critical");
    findings_add(&appraisal->findings, FINDING_FIRMWARE_DEBUGGER, 0, 1, "high");
    REQUIRE_OK(judge(&a, appraisal, NULL, NULL, NULL, &judged, &verdict, &err), err);
    REQUIRE(judged.n == 4);
    for (size_t i = 1; i < judged.n; i++)
        CHECK(judged.items[i - 1].severity > judged.items[i].severity);
}

/* What follows from Secure Boot being off is lowered, so that the reason stands first; while it is on, the same finding keeps its weight. */
TEST(consequences_of_secure_boot_being_off_are_lowered_and_nothing_while_it_is_on)
{
    static const struct {
        enum finding_id beside;
        const char *is;
        enum finding_id id;
        enum severity severity;
    } rows[] = { { FINDING_SECUREBOOT_DISABLED, NULL, FINDING_SBAT_CHANGED, SEVERITY_LOW },
                 { FINDING_SECUREBOOT_DISABLED, NULL, FINDING_SECUREBOOT_AUTHORITY, SEVERITY_LOW },
                 { FINDING_SECUREBOOT_DISABLED, NULL, FINDING_BOOT_CHAIN_CHANGED, SEVERITY_LOW },
                 { FINDING_SECUREBOOT_DISABLED, "another image", FINDING_BOOT_CHAIN_CHANGED, SEVERITY_MEDIUM },
                 { FINDING_SECUREBOOT_DISABLED, NULL, FINDING_BOOT_CMDLINE_CHANGED, SEVERITY_MEDIUM },
                 { FINDING_FIRMWARE_DEBUGGER, NULL, FINDING_SBAT_CHANGED, SEVERITY_MEDIUM },
                 { FINDING_FIRMWARE_DEBUGGER, NULL, FINDING_SECUREBOOT_AUTHORITY, SEVERITY_MEDIUM },
                 { FINDING_FIRMWARE_DEBUGGER, NULL, FINDING_BOOT_CHAIN_CHANGED, SEVERITY_MEDIUM } };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        WITH_JUDGEMENT;
        struct finding *f;

        findings_add(&appraisal->findings, rows[i].beside, 7, 1, "beside");
        f = findings_add(&appraisal->findings, rows[i].id, 7, 2, "follows, perhaps");
        finding_was_is(&appraisal->findings, f, NULL, rows[i].is);
        REQUIRE_OK(judge(&a, appraisal, NULL, NULL, NULL, &judged, &verdict, &err), err);
        REQUIRE(judged.n == 2 && judged.items[1].id == rows[i].id);
        CHECK_INT(judged.items[1].severity, rows[i].severity);
        CHECK_INT(verdict, VERDICT_UNHEALTHY);
    }
}

/* ---- banks in which two boots are compared ----------------------------------------------------------------------------------------- */

enum { THINGS = 80 };

/* A boot of THINGS firmware volumes, the same at every call, measured in these banks; `other` changes what one bank shows. */
static bool measured_in(struct arena *a, struct boot_record *ret, const enum digest_algorithm *banks, size_t n_banks,
                        enum digest_algorithm other)
{
    struct component *items = ARENA_ARRAY(a, THINGS, struct component);

    if (!items)
        return false;
    for (size_t i = 0; i < THINGS; i++) {
        struct digest *digests = ARENA_ARRAY(a, n_banks, struct digest);
        const char *name = arena_printf(a, "volume %zu", i);
        if (!digests || !name)
            return false;
        for (size_t b = 0; b < n_banks; b++)
            digest_compute(banks[b], bytes_of_string(banks[b] == other ? "other" : name), &digests[b]);
        items[i] = (struct component){
            .kind = COMPONENT_FIRMWARE_CODE, .phase = PHASE_FIRMWARE, .key = name, .name = name, .digests = digests, .n_digests = n_banks
        };
    }
    *ret = (struct boot_record){ .has_log = true, .components = { .items = items, .n = THINGS } };
    return true;
}

/* SHA-1 may be beside a better bank, never in its place: whoever chooses the banks of a quote would choose how he is compared. */
TEST(boots_are_compared_in_a_strong_bank_or_not_at_all)
{
    static const struct {
        enum digest_algorithm was[3], is[3];
        size_t n_was, n_is;
        enum digest_algorithm other; /* of this boot */
        bool no_bank;
        enum verdict verdict;
    } rows[] = {
        { { DIGEST_SHA256, DIGEST_SHA1 }, { DIGEST_SHA256, DIGEST_SHA1 }, 2, 2, DIGEST_NONE, false, VERDICT_HEALTHY },
        { { DIGEST_SHA256, DIGEST_SHA1 }, { DIGEST_SHA256, DIGEST_SHA1 }, 2, 2, DIGEST_SHA256, false, VERDICT_UNHEALTHY },
        { { DIGEST_SHA384 }, { DIGEST_SHA384, DIGEST_SHA256, DIGEST_SHA1 }, 1, 3, DIGEST_NONE, false, VERDICT_HEALTHY },
        { { DIGEST_SHA384, DIGEST_SHA256, DIGEST_SHA1 }, { DIGEST_SHA384 }, 3, 1, DIGEST_NONE, false, VERDICT_HEALTHY },
        { { DIGEST_SHA256, DIGEST_SHA1 }, { DIGEST_SHA384, DIGEST_SHA1 }, 2, 2, DIGEST_NONE, true, VERDICT_UNHEALTHY },
        { { DIGEST_SHA1 }, { DIGEST_SHA384, DIGEST_SHA256, DIGEST_SHA1 }, 1, 3, DIGEST_NONE, true, VERDICT_UNHEALTHY },
        { { DIGEST_SHA256 }, { DIGEST_SHA384 }, 1, 1, DIGEST_NONE, true, VERDICT_UNHEALTHY },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        WITH_JUDGEMENT;

        appraisal->quote_verified = true;
        REQUIRE(measured_in(&a, &baseline->boot, rows[i].was, rows[i].n_was, DIGEST_NONE));
        REQUIRE(measured_in(&a, &appraisal->boot, rows[i].is, rows[i].n_is, rows[i].other));
        REQUIRE_OK(judge(&a, appraisal, NULL, baseline, NULL, &judged, &verdict, &err), err);
        if (verdict != rows[i].verdict)
            test_note("row %zu", i);
        CHECK_INT(verdict, rows[i].verdict);
        CHECK(findings_have(&judged, FINDING_BASELINE_BANKS) == rows[i].no_bank);
    }
}

TEST(registers_without_a_log_are_compared_in_a_strong_bank_or_not_at_all)
{
    for (int strong = 0; strong < 2; strong++) {
        WITH_JUDGEMENT;

        appraisal->quote_verified = true;
        appraisal->boot.registers.n_banks = 2;
        appraisal->boot.registers.banks[0].algorithm = DIGEST_SHA1;
        appraisal->boot.registers.banks[1].algorithm = DIGEST_SHA384;
        baseline->boot.registers.n_banks = 2;
        baseline->boot.registers.banks[0].algorithm = DIGEST_SHA1;
        baseline->boot.registers.banks[1].algorithm = strong ? DIGEST_SHA384 : DIGEST_SHA256;
        REQUIRE_OK(judge(&a, appraisal, NULL, baseline, NULL, &judged, &verdict, &err), err);
        CHECK_INT(verdict, strong ? VERDICT_HEALTHY : VERDICT_UNHEALTHY);
        CHECK(findings_have(&judged, FINDING_BASELINE_BANKS) == !strong);
    }
}

/* A claim: a finding of a log that no quote confirms. */
static struct finding *claim(struct claimed_boot *claimed, enum finding_id id, enum severity severity)
{
    struct finding *f = findings_add(&claimed->findings, id, 8, 44, "it says so");

    f->severity = severity;
    return f;
}

TEST(claims_make_a_raced_boot_worse_never_better_and_nothing_else)
{
    static const enum finding_id accepts[] = { FINDING_BOOT_CMDLINE_CHANGED };
    static const struct {
        const char *what;
        bool raced, has_log, accepted;
        enum finding_id id;
        enum severity severity;
        enum verdict verdict;
    } rows[] = {
        { "a claim of low weight", true, true, false, FINDING_BOOT_CMDLINE_CHANGED, SEVERITY_LOW, VERDICT_UNKNOWN },
        { "of medium weight", true, true, false, FINDING_BOOT_CMDLINE_CHANGED, SEVERITY_MEDIUM, VERDICT_UNHEALTHY },
        { "that the baseline accepts", true, true, true, FINDING_BOOT_CMDLINE_CHANGED, SEVERITY_MEDIUM, VERDICT_UNKNOWN },
        { "that is more than the baseline may accept", true, true, true, FINDING_BOOT_CMDLINE_CHANGED, SEVERITY_HIGH, VERDICT_UNHEALTHY },
        { "that it does not name", true, true, true, FINDING_SECUREBOOT_DISABLED, SEVERITY_HIGH, VERDICT_UNHEALTHY },
        { "without a log", true, false, false, FINDING_SECUREBOOT_DISABLED, SEVERITY_HIGH, VERDICT_UNKNOWN },
        { "beside a quote that holds", false, true, false, FINDING_SECUREBOOT_DISABLED, SEVERITY_HIGH, VERDICT_HEALTHY },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        WITH_JUDGEMENT;
        struct baseline accepting = { .accepts = accepts, .n_accepts = 1 };
        size_t before;

        appraisal->quote_verified = !rows[i].raced;
        if (rows[i].raced)
            findings_add(&appraisal->findings, FINDING_QUOTE_DIGEST, FINDING_NO_PCR, FINDING_NO_EVENT, "moved")->unsettled = true;
        claimed->has_log = rows[i].has_log;
        claim(claimed, rows[i].id, rows[i].severity)->was = "quiet";
        REQUIRE_OK(judge(&a, appraisal, NULL, rows[i].accepted ? &accepting : NULL, NULL, &judged, &verdict, &err), err);
        CHECK_INT(verdict, rows[i].raced ? VERDICT_UNKNOWN : VERDICT_HEALTHY);
        before = judged.n;
        REQUIRE_OK(judge_claimed(&a, claimed, rows[i].accepted ? &accepting : NULL, NULL, &judged, &verdict, &err), err);
        if (verdict != rows[i].verdict)
            test_note("%s", rows[i].what);
        CHECK_INT(verdict, rows[i].verdict);
        CHECK_INT(judged.n, before + (verdict == VERDICT_UNHEALTHY));
        if (verdict == VERDICT_UNHEALTHY) {
            const struct finding *f = &judged.items[0];
            for (size_t k = 0; k < judged.n && f->id != rows[i].id; k++)
                f = &judged.items[k];
            REQUIRE(f->id == rows[i].id);
            CHECK_STRING(f->text, "By the log, which no quote confirms: it says so");
            CHECK(f->pcr == 8 && f->event == 44 && strcmp(f->was, "quiet") == 0 && !f->unsettled && f->severity == rows[i].severity);
        }
    }
}

/* Another refusal of the quote beside it: then nothing says that a register moved, and claims are of no use. */
TEST(claims_do_not_count_where_a_quote_fails_for_more_than_a_race)
{
    WITH_JUDGEMENT;

    findings_add(&appraisal->findings, FINDING_QUOTE_DIGEST, FINDING_NO_PCR, FINDING_NO_EVENT, "moved");
    findings_add(&appraisal->findings, FINDING_QUOTE_NONCE, FINDING_NO_PCR, FINDING_NO_EVENT, "old");
    claimed->has_log = true;
    claim(claimed, FINDING_SECUREBOOT_DISABLED, SEVERITY_HIGH);
    REQUIRE_OK(judge(&a, appraisal, NULL, NULL, NULL, &judged, &verdict, &err), err);
    REQUIRE_OK(judge_claimed(&a, claimed, NULL, NULL, &judged, &verdict, &err), err);
    CHECK(judged.n == 2 && !findings_have(&judged, FINDING_SECUREBOOT_DISABLED));
}

TEST(a_raced_boot_is_compared_with_its_baseline_by_what_its_log_claims)
{
    static const enum digest_algorithm bank[] = { DIGEST_SHA256 };

    for (int other = 0; other < 2; other++) {
        WITH_JUDGEMENT;

        findings_add(&appraisal->findings, FINDING_QUOTE_DIGEST, FINDING_NO_PCR, FINDING_NO_EVENT, "moved")->unsettled = true;
        REQUIRE(measured_in(&a, &baseline->boot, bank, 1, DIGEST_NONE));
        REQUIRE(measured_in(&a, &claimed->record, bank, 1, other ? DIGEST_SHA256 : DIGEST_NONE));
        claimed->has_log = true;
        REQUIRE_OK(judge(&a, appraisal, NULL, baseline, NULL, &judged, &verdict, &err), err);
        REQUIRE_OK(judge_claimed(&a, claimed, baseline, NULL, &judged, &verdict, &err), err);
        CHECK_INT(verdict, other ? VERDICT_UNHEALTHY : VERDICT_UNKNOWN);
    }
}

#define EFI_GLOBAL "\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c"

TEST(a_claimed_boot_is_what_its_logs_tell_and_none_is_none)
{
    for (int off = 0; off < 2; off++) {
        struct boot b CLEANUP(boot_done);
        struct claimed_boot claimed;
        struct evidence e = { .n_logs = 1 };
        struct err err = ERR_INIT;

        boot_stock(&b);
        REQUIRE_OK(claimed_boot_read(&b.a, &(struct evidence){ 0 }, NULL, &claimed, &err), err);
        CHECK(!claimed.has_log && claimed.findings.n == 0);
        if (off) {
            size_t last = built_variable(&b.log, 7, EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG), EFI_GLOBAL, "SecureBoot", BYTES_LIT("\0"));
            b.log.events[b.at.secure_boot] = b.log.events[last];
            b.log.n--;
        }
        e.logs[0] = (struct evidence_log){ EVIDENCE_LOG_TCG, built_bytes(&b.log) };
        REQUIRE_OK(claimed_boot_read(&b.a, &e, NULL, &claimed, &err), err);
        CHECK(claimed.has_log && claimed.record.has_log && claimed.record.components.n > 0 && claimed.record.registers.n_banks == 1);
        CHECK_INT(claimed.chain->secure_boot, off ? SECURE_BOOT_DISABLED : SECURE_BOOT_ENABLED);
        CHECK(findings_have(&claimed.findings, FINDING_SECUREBOOT_DISABLED) == (bool)off);
    }
}
