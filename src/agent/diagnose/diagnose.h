/* agent/diagnose/diagnose.h: the checks that only the agent can make: TPM, keys, logs, one attestation (guest-agent.md 10). Nothing is made persistent,
 * nobody is enrolled, nothing is reported. */
#pragma once
#include "agent/session/session.h"
#include "diagnose/bundle.h"
#include "tpm/key_template.h"

/* What the checks found out and the bundle may carry: public things. */
struct diagnose_findings {
    struct bytes ek_certs[EK_KIND_COUNT], ak_cert, ak_public; /* DER; TPM2B_PUBLIC */
    size_t n_ek_certs;
    struct bytes firmware_log, systemd_log;
    struct pcr_set pcrs;
    bool has_pcrs;
};

/* The TPM, its keys and a trial quote; leaves the register values in `ret`. */
void diagnose_tpm(struct diagnosis *d, const struct agent_config *config, const struct agent_state *state, bool with_keys,
                  struct diagnose_findings *ret);
/* The same with a TPM that is open; its commands get half of the time that is left. */
void diagnose_tpm_over(struct diagnosis *d, struct tpm_device *tpm, const struct agent_config *config, const struct agent_state *state,
                       bool with_keys, struct diagnose_findings *ret);
/* facts.c; false: it does not answer. `sha256_only`: what will be sent knows no other bank. */
bool diagnose_tpm_facts(struct diagnosis *d, struct tpm_device *tpm, bool sha256_only);
/* trial.c: nothing of them stays in the TPM. */
void diagnose_trial_quote(struct diagnosis *d, struct tpm_device *tpm, const struct ak *ak, struct diagnose_findings *ret);
void diagnose_trial_key(struct diagnosis *d, struct tpm_device *tpm, const struct ak *ak, bool sha256_only);
/* settings.c: the settings beside a handler's status file; machine.h calls it. */
void diagnose_settings(struct diagnosis *d, const struct machine_places *places, const char *config_folder, const char *status_file);
void diagnose_logs(struct diagnosis *d, const struct agent_config *config, struct diagnose_findings *ret);
void diagnose_attest(struct diagnosis *d, const struct agent_config *config);
/* remedies.c: a failure of ours as the failed check that it makes, and what helps against it in one line (NULL: it is none that stops anything). */
const char *diagnose_remedy(enum failure_id id);
const char *diagnose_remedy_here(enum failure_id id); /* for it: this system's own words, or NULL */
struct checked *diagnose_failed(struct diagnosis *d, enum check check, enum result result, const struct failure *why);
