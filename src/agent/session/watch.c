#include "agent/session/watch.h"
#include "agent/machine/host_check.h"
#include "agent/tpm/ek.h"
#include "base/hex.h"
#include "x509/cert.h"
#include "x509/ek_cert.h"

/* Attestation and sealed keys are exempt from dictionary attack protection, so a lock-out is only worth a note (2.9). */
static bool note_lockout(struct watch *watch, struct tpm_device *tpm, struct failure *why)
{
    struct tpm_facts facts;

    if (!tpm_facts_now(tpm, &facts, why))
        return false;
    if (facts.in_lockout)
        notes_add(&watch->now, FAILURE_TPM_LOCKOUT, "the TPM is locked out after wrong passwords; every %u s one of them is forgotten",
                  facts.lockout_interval);
    return true;
}

static bool check_identity(struct watch *watch, struct tpm_device *tpm, const struct host *host, struct failure *why)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct ek_certificates certs;
    struct ek_identity who;
    struct err err = ERR_INIT;

    if (watch->identity_checked)
        return true;
    if (!ek_read_certificates(tpm, &a, &certs, why))
        return false;
    watch->identity_checked = true;
    if (!certs.n)
        notes_add(&watch->identity, FAILURE_EK_CERT_MISSING,
                  "the TPM holds no endorsement certificate: an operator has to approve this machine");
    else if (cert_parse(certs.der[0], &cert, &err) && ek_cert_identity(cert, &who, &err))
        host_check_identity(who.vm_uuid, host->vm_uuid, &watch->identity);
    return true;
}

bool watch_before(struct watch *watch, struct tpm_device *tpm, const struct host *host, struct failure *why)
{
    notes_clear(&watch->now);
    host_check("", &watch->now);
    return note_lockout(watch, tpm, why) && check_identity(watch, tpm, host, why);
}

static void fingerprint(const struct pcr_set *pcrs, char ret[static 65])
{
    enum { FIRMWARE_PCRS = 8 };
    struct bytes parts[FIRMWARE_PCRS];
    struct digest digest;

    for (unsigned pcr = 0; pcr < FIRMWARE_PCRS; pcr++)
        parts[pcr] = digest_bytes(&pcrs->banks[0].value[pcr]);
    digest_compute_parts(DIGEST_SHA256, parts, FIRMWARE_PCRS, &digest);
    hex_encode(digest_bytes(&digest), ret);
}

void watch_after(struct watch *watch, const struct attest_result *result, const char *boot_id)
{
    struct life_point now = { .known = true, .clock = result->quoted.clock };
    struct notes life;

    memcpy(now.boot_id, boot_id, strnlen(boot_id, UUID_TEXT_LEN - 1));
    notes_clear(&life);
    fingerprint(&result->quoted.pcrs, now.pcrs);
    lifecycle_judge(&watch->before, &now, watch->resumed, &life);
    notes_add_all(notes_find(&life, FAILURE_RESTART_SEEN) ? &watch->events : &watch->boot, &life);
    watch->before = now;
    watch->resumed = false;
    notes_add_all(&watch->now, &result->log_notes);
}

void watch_notes(const struct watch *watch, struct notes *ret)
{
    notes_clear(ret);
    notes_add_all(ret, &watch->now);
    notes_add_all(ret, &watch->identity);
    notes_add_all(ret, &watch->events);
    notes_add_all(ret, &watch->boot);
}

void watch_told(struct watch *watch) { notes_clear(&watch->events); }
