/* management/vouching.h: who says which machine's TPM it is that wants to enrol (guest-agent.md 2.4, 2.5; attack-suite.md I1–I5). Private to src/management.
 *
 * Two kinds of certificate say it: that of an endorsement key, and that of an initial attestation key (IAK). Both name the machine in their
 * subject ("name:UUID") and both are believed by the roots of kind "ek": the CA of the host or of the maker that issues the one issues the other. The
 * endorsement key then opens a credential, the IAK certifies the attestation key: neither certificate proves anything alone, for anybody may have copied it. */
#pragma once
#include "base/limits.h"
#include "management/management.h"
#include "tpm/public.h"
#include "x509/ek_cert.h"

/* Parsed once, and that one object is what the credential is made for, or what the certification is verified with (CVE-2021-3406). */
struct voucher {
    struct cert *cert;
    bool pinned;      /* itself among the roots */
    bool of_provider; /* believed by a root of the one provider only */
    struct ek_identity identity;
    bool is_iak;
    bool doubted;         /* an IAK came, and what is refused is about it */
    struct tpm_public ek; /* of an endorsement key */
    size_t index;         /* of an endorsement key: which of ekCerts */
    /* Endorsement keys that everybody's roots say are this very machine's: a TPM has one of each kind. Not proved to be here, but nobody else's either. */
    size_t n_said;
    struct tpm_name said[LIMIT_EK_CERTS];
};

/* vouching_find reads the body of a beginning: its "iak" where there is one, else the first of its endorsement certificates that holds. With none, the
 * reason is the last one's. `ret` begins as zeros; free ret->cert, also after a failure. UNTRUSTED, MALFORMED, TRUNCATED, UNSUPPORTED. */
MUST_CHECK bool vouching_find(const struct management *m, struct arena *a, const struct json *body, const char *provider,
                              struct voucher *ret, struct err *err);

/* What the IAK says of an attestation key: body's "iak": {"cert","certify","signature"}. */
struct iak_word {
    const struct pubkey *iak;
    const struct tpm_public *ak; /* the key that is said to be in the same TPM */
    const struct bytes *nonce;   /* it must be said over exactly this; NULL: over anything */
    struct bytes qualified_ak;   /* as the quote of the same key names itself; empty: not compared */
};
/* vouching_hear_iak: the IAK has certified exactly this key. A certification proves that both live in one TPM; the AK's own rules are for tpm/key_profile.h. */
MUST_CHECK bool vouching_hear_iak(struct arena *a, const struct json *body, const struct iak_word *want, struct err *err);
/* The certificate of a body's "iak", again: exactly the one that was believed before, or UNTRUSTED. `sha256`: in hex. */
MUST_CHECK bool vouching_same_iak(struct arena *a, const struct json *body, const char *sha256, struct cert **ret, struct err *err);

/* Base64url of at most `limit` bytes. */
MUST_CHECK bool vouching_decode(struct arena *a, const struct json *text, const char *what, size_t limit, struct bytes *ret,
                                struct err *err);
enum { VOUCHING_PUBLIC_MAX = 1024 };
