#include "agent/diagnose/diagnose.h"
#include <sys/stat.h>
#include "agent/tpm/ek.h"
#include "agent/tpm/iak.h"
#include "base/clock.h"
#include "base/hex.h"
#include "x509/cert.h"
#include "x509/ek_cert.h"
#include "x509/name.h"

enum { EXPIRES_SOON_DAYS = 30 };

/* ---- certificates ---- */

static const char *date(struct diagnosis *d, int64_t ms)
{
    char text[CLOCK_TEXT_LEN];

    clock_format(ms, text);
    return arena_printf(d->arena, "%.10s", text);
}

static const char *dn(struct diagnosis *d, struct bytes name)
{
    const char *text = name_text(d->arena, name);

    return text && *text ? text : "(empty)";
}

/* Whether the TPM's key is the certificate's. */
static void check_ek(struct diagnosis *d, struct tpm_device *tpm, enum ek_kind kind, struct bytes der)
{
    unsigned index = (unsigned)ek_place(kind)->cert_nv;
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct ek *ek CLEANUP(ek_close_at) = NULL;
    struct failure why = FAILURE_INIT;
    struct err err = ERR_INIT;
    struct checked *c;

    if (!cert_parse(der, &cert, &err) || !ek_cert_check(cert, &err)) {
        c = diagnosis_add(d, CHECK_EK_CERT, RESULT_FAIL, "NV 0x%08X, %zu bytes: %s", index, der.len, err.text);
        checked_remedy(d, c, "have the host's CA write a proper one (swtpm_setup, virtual machine manager)");
        return;
    }
    if (!ek_open(tpm, kind, der, &ek, &why)) {
        diagnose_failed(d, CHECK_EK_CERT, RESULT_FAIL, &why);
        return;
    }
    diagnosis_add(d, CHECK_EK_CERT, RESULT_PASS, "NV 0x%08X, %zu bytes, \"%s\" issued by \"%s\", valid %s to %s, the key is this TPM's",
                  index, der.len, dn(d, cert->subject), dn(d, cert->issuer), date(d, cert->not_before_ms), date(d, cert->not_after_ms));
}

/* Without a certificate an operator approves the bare key: its Name (algorithm and hash of the public area) is what he compares (9.2, EK_CERT_MISSING). */
static void show_bare_ek(struct diagnosis *d, struct tpm_device *tpm)
{
    struct ek *ek CLEANUP(ek_close_at) = NULL;
    struct failure why = FAILURE_INIT;
    struct err err = ERR_INIT;
    struct tpm_public public;
    struct tpm_name name;
    char hex[2 * TPM_NAME_MAX_LEN + 1];
    struct checked *c;

    if (!ek_open(tpm, EK_RSA2048, BYTES_NONE, &ek, &why) && !ek_open(tpm, EK_P256, BYTES_NONE, &ek, &why)) {
        diagnose_failed(d, CHECK_EK_CERT, RESULT_FAIL, &why);
        return;
    }
    if (!tpm_public_decode_2b(ek_public_2b(ek), &public, &err) || !tpm_public_name(&public, &name, &err)) {
        (void)tpm_garbled(&why, "TPM2_ReadPublic", &err);
        diagnose_failed(d, CHECK_EK_CERT, RESULT_FAIL, &why);
        return;
    }
    hex_encode(tpm_name_bytes(&name), hex);
    c = diagnosis_add(d, CHECK_EK_CERT, RESULT_WARN, "none in the TPM; the bare endorsement key's public hash is %.4s:%s [EK_CERT_MISSING]",
                      hex, hex + 4);
    checked_remedy(d, c,
                   "enrolment then needs an operator's approval; or have the host's CA certify the vTPM (swtpm_setup --create-ek-cert)");
}

static void check_ek_certificates(struct diagnosis *d, struct tpm_device *tpm, struct diagnose_findings *ret)
{
    struct ek_certificates certs;
    struct failure why = FAILURE_INIT;

    if (!ek_read_certificates(tpm, d->arena, &certs, &why)) {
        diagnose_failed(d, CHECK_EK_CERT, RESULT_FAIL, &why);
        return;
    }
    if (!certs.n)
        show_bare_ek(d, tpm);
    for (size_t i = 0; i < certs.n; i++) {
        check_ek(d, tpm, certs.kind[i], certs.der[i]);
        ret->ek_certs[ret->n_ek_certs++] = certs.der[i];
    }
}

/* Most TPMs have none: that is no trouble. */
static void check_iak(struct diagnosis *d, struct tpm_device *tpm, const struct agent_config *config)
{
    enum iak_use use = iak_use_from_name(config->iak);
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct iak *iak CLEANUP(iak_close_at) = NULL;
    struct failure why = FAILURE_INIT;
    struct err err = ERR_INIT;
    struct checked *c;

    if (!iak_open(tpm, d->arena, &iak, &why)) {
        diagnose_failed(d, CHECK_IAK, use == IAK_REQUIRE ? RESULT_FAIL : RESULT_WARN, &why);
        return;
    }
    if (!iak && use == IAK_REQUIRE) {
        c = diagnosis_add(d, CHECK_IAK, RESULT_FAIL, "none in the TPM, and enroll.iak = require");
        checked_remedy(d, c, "enroll.iak = auto lets the endorsement key vouch; or give the vTPM an IAK with a certificate (NV 0x%08X)",
                       (unsigned)IAK_CERT_NV);
        return;
    }
    if (!iak || !cert_parse(iak_certificate(iak), &cert, &err)) {
        diagnosis_add(d, CHECK_IAK, RESULT_PASS, "none in the TPM: the endorsement key vouches");
        return;
    }
    diagnosis_add(d, CHECK_IAK, RESULT_PASS, "NV 0x%08X, \"%s\" issued by \"%s\", valid %s to %s, the key is this TPM's%s%s",
                  (unsigned)IAK_CERT_NV, dn(d, cert->subject), dn(d, cert->issuer), date(d, cert->not_before_ms),
                  date(d, cert->not_after_ms), iak_was_made_anew(iak) ? ", from its template" : "",
                  use == IAK_NEVER ? "; not used: enroll.iak = never" : "");
}

static void judge_ak_certificate(struct diagnosis *d, const struct ak *ak, struct bytes der, const char *from)
{
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    int64_t from_ms, until_ms, now_ms = clock_now_ms();
    char vm_id[UUID_TEXT_LEN];
    struct failure why = FAILURE_INIT;
    struct err err = ERR_INIT;
    struct checked *c;

    if (!cert_parse(der, &cert, &err)) {
        c = diagnosis_add(d, CHECK_AK_CERT, RESULT_FAIL, "%s: %s", from, err.text);
        checked_remedy(d, c, "trueboot-agent enroll");
    } else if (bytes_find(bytes_of_string(dn(d, cert->issuer)), BYTES_LIT("MICROSOFT AZURE TRUSTED VM RSA")) != SIZE_MAX) {
        c = diagnosis_add(d, CHECK_AK_CERT, RESULT_WARN, "%s: the platform's placeholder; the real one is not there yet", from);
        checked_remedy(d, c, "wait: the platform writes it within an hour of the first start");
    } else if (!ak_certificate_fits(ak, der, vm_id, &from_ms, &until_ms, &why)) {
        diagnose_failed(d, CHECK_AK_CERT, RESULT_FAIL, &why);
    } else {
        bool over = now_ms > until_ms, early = now_ms < from_ms;

        c = diagnosis_add(d, CHECK_AK_CERT,
                          over || early                                               ? RESULT_FAIL
                          : until_ms - now_ms < INT64_C(86400000) * EXPIRES_SOON_DAYS ? RESULT_WARN
                                                                                      : RESULT_PASS,
                          "%s: for VM %s, issued by \"%s\", valid %s to %s, the key is ours", from, vm_id, dn(d, cert->issuer),
                          date(d, from_ms), date(d, until_ms));
        if (early)
            c->cause = CAUSE_TIME;
        if (c->result != RESULT_PASS)
            checked_remedy(d, c, early ? "set this machine's clock" : "trueboot-agent enroll renews it; see the network checks");
    }
}

static void check_ak_certificate(struct diagnosis *d, struct tpm_device *tpm, const struct ak *ak, const struct agent_state *state,
                                 struct diagnose_findings *ret)
{
    struct bytes der = writer_bytes(&state->ak_cert);
    const char *from = "state folder";
    struct failure why = FAILURE_INIT;
    struct checked *c;

    if (!der.len) {
        from = "TPM's NV";
        if (!ak_certificate_read(tpm, d->arena, &der, &why)) {
            diagnose_failed(d, CHECK_AK_CERT, RESULT_FAIL, &why);
            return;
        }
    }
    ret->ak_cert = der;
    if (der.len) {
        judge_ak_certificate(d, ak, der, from);
        return;
    }
    c = diagnosis_add(d, CHECK_AK_CERT, RESULT_WARN, "none: not enrolled yet");
    checked_remedy(d, c, "trueboot-agent enroll (the service does it at its start)");
}

/* ---- keys ---- */

/* A record that cannot be read is said, and so is a key that has gone from where it was recorded: both mend themselves, but somebody did that. */
static void check_ak(struct diagnosis *d, const struct ak *ak, const struct agent_state *state)
{
    bool gone = state->ak.known && state->ak.handle && ak_was_made_anew(ak);
    char name[2 * TPM_NAME_MAX_LEN + 1];
    const char *where;
    struct ak_record now;
    struct checked *c;

    ak_remember(ak, &now);
    hex_encode(ak_name(ak), name);
    where = gone          ? arena_printf(d->arena, "no longer at 0x%08X", (unsigned)state->ak.handle)
            : !now.handle ? state->ak.known ? "not persistent" : "not persistent yet"
                          : arena_printf(d->arena, "at 0x%08X", (unsigned)now.handle);
    c = diagnosis_add(d, CHECK_AK, gone || state->damaged || state->newer ? RESULT_WARN : RESULT_PASS,
                      "Name %.20s…, attributes 0x%08X, %s%s%s%s%s", name, (unsigned)ak_public(ak)->attributes, where ? where : "somewhere",
                      state->ak.known                  ? ", as recorded"
                      : state->damaged || state->newer ? ", the record cannot be read"
                                                       : ", nothing recorded yet",
                      ak_handle_is_taken(ak) ? "; another key sits at the usual handle" : "", state->damaged || state->newer ? "; " : "",
                      state->damaged || state->newer ? state->note : "");
    if (state->newer)
        checked_remedy(d, c, "install the agent's version that wrote the state, or a later one; until then nothing is written there");
    else if (state->damaged)
        checked_remedy(d, c, "the service sets the file aside and goes on; look for a full or failing disk below %s",
                       state->dir ? state->dir : "");
    else if (gone)
        checked_remedy(d, c, "the key was evicted, or the TPM cleared (TPM2_Clear): the service puts it back; who else manages this TPM?");
}

/* Who may use the node: " (mode 0660, user 0, group 109)"; nothing for what is no node. */
static const char *node_rights(struct diagnosis *d, const char *name)
{
    const char *path = strncmp(name, "device:", 7) == 0 ? name + 7 : name;
    const char *text = NULL;
    struct stat st;

    if (*path == '/' && stat(path, &st) == 0)
        text = arena_printf(d->arena, " (mode %04o, user %u, group %u)", (unsigned)st.st_mode & 07777, (unsigned)st.st_uid,
                            (unsigned)st.st_gid);
    return text ? text : "";
}

static void skip_rest_of_keys(struct diagnosis *d, enum check first, const char *why)
{
    for (enum check c = first; c <= CHECK_TRIAL_KEY; c++)
        diagnosis_add(d, c, RESULT_SKIP, "%s", why);
}

/* Whether AzureGuest it will be: it is asked for, or what the profile is used with (3.7). */
static bool speaks_azureguest(const struct agent_config *config)
{
    const char *protocol = config->protocol ? config->protocol : "", *profile = config->profile ? config->profile : "";

    return strcmp(protocol, "azureguest") == 0 || (!*protocol && strncmp(profile, "azure", 5) == 0);
}

void diagnose_tpm_over(struct diagnosis *d, struct tpm_device *tpm, const struct agent_config *config, const struct agent_state *state,
                       bool with_keys, struct diagnose_findings *ret)
{
    const struct ak_options options = session_ak_options(config, true);
    struct ak *ak CLEANUP(ak_close_at) = NULL;
    struct failure why = FAILURE_INIT;

    tpm_device_limit(tpm, clock_monotonic_ms() + diagnosis_left_ms(d) / 2);
    if (!diagnose_tpm_facts(d, tpm, speaks_azureguest(config))) {
        if (with_keys)
            skip_rest_of_keys(d, CHECK_EK_CERT, "the TPM does not answer");
        return;
    }
    if (!with_keys)
        return;
    check_ek_certificates(d, tpm, ret);
    check_iak(d, tpm, config);
    if (!ak_open(tpm, &options, &state->ak, &ak, &why)) {
        diagnose_failed(d, CHECK_AK, RESULT_FAIL, &why);
        skip_rest_of_keys(d, CHECK_AK_CERT, "no attestation key");
        return;
    }
    if (!arena_copy(d->arena, ak_public_2b(ak), &ret->ak_public))
        d->no_memory = true;
    check_ak(d, ak, state);
    check_ak_certificate(d, tpm, ak, state, ret);
    diagnose_trial_quote(d, tpm, ak, ret);
    diagnose_trial_key(d, tpm, ak, speaks_azureguest(config));
}

void diagnose_tpm(struct diagnosis *d, const struct agent_config *config, const struct agent_state *state, bool with_keys,
                  struct diagnose_findings *ret)
{
    struct tpm_device *tpm CLEANUP(tpm_device_close_at) = NULL;
    struct failure why = FAILURE_INIT;

    if (!tpm_device_open(config->tcti, &tpm, &why)) {
        diagnose_failed(d, CHECK_TPM_NODE, RESULT_FAIL, &why);
        for (enum check c = CHECK_TPM_VERSION; c <= CHECK_TPM_CLOCK; c++)
            diagnosis_add(d, c, RESULT_SKIP, "no TPM");
        if (with_keys)
            skip_rest_of_keys(d, CHECK_EK_CERT, "no TPM");
        return;
    }
    diagnosis_add(d, CHECK_TPM_NODE, RESULT_PASS, "%s opens%s", tpm_device_name(tpm), node_rights(d, tpm_device_name(tpm)));
    diagnose_tpm_over(d, tpm, config, state, with_keys, ret);
}
