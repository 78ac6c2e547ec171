/* cli/offline/offline.h: evidence from files, through the same appraise() and judge() as the server's.
 *
 * `trueboot verify`, `trueboot baseline learn`: an evidence file (architecture.md 8), or its pieces as tpm2-tools and Linux write them. */
#pragma once
#include "appraise/appraise.h"
#include "appraise/baseline.h"
#include "cli/frame/cli.h"
#include "eventlog/ima/list.h"
#include "eventlog/log/log.h"
#include "x509/trust.h"

#define OFFLINE_OPTIONS                                                                                                              \
    { "log", "FILE", "event log (binary_bios_measurements); several are joined in order" },                                          \
        { "ima", "FILE", "IMA list, binary or ascii" }, { "systemd-log", "FILE", "systemd's measurement log (tpm2-measure.log)" },   \
        { "quote", "FILE", "TPMS_ATTEST (tpm2_quote -m), its hex, or what tpm2_quote printed" },                                     \
        { "signature", "FILE", "its signature (tpm2_quote -s), its hex, or what tpm2_quote printed" },                               \
        { "ak", "FILE", "attestation key: PEM, DER, TPM2B_PUBLIC, TPMT_PUBLIC or its certificate; you vouch for it" },               \
        { "ak-root", "FILE", "CA certificates for an evidence file's AK certificate" },                                              \
        { "nonce", "HEX", "what the quote must contain; without it freshness is not checked", VALUE_HEX },                           \
        { "pcrs", "FILE", "register values: JSON, tpm2-tools' YAML or serialized; without it what the logs give" },                  \
        { "required-pcrs", "LIST", "registers that must be quoted, such as 0-9,14 (default: 0-9,11-15; with --policy as that says)", \
          VALUE_REGISTERS },                                                                                                         \
        { "ek-cert", "FILE", "endorsement certificate, DER or PEM" },                                                                \
        { "ek-root", "FILE", "CA certificates that it must chain to, PEM or DER" },                                                  \
        { "baseline", "FILE", "what a good boot consists of, from `trueboot baseline learn` or `baseline show`" },                   \
        { "policy", "FILE", "attestation policy; without it findings alone judge" },                                                 \
        { "data", "FILE", "reference data pack (default: what `trueboot data show` names)" },                                        \
    {                                                                                                                                \
        "as-of", "TIME", "judge as at this time, RFC 3339 (default: now)", VALUE_TIME                                                \
    }

enum identity_state { IDENTITY_NOT_ASKED, IDENTITY_VERIFIED, IDENTITY_REFUSED };

/* Whose TPM it is, by the endorsement certificate. It says nothing about the quote: offline nothing binds the AK to it. */
struct offline_identity {
    enum identity_state state;
    const char *sentence; /* why refused */
    const char *vm_name, *vm_uuid, *issuer;
};

/* Everything lives in the command's arena. */
struct offline {
    struct evidence evidence;
    struct evidence_file file; /* has_file */
    bool has_file, nonce_checked;
    const struct ima_list *ima; /* NULL: none */
    size_t ima_fits;            /* entries of it that the quoted register 10 covers */
    bool ima_verified;
    struct offline_identity identity;
    struct baseline *baseline; /* NULL: none */
    struct appraised appraised;
    struct findings findings; /* as judged under the baseline */
    enum verdict verdict;
    bool wants_claims;                 /* set by the caller */
    const struct policy_claim *claims; /* then: what the service says, when the quote holds */
    size_t n_claims;
};

/* offline_appraise reads the options' files and judges. EXIT_OK when there is a verdict, whichever; else the sentence has been printed. */
int offline_appraise(struct cli *cli, struct offline *ret);
/* --nonce: hexadecimal, with or without "0x". */
MUST_CHECK bool offline_nonce(struct cli *cli, struct bytes *ret, struct err *err);
/* The trust store of an option's certificates: CAs may issue, other certificates are pinned. */
MUST_CHECK bool offline_anchors(struct cli *cli, const char *option, struct trust_store **ret, struct err *err);
