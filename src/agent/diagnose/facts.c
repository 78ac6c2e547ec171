/* What the TPM says about itself: capabilities (TPM 2.0 Library Part 2 r1.59, 6.13) and the clock. */
#include "agent/diagnose/diagnose.h"

enum {
    PT_FIXED_FIRST = 0x100,
    PT_MANUFACTURER = 0x105,
    PT_FIRMWARE_1 = 0x10b,
    PT_PERMANENT = 0x200,
    PT_STARTUP_CLEAR = 0x201,
    PT_HR_LOADED_AVAIL = 0x204,
    PT_HR_TRANSIENT_AVAIL = 0x207,
    PT_HR_PERSISTENT_AVAIL = 0x209,
    PT_LOCKOUT_COUNTER = 0x20e,
    PT_MAX_AUTH_FAIL = 0x20f,
    PT_LOCKOUT_INTERVAL = 0x210,
    PROPERTIES = 0x40,
    OWNER_AUTH_SET = 1 << 0, /* TPMA_PERMANENT */
    ENDORSEMENT_AUTH_SET = 1 << 1,
    IN_LOCKOUT = 1 << 9,
    PH_ENABLE = 1 << 0, /* TPMA_STARTUP_CLEAR */
    SH_ENABLE = 1 << 1,
    EH_ENABLE = 1 << 2,
};

static bool read_properties(struct tpm_device *tpm, uint32_t first, struct answer_properties *ret, struct failure *why)
{
    struct tpm_response r;
    struct err err = ERR_INIT;

    if (!tpm_call(tpm, request_get_capability(tpm_out(tpm), TPM_CAP_TPM_PROPERTIES, first, PROPERTIES), "TPM2_GetCapability", &r, why))
        return false;
    return answer_properties(r.parameters, ret, &err) ? true : tpm_garbled(why, "TPM2_GetCapability", &err);
}

static bool property(const struct answer_properties *all, uint32_t which, uint32_t *ret)
{
    for (size_t i = 0; i < all->n; i++) {
        if (all->item[i].property == which) {
            *ret = all->item[i].value;
            return true;
        }
    }
    *ret = 0;
    return false;
}

static void check_lockout(struct diagnosis *d, const struct answer_properties *all)
{
    uint32_t permanent, counter, most, interval;
    struct checked *c;

    (void)!property(all, PT_PERMANENT, &permanent);
    (void)!property(all, PT_LOCKOUT_COUNTER, &counter);
    (void)!property(all, PT_MAX_AUTH_FAIL, &most);
    (void)!property(all, PT_LOCKOUT_INTERVAL, &interval);
    c = diagnosis_add(d, CHECK_TPM_LOCKOUT, permanent & IN_LOCKOUT ? RESULT_WARN : RESULT_PASS,
                      "%u of %u wrong passwords%s, one is forgotten every %u s", (unsigned)counter, (unsigned)most,
                      permanent & IN_LOCKOUT ? ", locked out" : "", (unsigned)interval);
    if (c->result == RESULT_WARN)
        checked_remedy(d, c,
                       "the attestation key goes on; who else uses this TPM with a wrong password? tpm2_dictionarylockout -c ends it");
}

static void check_slots(struct diagnosis *d, const struct answer_properties *all)
{
    uint32_t transient, persistent, sessions;
    bool known = property(all, PT_HR_TRANSIENT_AVAIL, &transient);
    struct checked *c;

    (void)!property(all, PT_HR_PERSISTENT_AVAIL, &persistent);
    (void)!property(all, PT_HR_LOADED_AVAIL, &sessions);
    c = diagnosis_add(d, CHECK_TPM_SLOTS, known && transient < 2 ? RESULT_WARN : RESULT_PASS,
                      "%u transient, %u persistent, %u sessions free", (unsigned)transient, (unsigned)persistent, (unsigned)sessions);
    if (c->result == RESULT_WARN)
        checked_remedy(d, c, "use /dev/tpmrm0, or have the program that fills the TPM flush its objects (tpm2_flushcontext -t)");
}

/* A password of the owner or endorsement hierarchy (TPMA_PERMANENT) is in our way as much as a hierarchy that is off. */
static void check_hierarchies(struct diagnosis *d, const struct answer_properties *all)
{
    uint32_t clear, permanent;
    bool enabled, passwords;
    struct checked *c;

    (void)!property(all, PT_STARTUP_CLEAR, &clear);
    (void)!property(all, PT_PERMANENT, &permanent);
    enabled = (clear & EH_ENABLE) && (clear & SH_ENABLE);
    passwords = permanent & (OWNER_AUTH_SET | ENDORSEMENT_AUTH_SET);
    c = diagnosis_add(d, CHECK_TPM_HIERARCHIES,
                      !(clear & EH_ENABLE)    ? RESULT_FAIL
                      : !enabled || passwords ? RESULT_WARN
                                              : RESULT_PASS,
                      "platform %s, owner %s%s, endorsement %s%s", clear & PH_ENABLE ? "on" : "off", clear & SH_ENABLE ? "on" : "off",
                      permanent & OWNER_AUTH_SET ? " with a password" : "", clear & EH_ENABLE ? "on" : "off [EH_DISABLED]",
                      permanent & ENDORSEMENT_AUTH_SET ? " with a password" : "");
    if (!enabled)
        checked_remedy(d, c, "%s is switched off for this boot: restart the VM",
                       clear & EH_ENABLE ? "the owner hierarchy, without which no key becomes persistent," : "the endorsement hierarchy");
    else if (passwords)
        checked_remedy(d, c, "the agent knows no password of a hierarchy: take it away (tpm2_changeauth -c %s -p OLD)",
                       permanent & ENDORSEMENT_AUTH_SET ? "endorsement" : "owner");
}

static void check_clock(struct diagnosis *d, struct tpm_device *tpm)
{
    struct tpm_clock_info clock;
    struct failure why = FAILURE_INIT;
    struct tpm_response r;
    struct err err = ERR_INIT;

    if (!tpm_call(tpm, request_read_clock(tpm_out(tpm)), "TPM2_ReadClock", &r, &why) || !answer_read_clock(r.parameters, &clock, &err)) {
        if (!why.id)
            (void)tpm_garbled(&why, "TPM2_ReadClock", &err);
        diagnose_failed(d, CHECK_TPM_CLOCK, RESULT_FAIL, &why);
        return;
    }
    diagnosis_add(d, CHECK_TPM_CLOCK, RESULT_PASS, "clock %llu ms, resetCount %u, restartCount %u, safe %s",
                  (unsigned long long)clock.clock_ms, (unsigned)clock.reset_count, (unsigned)clock.restart_count,
                  clock.safe ? "yes" : "no (it stepped back after an unclean stop)");
}

/* Native messages do with SHA-384, AzureGuest's do not (2.6). */
static void check_banks(struct diagnosis *d, const struct tpm_facts *facts, bool sha256_only)
{
    const char *banks = "";
    struct checked *c;
    bool sha256 = facts->pcr_banks[DIGEST_SHA256] != 0, enough = !sha256_only && facts->pcr_banks[DIGEST_SHA384] != 0;

    for (size_t i = 0; i < ARRAY_LEN(facts->pcr_banks); i++)
        if (facts->pcr_banks[i])
            banks =
                arena_printf(d->arena, "%s%s%s", banks ? banks : "", banks && *banks ? ", " : "", digest_name((enum digest_algorithm)i));
    c = diagnosis_add(d, CHECK_TPM_BANKS,
                      sha256   ? RESULT_PASS
                      : enough ? RESULT_WARN
                               : RESULT_FAIL,
                      "%s%s", banks && *banks ? banks : "none",
                      sha256   ? ""
                      : enough ? ": SHA-384 is quoted, which AzureGuest does not know"
                               : ": no registers in SHA-256 [PCR_BANK]");
    if (!sha256)
        checked_remedy(d, c, "allocate the SHA-256 bank (tpm2_pcrallocate sha256:all, or the vTPM's setting) and restart the VM");
}

static void check_nv(struct diagnosis *d, const struct tpm_facts *facts)
{
    enum { CERTIFICATE_BYTES = 1500 }; /* guest-agent.md 2.4 */
    bool small = facts->nv_index_max && facts->nv_index_max < CERTIFICATE_BYTES;
    struct checked *c =
        diagnosis_add(d, CHECK_TPM_NV, small ? RESULT_WARN : RESULT_PASS, "an index may have %u bytes, one command moves %u",
                      (unsigned)facts->nv_index_max, (unsigned)facts->nv_buffer_max);

    if (small)
        checked_remedy(d, c, "nothing needs it: the certificate is kept in its file only (ak.publish_nv = no says so)");
}

static void skip_facts(struct diagnosis *d)
{
    for (enum check c = CHECK_TPM_BANKS; c <= CHECK_TPM_CLOCK; c++)
        diagnosis_add(d, c, RESULT_SKIP, "the TPM does not answer");
}

bool diagnose_tpm_facts(struct diagnosis *d, struct tpm_device *tpm, bool sha256_only)
{
    struct answer_properties all;
    struct tpm_facts facts;
    struct failure why = FAILURE_INIT;

    if (!tpm_facts_read(tpm, &facts, &why) || !read_properties(tpm, PT_PERMANENT, &all, &why)) {
        diagnose_failed(d, CHECK_TPM_VERSION, RESULT_FAIL, &why);
        skip_facts(d);
        return false;
    }
    diagnosis_add(d, CHECK_TPM_VERSION, RESULT_PASS, "2.0, made by %s, firmware %s", facts.manufacturer, facts.firmware);
    check_banks(d, &facts, sha256_only);
    check_lockout(d, &all);
    check_slots(d, &all);
    check_nv(d, &facts);
    check_hierarchies(d, &all);
    check_clock(d, tpm);
    return true;
}
