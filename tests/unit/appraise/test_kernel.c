/* The running kernel: what is proved and what the guest says are told apart, and words never make a boot better. */
#include <stdlib.h>
#include "appraise/appraisal.h"
#include "appraise/verdict.h"
#include "support/test.h"

static const struct kernel_state distribution = { /* Debian with Secure Boot: signed modules, locked down, IMA off */
                                                  .release = "6.1.0-18-amd64",
                                                  .lockdown = LOCKDOWN_INTEGRITY,
                                                  .sig_enforce = KERNEL_SWITCH_OFF,
                                                  .modules_disabled = KERNEL_SWITCH_OFF,
                                                  .has_taint = true
};

struct outcome {
    struct arena a;
    struct findings findings;
    struct kernel_facts facts;
};

static void outcome_done(struct outcome *o) { arena_done(&o->a); }

static bool judge_words(struct outcome *o, const struct kernel_state *words, const char *command_line)
{
    struct bootchain chain = { .secure_boot = SECURE_BOOT_ENABLED, .command_line = command_line };
    struct err err = ERR_INIT;

    o->findings = (struct findings){ .arena = &o->a };
    return kernel_judge(&o->a, words, NULL, &chain, &o->findings, &o->facts, &err);
}

TEST(an_ordinary_distributions_kernel_raises_nothing)
{
    struct outcome o CLEANUP(outcome_done) = { 0 };

    REQUIRE(judge_words(&o, &distribution, "ro quiet"));
    CHECK_INT(o.findings.n, 0);
    CHECK_STRING(o.facts.module_signatures.text, "enforced");
    CHECK_STRING(o.facts.lockdown.text, "integrity");
    CHECK_STRING(o.facts.taint.text, "none");
    CHECK(!o.facts.module_signatures.proved && !o.facts.lockdown.proved && !o.facts.taint.proved && !o.facts.modules.text);
}

TEST(silence_is_no_finding_and_no_fact)
{
    struct outcome o CLEANUP(outcome_done) = { 0 };

    REQUIRE(judge_words(&o, NULL, NULL));
    CHECK(o.findings.n == 0 && !o.facts.module_signatures.text && !o.facts.lockdown.text && !o.facts.taint.text && !o.facts.modules.text);
}

TEST(what_a_guest_says_against_itself_is_noted_and_never_unhealthy)
{
    static const struct {
        struct kernel_state words;
        enum finding_id id;
        enum severity severity;
        const char *says;
    } rows[] = {
        { { .sig_enforce = KERNEL_SWITCH_OFF, .lockdown = LOCKDOWN_NONE },
          FINDING_OS_MODULE_SIGNATURES,
          SEVERITY_LOW,
          "without a signature" },
        { { .sig_enforce = KERNEL_SWITCH_ON, .lockdown = LOCKDOWN_NONE }, FINDING_OS_LOCKDOWN, SEVERITY_LOW, "not locked down" },
        { { .has_taint = true,
            .taint = 1u << KERNEL_TAINT_UNSIGNED,
            .n_tainting = 2,
            .tainting = { { "evil", "OE" }, { "nvidia", "PO" } } },
          FINDING_OS_MODULE_UNSIGNED,
          SEVERITY_LOW,
          "trusts: evil." },
        { { .has_taint = true, .taint = 1u << 12, .n_tainting = 1, .tainting = { { "nvidia", "PO" } } },
          FINDING_OS_KERNEL_TAINTED,
          SEVERITY_INFO,
          "out-of-tree module was loaded (O): nvidia" },
        { { .has_taint = true, .taint = 1u << KERNEL_TAINT_FORCED }, FINDING_OS_KERNEL_TAINTED, SEVERITY_LOW, "by force" },
        { { .n_refused = 2, .refused = { { "evil", MODULE_REFUSED_KEY, 3 }, { "", MODULE_REFUSED_LOCKDOWN, 1 } } },
          FINDING_OS_MODULE_REFUSED,
          SEVERITY_LOW,
          "evil (its signer's key is not among the kernel's), one that it does not name (the kernel is locked down)" },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct outcome o CLEANUP(outcome_done) = { 0 };
        REQUIRE(judge_words(&o, &rows[i].words, NULL));
        REQUIRE(findings_have(&o.findings, rows[i].id));
        CHECK_INT(verdict_of(&o.findings), VERDICT_HEALTHY);
        for (size_t k = 0; k < o.findings.n; k++) {
            if (o.findings.items[k].id != rows[i].id)
                continue;
            CHECK_INT(o.findings.items[k].severity, rows[i].severity);
            CHECK(strstr(o.findings.items[k].text, rows[i].says) != NULL);
            CHECK(strstr(o.findings.items[k].text, "The guest says") != NULL);
        }
    }
}

TEST(a_warning_or_a_worn_memory_cell_is_a_fact_and_no_finding)
{
    const struct kernel_state words = { .has_taint = true, .taint = 1u << 9 | 1u << 4 };
    const struct kernel_state later = { .has_taint = true, .taint = 1u << 31 };
    struct outcome o CLEANUP(outcome_done) = { 0 };

    REQUIRE(judge_words(&o, &words, NULL));
    CHECK_INT(o.findings.n, 0);
    CHECK_STRING(o.facts.taint.text, "a machine check was reported, the kernel warned");
    REQUIRE(judge_words(&o, &later, NULL));
    CHECK_STRING(o.facts.taint.text, "for an unknown reason");
}

TEST(kernels_that_ran_one_after_the_other_are_told_from_one_that_was_made_ready)
{
    static const struct ima_summary ready = { .n_kexec = 1, .n_boots = 1 }, ran = { .n_boots = 2 }, one = { .n_boots = 1 };
    static const struct {
        const struct ima_summary *list;
        bool said;
        enum severity severity;
        const char *says;
    } rows[] = { { &ready, true, SEVERITY_INFO, "made ready" },
                 { &ran, true, SEVERITY_LOW, "2 kernels ran" },
                 { &one, false, SEVERITY_INFO, "" } };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct outcome o CLEANUP(outcome_done) = { 0 };
        struct bootchain chain = { .secure_boot = SECURE_BOOT_ENABLED };
        struct err err = ERR_INIT;
        o.findings = (struct findings){ .arena = &o.a };
        REQUIRE_OK(kernel_judge(&o.a, NULL, rows[i].list, &chain, &o.findings, &o.facts, &err), err);
        REQUIRE(findings_have(&o.findings, FINDING_OS_KEXEC) == rows[i].said);
        if (!rows[i].said)
            continue;
        CHECK_INT(o.findings.items[0].severity, rows[i].severity);
        CHECK(strstr(o.findings.items[0].text, rows[i].says) != NULL);
        CHECK_INT(verdict_of(&o.findings), VERDICT_HEALTHY);
    }
}

TEST(the_measured_command_line_proves_what_it_asks_for)
{
    struct outcome o CLEANUP(outcome_done) = { 0 };
    const struct kernel_state worse = { .sig_enforce = KERNEL_SWITCH_OFF, .lockdown = LOCKDOWN_NONE };

    REQUIRE(judge_words(&o, NULL, "ro module.sig_enforce=1 lockdown=confidentiality"));
    CHECK_STRING(o.facts.module_signatures.text, "enforced");
    CHECK_STRING(o.facts.lockdown.text, "confidentiality");
    CHECK(o.facts.module_signatures.proved && o.facts.lockdown.proved && o.findings.n == 0);
    REQUIRE(judge_words(&o, NULL, "module.sig_enforce=1 module.sig_enforce=0"));
    CHECK(!o.facts.module_signatures.text);
    /* Worse words stand; they are not outweighed by what should be. */
    REQUIRE(judge_words(&o, &worse, "ro lockdown=integrity"));
    CHECK_STRING(o.facts.module_signatures.text, "not enforced");
    CHECK_STRING(o.facts.lockdown.text, "none");
    CHECK(!o.facts.lockdown.proved && findings_have(&o.findings, FINDING_OS_MODULE_SIGNATURES) &&
          findings_have(&o.findings, FINDING_OS_LOCKDOWN));
}

/* What the kernel hands to its first program it does not read itself; where it cuts words, the line that is shown may have another letter. */
TEST(what_stands_behind_two_dashes_proves_nothing)
{
    static const char *const lines[] = {
        "ro -- module.sig_enforce=1 lockdown=confidentiality",
        "ro \"--\" module.sig_enforce=1 lockdown=confidentiality",
        "ro x\\x0b--\\x0bx module.sig_enforce=1 lockdown=confidentiality",
        "ro x\xc3\xa0-- module.sig_enforce=1 lockdown=confidentiality",
    };

    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct outcome o CLEANUP(outcome_done) = { 0 };
        REQUIRE(judge_words(&o, NULL, lines[i]));
        CHECK(!o.facts.module_signatures.proved && !o.facts.lockdown.proved);
    }
}

TEST(a_kernel_that_loads_no_modules_needs_no_signatures)
{
    const struct kernel_state words = { .sig_enforce = KERNEL_SWITCH_OFF, .lockdown = LOCKDOWN_NONE, .modules_disabled = KERNEL_SWITCH_ON };
    struct outcome o CLEANUP(outcome_done) = { 0 };

    REQUIRE(judge_words(&o, &words, NULL));
    CHECK_STRING(o.facts.module_signatures.text, "no module can be loaded");
    CHECK(!findings_have(&o.findings, FINDING_OS_MODULE_SIGNATURES));
}

/* Every combination of the words, tried: none takes a finding away that is there without words, none is medium or worse. */
TEST(no_words_make_a_boot_better_or_unhealthy)
{
    for (unsigned i = 0; i < 4 * 3 * 3; i++) {
        const struct kernel_state words = {
            .lockdown = i % 4, .sig_enforce = i / 4 % 3, .modules_disabled = i / 12, .has_taint = true, .taint = UINT32_MAX
        };
        struct outcome o CLEANUP(outcome_done) = { 0 };
        REQUIRE(judge_words(&o, &words, "lockdown=integrity"));
        CHECK_INT(verdict_of(&o.findings), VERDICT_HEALTHY);
        CHECK(findings_have(&o.findings, FINDING_OS_MODULE_UNSIGNED));
        CHECK(!o.facts.taint.proved);
    }
}
