/* What is said about why a claim is false: one row for each way in which it can become so. */
#include "appraise/claims_explain.h"
#include "bootchain/chain/chain.h"
#include "eventlog/replay/replay.h"
#include "support/eventlog_builder.h"
#include "support/test.h"

static void variable(struct log_builder *b, uint32_t pcr, const char *name, struct bytes value)
{
    log_add_variable(b, pcr, EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG), GUID_EFI_GLOBAL, name, value);
}

static void separators(struct log_builder *b) { log_add_separators(b); }

static void record(struct log_builder *b, uint32_t pcr, uint32_t id, uint8_t value)
{
    uint8_t data[9] = { (uint8_t)id, (uint8_t)(id >> 8), (uint8_t)(id >> 16), (uint8_t)(id >> 24), 1, 0, 0, 0, value };

    log_add(b, pcr, EVENT_TYPE(EV_EVENT_TAG), BYTES_OF(data));
}

enum {
    BOOTDEBUGGING = 0x00040001,
    SAFEMODE = 0x00050005,
    WINPE = 0x00050006,
    VSM = 0x000a0001,
    IOMMU = 0x000a0003,
    MANDATORY = 0x000a0006
};

/* ---- boots; the header is event 0 ---- */

static void sound(struct log_builder *b)
{
    variable(b, 7, "SecureBoot", BYTES_LIT("\1"));
    separators(b);
}
static void off(struct log_builder *b)
{
    variable(b, 7, "SecureBoot", BYTES_LIT("\0"));
    separators(b);
}
static void two(struct log_builder *b)
{
    variable(b, 7, "SecureBoot", BYTES_LIT("\1"));
    sound(b);
}
static void unheard_of(struct log_builder *b)
{
    variable(b, 7, "SecureBoot", BYTES_LIT("\2"));
    separators(b);
}
static void wide(struct log_builder *b)
{
    variable(b, 7, "SecureBoot", BYTES_LIT("\1\0"));
    separators(b);
}
static void without_value(struct log_builder *b)
{
    variable(b, 7, "SecureBoot", BYTES_LIT(""));
    separators(b);
}
static void unnamed(struct log_builder *b) { separators(b); }
static void late(struct log_builder *b)
{
    separators(b);
    variable(b, 7, "SecureBoot", BYTES_LIT("\1"));
}
static void again(struct log_builder *b)
{
    sound(b);
    variable(b, 7, "SecureBoot", BYTES_LIT("\0"));
}
static void elsewhere(struct log_builder *b)
{
    variable(b, 1, "SecureBoot", BYTES_LIT("\1"));
    separators(b);
}
static void content_alone(struct log_builder *b)
{
    struct writer w CLEANUP(writer_done) = { 0 };

    log_variable(&w, GUID_EFI_GLOBAL, "SecureBoot", BYTES_LIT("\1"));
    log_add_hashing(b, 7, EVENT_TYPE(EV_EFI_VARIABLE_BOOT), BYTES_LIT("\1"), writer_bytes(&w));
    separators(b);
}
static void lied_about(struct log_builder *b)
{
    struct writer w CLEANUP(writer_done) = { 0 };

    log_variable(&w, GUID_EFI_GLOBAL, "SecureBoot", BYTES_LIT("\1"));
    log_add_hashing(b, 7, EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG), BYTES_LIT("what was measured"), writer_bytes(&w));
    separators(b);
}
static void moved(struct log_builder *b)
{
    sound(b);
    digest_extend(&b->pcrs.banks[0].value[7], digest_bytes(&b->pcrs.banks[0].value[0]));
}

static void debugging(struct log_builder *b)
{
    sound(b);
    record(b, 12, BOOTDEBUGGING, 0);
    record(b, 13, BOOTDEBUGGING, 1);
}
static void no_debugging(struct log_builder *b)
{
    sound(b);
    record(b, 12, BOOTDEBUGGING, 0);
}
static void debugging_in_11(struct log_builder *b)
{
    no_debugging(b);
    record(b, 11, BOOTDEBUGGING, 1);
}
static void debugging_elsewhere(struct log_builder *b)
{
    sound(b);
    record(b, 9, BOOTDEBUGGING, 0);
}
static void debugging_lied_about(struct log_builder *b)
{
    sound(b);
    log_add_hashing(b, 12, EVENT_TYPE(EV_EVENT_TAG), BYTES_LIT("other"), BYTES_LIT("\x01\x00\x04\x00\x01\x00\x00\x00\x00"));
}
static void safe_mode(struct log_builder *b)
{
    sound(b);
    record(b, 12, SAFEMODE, 1);
}
static void winpe(struct log_builder *b)
{
    sound(b);
    record(b, 13, WINPE, 1);
}
static void virtualised(struct log_builder *b)
{
    sound(b);
    record(b, 12, VSM, 1);
    record(b, 12, MANDATORY, 1);
    record(b, 12, IOMMU, 1);
}
static void half_virtualised(struct log_builder *b)
{
    sound(b);
    record(b, 12, VSM, 1);
    record(b, 12, MANDATORY, 0);
    record(b, 19, IOMMU, 0);
}

#define ALL 0xffffff
static const struct {
    const char *what;
    void (*build)(struct log_builder *b);
    uint32_t quoted;
    enum claim_id claim;
    bool value;
    const char *why;  /* NULL: none is given */
    const char *says; /* of the last thing that it rests on; NULL: on nothing */
} rows[] = {
    { "on", sound, ALL, CLAIM_SECURE_BOOT_ENABLED, true, NULL, "the value 1" },
    { "off", off, ALL, CLAIM_SECURE_BOOT_ENABLED, false, "only the value 1 is on", "the value 0" },
    { "twice", two, ALL, CLAIM_SECURE_BOOT_ENABLED, false, "SecureBoot is measured 2 times, and must be measured once", "the value 1" },
    { "a reserved value", unheard_of, ALL, CLAIM_SECURE_BOOT_ENABLED, false, "only the value 1 is on", "the value 2" },
    { "two bytes", wide, ALL, CLAIM_SECURE_BOOT_ENABLED, false, "only the value 1 is on", "2 bytes instead of one" },
    { "no value", without_value, ALL, CLAIM_SECURE_BOOT_ENABLED, false, "only the value 1 is on",
      "no value: firmware without Secure Boot" },
    { "not measured", unnamed, ALL, CLAIM_SECURE_BOOT_ENABLED, false, "no event measures the variable SecureBoot", NULL },
    { "behind the separator", late, ALL, CLAIM_SECURE_BOOT_ENABLED, false,
      "event 9 (register 7) measures SecureBoot, but it comes behind the register's separator, or there is none", NULL },
    { "again behind the separator", again, ALL, CLAIM_SECURE_BOOT_ENABLED, false,
      "event 10 (register 7) measures SecureBoot again, but it comes behind the register's separator, or there is none", "the value 1" },
    { "into another register", elsewhere, ALL, CLAIM_SECURE_BOOT_ENABLED, false,
      "event 1 (register 1) measures SecureBoot, but it was measured into register 1", NULL },
    { "the name is a label", content_alone, ALL, CLAIM_SECURE_BOOT_ENABLED, false,
      "event 1 (register 7) measures SecureBoot, but its digest proves the content alone, not the name", NULL },
    { "a lie", lied_about, ALL, CLAIM_SECURE_BOOT_ENABLED, false,
      "event 1 (register 7) measures SecureBoot, but its digest is not that of its data: they were changed or misreported", NULL },
    { "not quoted", sound, ALL & ~0x80u, CLAIM_SECURE_BOOT_ENABLED, false,
      "event 1 (register 7) measures SecureBoot, but register 7 is not quoted", NULL },
    { "not explained", moved, ALL, CLAIM_SECURE_BOOT_ENABLED, false,
      "event 1 (register 7) measures SecureBoot, but the log does not give the quoted value of register 7", NULL },

    { "debugging is denied", no_debugging, ALL, CLAIM_BOOT_DEBUGGING_DISABLED, true, NULL, "boot debugging: no" },
    { "debugging", debugging, ALL, CLAIM_BOOT_DEBUGGING_DISABLED, false, "event 11 (register 13) says: boot debugging: yes",
      "boot debugging: yes" },
    { "debugging in another of Windows' registers", debugging_in_11, ALL, CLAIM_BOOT_DEBUGGING_DISABLED, false,
      "event 11 (register 11) says: boot debugging: yes", "boot debugging: yes" },
    { "no word", sound, ALL, CLAIM_BOOT_DEBUGGING_DISABLED, false, "no record of Windows speaks of it", NULL },
    { "a word in a register of others", debugging_elsewhere, ALL, CLAIM_BOOT_DEBUGGING_DISABLED, false, "no record of Windows speaks of it",
      NULL },
    { "a word that nothing proves", debugging_lied_about, ALL, CLAIM_BOOT_DEBUGGING_DISABLED, false,
      "event 10 (register 12) speaks of it, but its digest does not prove its data", NULL },
    { "a word that is not quoted", no_debugging, 0xff, CLAIM_BOOT_DEBUGGING_DISABLED, false,
      "event 10 (register 12) speaks of it, but register 12 is not quoted", NULL },
    { "safe mode", safe_mode, ALL, CLAIM_NOT_SAFE_MODE, false, "event 10 (register 12) says: safe mode: yes", "safe mode: yes" },
    { "no word of safe mode", sound, ALL, CLAIM_NOT_SAFE_MODE, true, "no record of Windows says otherwise", NULL },
    { "Windows PE", winpe, ALL, CLAIM_NOT_WINPE, false, "event 10 (register 13) says: Windows PE: yes", "Windows PE: yes" },
    { "VBS", virtualised, ALL, CLAIM_VBS_ENABLED, true, NULL, "virtualisation-based security required: yes" },
    { "IOMMU", virtualised, ALL, CLAIM_IOMMU_ENABLED, true, NULL, "IOMMU required: yes" },
    { "VBS without enforcement", half_virtualised, ALL, CLAIM_VBS_ENABLED, false,
      "event 11 (register 12) says: virtualisation-based security required: no", "virtualisation-based security required: no" },
    { "no IOMMU after a dynamic launch", half_virtualised, ALL, CLAIM_IOMMU_ENABLED, false,
      "event 12 (register 19) says: IOMMU required: no", "IOMMU required: no" },
};

struct scene {
    struct arena a;
    struct log_builder b;
    struct eventlog log;
    struct appraised appraised;
    struct bootchain chain;
};

static void scene_done(struct scene *s)
{
    log_builder_done(&s->b);
    arena_done(&s->a);
}

static bool scene_make(struct scene *s, void (*build)(struct log_builder *b), uint32_t quoted)
{
    struct findings *findings = &s->appraised.appraisal.findings;
    struct pcr_set pcrs;
    struct err err = ERR_INIT;
    struct bytes log;

    log_builder_begin(&s->b, (enum digest_algorithm[]){ DIGEST_SHA256 }, 1);
    build(&s->b);
    pcrs = s->b.pcrs;
    pcrs.banks[0].present = quoted;
    findings->arena = &s->a;
    s->appraised.chain = &s->chain;
    if (arena_copy(&s->a, log_builder_bytes(&s->b), &log) && eventlog_parse(&s->a, log, &s->log, &err) &&
        replay_verify(&s->a, &s->log, &pcrs, NULL, findings, &s->appraised.replayed, &err) &&
        bootchain_read(&s->a, s->appraised.replayed, NULL, findings, &s->chain, &err))
        return true;
    test_note("%s", err.text);
    return false;
}

/* As claims_build() derives it. */
static bool value_of(const struct bootchain *chain, enum claim_id claim)
{
    const struct windows_facts *w = &chain->windows;

    switch (claim) {
    case CLAIM_SECURE_BOOT_ENABLED:
        return chain->secure_boot == SECURE_BOOT_ENABLED;
    case CLAIM_BOOT_DEBUGGING_DISABLED:
        return w->boot_debugging == FACT_NO;
    case CLAIM_NOT_SAFE_MODE:
        return w->safe_mode != FACT_YES;
    case CLAIM_NOT_WINPE:
        return w->winpe != FACT_YES;
    case CLAIM_VBS_ENABLED:
        return w->vbs_required == FACT_YES;
    default:
        return w->iommu_required == FACT_YES;
    }
}

TEST(a_claim_says_what_it_rests_on_or_why_it_is_false)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(scene_done) struct scene s = { 0 };
        const struct claim_explanation *list;
        const struct claim_proof *last;
        struct policy_claim claim;
        struct err err = ERR_INIT;
        bool before = test_failed();
        size_t n;

        REQUIRE(scene_make(&s, rows[i].build, rows[i].quoted));
        claim = service_claim_boolean(rows[i].claim, value_of(&s.chain, rows[i].claim));
        REQUIRE_OK(claims_explain(&s.a, &s.appraised, CLAIM_EVIDENCE_TPM, &claim, 1, &list, &n, &err), err);
        REQUIRE(n > 1 && list[0].made && list[0].row == &service_claims[rows[i].claim]);
        CHECK_INT(list[0].value.boolean, rows[i].value);
        CHECK_STRING(list[0].why ? list[0].why : "", rows[i].why ? rows[i].why : "");
        last = list[0].n_proofs ? &list[0].proofs[list[0].n_proofs - 1] : NULL;
        CHECK_STRING(last ? last->says : "", rows[i].says ? rows[i].says : "");
        if (test_failed() && !before)
            test_note("%s", rows[i].what);
    }
}

TEST(what_is_not_made_says_why_and_every_row_of_the_list_is_there_once)
{
    CLEANUP(scene_done) struct scene s = { 0 };
    const struct claim_explanation *list;
    struct err err = ERR_INIT;
    size_t n, n_rows = 0;

    REQUIRE(scene_make(&s, sound, ALL));
    REQUIRE_OK(claims_explain(&s.a, &s.appraised, CLAIM_EVIDENCE_TPM, NULL, 0, &list, &n, &err), err);
    for (int i = 0; i < CLAIM_COUNT; i++)
        n_rows += service_claims[i].evidence == CLAIM_EVIDENCE_TPM;
    CHECK_INT(n, n_rows);
    for (size_t i = 0; i < n; i++) {
        CHECK(!list[i].made);
        if (list[i].row->ground == CLAIM_GROUND_BOOT_LOG || list[i].row->ground == CLAIM_GROUND_REQUEST ||
            list[i].row->ground == CLAIM_GROUND_COMMAND_LINE || list[i].row->ground == CLAIM_GROUND_FINDINGS)
            CHECK(list[i].why != NULL);
    }
}
