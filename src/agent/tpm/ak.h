/* agent/tpm/ak.h: the attestation key: made, found again, accepted or refused (guest-agent.md 2.3, 2.4).
 *
 * Self-hosted profile: a primary key of the endorsement hierarchy, the same after evict, Clear or loss of state as long as the
 * endorsement seed lives. Persistent at 0x81000003, else at the fallback handle; else, where the owner's hierarchy has a password or there is no room, transient
 * while it is used and made once after each reset of the TPM: in between it comes back out of a saved context (TPM2_ContextSave). */
#pragma once
#include "agent/tpm/device.h"
#include "tpm/key_template.h"
#include "tpm/public.h"

struct ak; /* opaque; belongs to the device it was opened on */

/* 2.3. AUTO: AZURE when the key at 0x81000003 is the one that the certificate in NV 0x01C101D0 is of, and a platform issued that
 * certificate; else SELFHOSTED. */
enum ak_profile { AK_PROFILE_AUTO, AK_PROFILE_AZURE, AK_PROFILE_AZURELOCAL, AK_PROFILE_SELFHOSTED };
const char *ak_profile_name(enum ak_profile profile);    /* "auto", "azure", … */
enum ak_profile ak_profile_from_name(struct bytes name); /* AK_PROFILE_SELFHOSTED for what is none */
static inline bool ak_profile_is_platform(enum ak_profile profile)
{
    return profile == AK_PROFILE_AZURE || profile == AK_PROFILE_AZURELOCAL;
}

/* What state remembers of the key that was enrolled. */
struct ak_record {
    bool known; /* false: nothing is remembered */
    enum ak_profile profile;
    bool asked; /* the profile was asked for, not found: what is found counts again once nobody asks */
    enum ak_type type;
    uint32_t rotation; /* counter in the template */
    uint32_t handle;   /* where it was made persistent; 0: nowhere */
    struct tpm_name name;
};

struct ak_options {
    uint32_t handle;          /* 0: AK_HANDLE */
    uint32_t handle_fallback; /* 0: AK_HANDLE_FALLBACK */
    bool look_only;           /* nothing is made persistent: the key stays transient where it is not there (diagnose) */
    enum ak_profile profile;
    enum ak_type type;            /* of a key that has to be made */
    const char *platform_issuers; /* parts of issuers' names, separated by ';'; NULL: those that are published */
    struct bytes context; /* ak_context() of the last time, of whatever boot; empty: none. For a recorded key that is not persistent */
};

/* ak_open finds or makes the key. Every key is checked (2.3): RSA or ECC, named with SHA-256 or stronger, a restricted signing key fixed to this
 * TPM, RSASSA, RSAPSS or ECDSA with SHA-256 or stronger (RSASSA with SHA-256 for a platform's), no primary key of the owner or NULL hierarchy,
 * whose quotes scramble the counters; and its Name is the recorded one, or without a record of a self-hosted key the one that the template
 * gives in this TPM.
 * AK_REPLACED: another key lies where ours was. SEED_CHANGED: the template no longer gives the recorded key. AK_MISSING: a platform's key is
 * not there; nothing is made, evicted or defined for those profiles. */
MUST_CHECK bool ak_open(struct tpm_device *tpm, const struct ak_options *options, const struct ak_record *record, struct ak **ret,
                        struct failure *why);
/* ak_check reads the public area again: is it still the key we opened? AK_REPLACED. Before every quote. */
MUST_CHECK bool ak_check(const struct ak *ak, struct failure *why);
void ak_close(struct ak *ak); /* unloads a transient one */
void ak_close_at(struct ak **ak);

const struct tpm_public *ak_public(const struct ak *ak);
struct bytes ak_public_2b(const struct ak *ak); /* TPM2B_PUBLIC, size field included */
struct bytes ak_name(const struct ak *ak);      /* 000b || digest */
const struct pubkey *ak_key(const struct ak *ak);
enum ak_profile ak_profile(const struct ak *ak); /* never AUTO */
enum ak_type ak_type(const struct ak *ak);
uint32_t ak_handle(const struct ak *ak); /* for commands; valid until ak_close() */
void ak_remember(const struct ak *ak, struct ak_record *ret);
/* Another key sits at the first handle (the fallback is used). */
bool ak_handle_is_taken(const struct ak *ak);
bool ak_was_made_anew(const struct ak *ak); /* it was not there when we came */
/* It could not be made persistent: the owner hierarchy has a password. Known when it was made, not when it came out of a context. */
bool ak_lacks_password(const struct ak *ak);
/* Of a key that is not persistent: to be handed to ak_open() the next time. A TPM that was reset does not take it any more, and no other ever does. Empty: it is
 * persistent, or the TPM gives none. */
struct bytes ak_context(const struct ak *ak);

/* The certificate in NV 0x01C101D0. Reading trims by DER length; absent, empty or undecodable: an empty ret. Publishing also fails
 * where the TPM has no room; that is no reason to stop. */
MUST_CHECK bool ak_certificate_read(struct tpm_device *tpm, struct arena *a, struct bytes *ret, struct failure *why);
MUST_CHECK bool ak_certificate_publish(struct tpm_device *tpm, struct bytes der, struct failure *why);

/* ak_certificate_fits: the certificate is of this very key and names a VM (subject CN = UUID). Dates are for the caller:
 * *ret_not_before_ms, *ret_not_after_ms. */
MUST_CHECK bool ak_certificate_fits(const struct ak *ak, struct bytes der, char ret_vm_id[static 37], int64_t *ret_not_before_ms,
                                    int64_t *ret_not_after_ms, struct failure *why);
/* When, and whether, it is time for another one (2.5): two thirds of the life are over, or fewer than 30 days remain. The days count only for certificates
 * that live long enough for both. */
int64_t ak_certificate_due_ms(int64_t from_ms, int64_t until_ms);
bool ak_certificate_is_due(int64_t from_ms, int64_t until_ms, int64_t now_ms);

/* A platform's key: reads the certificate, which need not name a VM. AK_CERT_PENDING: the index was never written, or holds the platform's
 * placeholder. AK_REPLACED: it is of another key. */
MUST_CHECK bool ak_platform_certificate(const struct ak *ak, struct arena *a, struct bytes *ret_der, int64_t *ret_not_before_ms,
                                        int64_t *ret_not_after_ms, struct failure *why);

/* ak_forget takes the key out of persistence where its Name is the recorded (or the template's) one, and removes the NV copy of
 * the certificate: before an image is captured (verb reset). */
MUST_CHECK bool ak_forget(struct tpm_device *tpm, const struct ak_options *options, const struct ak_record *record, struct failure *why);
