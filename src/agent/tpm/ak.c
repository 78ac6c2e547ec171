#include "agent/tpm/ak.h"
#include <stdlib.h>
#include "base/limits.h"
#include "tpm/key_profile.h"
#include "tpm/key_template.h"
#include "x509/ak_cert.h"
#include "x509/name.h"

struct ak {
    struct tpm_device *tpm;
    uint32_t object; /* transient or persistent handle; 0: none yet */
    bool transient;
    bool taken, made_anew, lacks_password;
    enum ak_profile profile;
    bool asked; /* for by the configuration, not found */
    enum ak_type type;
    uint32_t rotation, handle; /* handle 0: not persistent */
    struct tpm_object known;
    struct pubkey *key;
    struct writer context; /* TPMS_CONTEXT; len 0: none */
};

static bool learn_key(struct ak *ak, struct failure *why)
{
    struct err err = ERR_INIT;

    pubkey_free(ak->key);
    ak->key = NULL;
    return tpm_public_key(&ak->known.pub, &ak->key, &err) ? true : failure_from(why, FAILURE_AK_REPLACED, &err);
}

static const char *const profile_names[] = { "auto", "azure", "azurelocal", "selfhosted" };

const char *ak_profile_name(enum ak_profile profile) { return profile_names[profile]; }

enum ak_profile ak_profile_from_name(struct bytes name)
{
    for (size_t i = 0; i < ARRAY_LEN(profile_names); i++)
        if (bytes_equal_string(name, profile_names[i]))
            return (enum ak_profile)i;
    return AK_PROFILE_SELFHOSTED;
}

/* A primary key's qualified name tells its hierarchy. What is no primary key is in none of these two for certain, and passes. */
static bool is_primary_of(const struct tpm_object *key, uint32_t hierarchy)
{
    struct tpm_name qualified;

    tpm_qualified_name(&key->pub, hierarchy, &key->name, &qualified);
    return bytes_equal(tpm_name_bytes(&qualified), tpm_name_bytes(&key->qualified));
}

static bool scheme_suits(const struct ak *ak)
{
    const struct tpm_scheme *scheme = &ak->known.pub.scheme;

    if (ak_profile_is_platform(ak->profile))
        return scheme->algorithm == TPM_ALG_RSASSA && scheme->hash == digest_tpm_id(DIGEST_SHA256);
    return (scheme->algorithm == TPM_ALG_RSASSA || scheme->algorithm == TPM_ALG_RSAPSS || scheme->algorithm == TPM_ALG_ECDSA) &&
           digest_is_strong(digest_from_tpm_id(scheme->hash));
}

/* 2.3, checks 1 to 3, and fact 5 of 0.2. */
static bool acceptable(const struct ak *ak, struct failure *why)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct findings list = { .arena = &a };
    bool rsa_only = ak_profile_is_platform(ak->profile);

    if ((ak->known.pub.type != TPM_ALG_RSA && (rsa_only || ak->known.pub.type != TPM_ALG_ECC)) ||
        !digest_is_strong(ak->known.pub.name_algorithm))
        return failure_set(why, FAILURE_AK_REPLACED, "the key is not an RSA%s key named with SHA-256 or stronger",
                           rsa_only ? "" : " or ECC");
    if (!key_profile_check(KEY_PROFILE_AK, &ak->known.pub, FINDING_AK_ATTRIBUTES, &list))
        return failure_set(why, FAILURE_AK_REPLACED, "%s", list.n ? list.items[0].text : "the key may do what an attestation key must not");
    if (!scheme_suits(ak))
        return failure_set(why, FAILURE_AK_REPLACED, "the key's scheme is not RSASSA%s with SHA-256", rsa_only ? "" : ", RSAPSS or ECDSA");
    if (is_primary_of(&ak->known, TPM_RH_OWNER) || is_primary_of(&ak->known, TPM_RH_NULL))
        return failure_set(why, FAILURE_AK_REPLACED,
                           "the key is not in the endorsement hierarchy: its quotes would scramble the TPM's counters");
    return true;
}

static bool create(struct ak *ak, struct failure *why)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct tpm_public template;
    struct err err = ERR_INIT;

    if (!ak_template(&a, ak->type, ak->rotation, &template, &err))
        return failure_from(why, FAILURE_INTERNAL, &err);
    if (!tpm_create_primary(ak->tpm, TPM_RH_ENDORSEMENT, &template, "making the attestation key", &ak->object, &ak->known, why))
        return false;
    ak->transient = true;
    return learn_key(ak, why);
}

/* *ret_found: something lies at `handle`; then its description is in *ak. */
static bool look_at(struct ak *ak, uint32_t handle, bool *ret_found, struct failure *why)
{
    if (!tpm_read_public(ak->tpm, handle, ret_found, &ak->known, why))
        return false;
    if (!*ret_found)
        return true;
    ak->object = ak->handle = handle;
    return learn_key(ak, why);
}

static void let_go(struct ak *ak)
{
    if (ak->transient)
        tpm_flush(ak->tpm, &ak->object);
    ak->transient = false;
    ak->object = ak->handle = 0;
}

enum place { PLACE_FREE, PLACE_OURS, PLACE_FOREIGN };

/* Compares what lies at `handle` with the key we hold, by Name, and takes the persistent one when they are the same. */
static bool try_place(struct ak *ak, uint32_t handle, enum place *ret, struct failure *why)
{
    struct tpm_object there;
    bool found;

    *ret = PLACE_FREE;
    if (!tpm_read_public(ak->tpm, handle, &found, &there, why))
        return false;
    if (!found)
        return true;
    *ret = PLACE_FOREIGN;
    if (!bytes_equal(tpm_name_bytes(&there.name), ak_name(ak)))
        return true;
    *ret = PLACE_OURS;
    let_go(ak);
    ak->object = ak->handle = handle;
    return true;
}

/* A TPM without room for one more persistent key still has a usable transient one. *ret_taken: something lies there after all (2.9 NV_DEFINED). */
static bool persist(struct ak *ak, uint32_t handle, bool *ret_taken, struct failure *why)
{
    struct tpm_response r;

    if (!tpm_try(ak->tpm, request_evict_control(tpm_out(ak->tpm), ak->object, handle), &r, why))
        return false;
    *ret_taken = tpm_rc_own(r.rc) == TPM_RC_NV_DEFINED;
    ak->lacks_password = tpm_wants_password(r.rc);
    if (r.rc != TPM_RC_SUCCESS)
        return true;
    let_go(ak);
    ak->object = ak->handle = handle;
    return true;
}

/* Puts the transient key that we hold where it belongs, or finds it there. */
static bool settle(struct ak *ak, const struct ak_options *options, struct failure *why)
{
    const uint32_t handles[] = { options->handle ? options->handle : (uint32_t)AK_HANDLE,
                                 options->handle_fallback ? options->handle_fallback : (uint32_t)AK_HANDLE_FALLBACK };

    for (size_t i = 0; i < ARRAY_LEN(handles); i++) {
        enum place place;
        bool taken = false;

        if (!try_place(ak, handles[i], &place, why))
            return false;
        if (place == PLACE_FREE && !options->look_only) {
            if (!persist(ak, handles[i], &taken, why) || (taken && !try_place(ak, handles[i], &place, why)))
                return false;
        }
        if (place == PLACE_OURS)
            return true;
        if (place == PLACE_FREE && !taken) {
            ak->made_anew = true;
            return true;
        }
        ak->taken = true;
    }
    return true;
}

static bool is_recorded(const struct ak *ak, const struct ak_record *record)
{
    return bytes_equal(ak_name(ak), tpm_name_bytes(&record->name));
}

static bool find_recorded(struct ak *ak, const struct ak_record *record, bool *ret_found, struct failure *why)
{
    *ret_found = false;
    if (!record->known || !record->handle)
        return true;
    if (!look_at(ak, record->handle, ret_found, why))
        return false;
    if (*ret_found && !is_recorded(ak, record))
        return failure_set(why, FAILURE_AK_REPLACED,
                           "another key lies at 0x%08X where the enrolled one was; run `trueboot-agent enroll --reset` if that is right",
                           (unsigned)record->handle);
    return true;
}

/* A key that cannot be persistent is made once in a boot: a TPM may take minutes for it. What does not load is of another boot, or of another TPM. */
static bool load_context(struct ak *ak, const struct ak_options *options, const struct ak_record *record, bool *ret_loaded,
                         struct failure *why)
{
    struct tpm_response r;

    *ret_loaded = false;
    if (!options->context.len || !record->known || record->handle || !request_context_load(tpm_out(ak->tpm), options->context))
        return true;
    if (!tpm_try(ak->tpm, true, &r, why))
        return false;
    if (r.rc != TPM_RC_SUCCESS)
        return true;
    ak->object = r.handle;
    ak->transient = true;
    if (!tpm_read_public(ak->tpm, ak->object, ret_loaded, &ak->known, why))
        return false;
    *ret_loaded = *ret_loaded && is_recorded(ak, record);
    if (*ret_loaded) {
        write_bytes(&ak->context, options->context);
        return learn_key(ak, why);
    }
    let_go(ak);
    return true;
}

/* One that does not save it is one that makes the key each time. */
static bool save_context(struct ak *ak, struct failure *why)
{
    struct tpm_response r;
    struct bytes context;
    struct err ignored;

    if (!tpm_try(ak->tpm, request_context_save(tpm_out(ak->tpm), ak->object), &r, why))
        return false;
    if (r.rc == TPM_RC_SUCCESS && answer_context_save(r.parameters, &context, &ignored))
        write_bytes(&ak->context, context);
    return true;
}

static bool open_own(struct ak *ak, const struct ak_options *options, const struct ak_record *record, struct failure *why)
{
    bool found;

    if (!find_recorded(ak, record, &found, why))
        return false;
    if (!found && !load_context(ak, options, record, &found, why))
        return false;
    if (found)
        return true;
    if (!create(ak, why))
        return false;
    if (record->known && !is_recorded(ak, record))
        return failure_set(why, FAILURE_SEED_CHANGED,
                           "this TPM makes another attestation key than the enrolled one: it was made anew or cleared of its seed");
    return settle(ak, options, why) && (!ak->transient || options->look_only || save_context(ak, why));
}

static uint32_t first_handle(const struct ak_options *options) { return options->handle ? options->handle : AK_HANDLE; }

static bool read_platform_cert(struct tpm_device *tpm, struct arena *a, struct bytes *ret, struct cert **ret_cert, struct failure *why)
{
    struct err err = ERR_INIT;

    *ret_cert = NULL;
    if (!ak_certificate_read(tpm, a, ret, why))
        return false;
    if (ret->len && !cert_parse(*ret, ret_cert, &err))
        *ret_cert = NULL;
    return true;
}

/* Another key than before. Without a certificate of it, the platform is at work, and one will come (9.4 PLATFORM_REKEY); with one, or in
 * any other case, it is for an operator to say that this is right. */
static bool another_platform_key(struct ak *ak, struct failure *why)
{
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct arena a CLEANUP(arena_done) = { 0 };
    struct bytes der;

    if (!read_platform_cert(ak->tpm, &a, &der, &cert, why))
        return false;
    if (!cert || ak_cert_is_placeholder(cert))
        return failure_set(why, FAILURE_PLATFORM_REKEY, "another key lies at 0x%08X than before, and its certificate is not there yet",
                           ak->handle);
    return failure_set(why, FAILURE_AK_REPLACED, "another key lies at 0x%08X than before", ak->handle);
}

/* Never made, evicted or replaced by us: the platform provisions it. */
static bool open_platforms(struct ak *ak, const struct ak_options *options, const struct ak_record *record, struct failure *why)
{
    bool found;

    if (!look_at(ak, first_handle(options), &found, why))
        return false;
    if (!found)
        return failure_set(why, FAILURE_AK_MISSING,
                           "there is no key at 0x%08X: the platform has not provisioned the attestation key, or it was evicted",
                           first_handle(options));
    if (record->known && ak_profile_is_platform(record->profile) && !is_recorded(ak, record))
        return another_platform_key(ak, why);
    return true;
}

/* Published issuers of Trusted Launch certificates (2.2). */
static bool issued_by_platform(const struct cert *cert, const char *issuers)
{
    struct bytes list = bytes_of_string(issuers ? issuers : "Azure Cloud Virtual TPM CA;Global Virtual TPM CA;AME Infra CA");
    struct arena a CLEANUP(arena_done) = { 0 };
    const char *name = name_text(&a, cert->issuer);

    while (name && list.len) {
        size_t end = bytes_find(list, BYTES_LIT(";"));
        struct bytes one = bytes_trim(bytes_slice(list, 0, end == SIZE_MAX ? list.len : end));

        if (one.len && bytes_find(bytes_of_string(name), one) != SIZE_MAX)
            return true;
        list = bytes_slice(list, end == SIZE_MAX ? list.len : end + 1, list.len);
    }
    return false;
}

static bool choose_profile(struct ak *ak, const struct ak_options *options, const struct ak_record *record, struct failure *why)
{
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct arena a CLEANUP(arena_done) = { 0 };
    struct bytes der;
    bool found;

    ak->profile = options->profile;
    ak->asked = options->profile != AK_PROFILE_AUTO;
    if (ak->asked)
        return true;
    ak->profile = AK_PROFILE_SELFHOSTED;
    if (record->known && !record->asked) { /* settled when it was enrolled */
        ak->profile = record->profile == AK_PROFILE_AUTO ? AK_PROFILE_SELFHOSTED : record->profile;
        return true;
    }
    if (!read_platform_cert(ak->tpm, &a, &der, &cert, why))
        return false;
    if (!cert || !cert->key || !issued_by_platform(cert, options->platform_issuers))
        return true;
    if (!look_at(ak, first_handle(options), &found, why))
        return false;
    if (found && ak->key && pubkey_equal(cert->key, ak->key))
        ak->profile = AK_PROFILE_AZURE;
    let_go(ak);
    return true;
}

bool ak_open(struct tpm_device *tpm, const struct ak_options *options, const struct ak_record *record, struct ak **ret, struct failure *why)
{
    struct ak *ak CLEANUP(ak_close_at) = calloc(1, sizeof *ak);

    if (!ak)
        return failure_set(why, FAILURE_NO_MEMORY, "out of memory");
    ak->tpm = tpm;
    ak->rotation = record->known ? record->rotation : 0;
    ak->type = record->known ? record->type : options->type;
    if (!choose_profile(ak, options, record, why))
        return false;
    if (ak_profile_is_platform(ak->profile) ? !open_platforms(ak, options, record, why) : !open_own(ak, options, record, why))
        return false;
    if (!acceptable(ak, why))
        return false;
    *ret = TAKE(ak);
    return true;
}

bool ak_check(const struct ak *ak, struct failure *why)
{
    struct tpm_object now;
    bool found;

    if (!tpm_read_public(ak->tpm, ak->object, &found, &now, why))
        return false;
    if (!found || !bytes_equal(tpm_name_bytes(&now.name), ak_name(ak)))
        return failure_set(why, FAILURE_AK_REPLACED, "the attestation key at 0x%08X was %s while we were using it", ak->object,
                           found ? "replaced" : "evicted");
    return true;
}

void ak_close(struct ak *ak)
{
    if (!ak)
        return;
    let_go(ak);
    pubkey_free(ak->key);
    writer_done(&ak->context);
    free(ak);
}

void ak_close_at(struct ak **ak) { ak_close(*ak); }

const struct tpm_public *ak_public(const struct ak *ak) { return &ak->known.pub; }

struct bytes ak_public_2b(const struct ak *ak) { return (struct bytes){ ak->known.encoded, ak->known.encoded_len }; }

struct bytes ak_name(const struct ak *ak) { return tpm_name_bytes(&ak->known.name); }

const struct pubkey *ak_key(const struct ak *ak) { return ak->key; }

void ak_remember(const struct ak *ak, struct ak_record *ret)
{
    *ret = (struct ak_record){ .known = true,
                               .profile = ak->profile,
                               .asked = ak->asked,
                               .type = ak->type,
                               .rotation = ak->rotation,
                               .handle = ak->handle,
                               .name = ak->known.name };
}

bool ak_handle_is_taken(const struct ak *ak) { return ak->taken; }

bool ak_was_made_anew(const struct ak *ak) { return ak->made_anew; }

bool ak_lacks_password(const struct ak *ak) { return ak->lacks_password && ak->transient; }

struct bytes ak_context(const struct ak *ak) { return writer_ok(&ak->context) ? writer_bytes(&ak->context) : BYTES_NONE; }

enum ak_profile ak_profile(const struct ak *ak) { return ak->profile; }

enum ak_type ak_type(const struct ak *ak) { return ak->type; }

uint32_t ak_handle(const struct ak *ak) { return ak->object; }

bool ak_certificate_read(struct tpm_device *tpm, struct arena *a, struct bytes *ret, struct failure *why)
{
    struct err err = ERR_INIT;
    struct bytes padded;
    bool present;

    *ret = BYTES_NONE;
    if (!tpm_nv_read(tpm, AK_CERT_NV, LIMIT_CERT_BYTES, a, &present, &padded, why))
        return false;
    if (present && !cert_trim(padded, ret, &err))
        *ret = BYTES_NONE;
    return true;
}

bool ak_certificate_publish(struct tpm_device *tpm, struct bytes der, struct failure *why)
{
    return tpm_nv_store(tpm, AK_CERT_NV, der, why);
}

bool ak_certificate_fits(const struct ak *ak, struct bytes der, char ret_vm_id[static 37], int64_t *ret_not_before_ms,
                         int64_t *ret_not_after_ms, struct failure *why)
{
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct err err = ERR_INIT;

    if (!cert_parse(der, &cert, &err))
        return failure_from(why, FAILURE_NOT_ENROLLED, &err);
    if (!cert->key || !pubkey_equal(cert->key, ak->key))
        return failure_set(why, FAILURE_AK_REPLACED, "the certificate is of another key than the attestation key");
    if (!ak_cert_check(cert, &err) || !ak_cert_vm_uuid(cert, ret_vm_id, &err))
        return failure_from(why, FAILURE_NOT_ENROLLED, &err);
    *ret_not_before_ms = cert->not_before_ms;
    *ret_not_after_ms = cert->not_after_ms;
    return true;
}

bool ak_platform_certificate(const struct ak *ak, struct arena *a, struct bytes *ret_der, int64_t *ret_not_before_ms,
                             int64_t *ret_not_after_ms, struct failure *why)
{
    struct cert *cert CLEANUP(cert_free_at) = NULL;

    if (!read_platform_cert(ak->tpm, a, ret_der, &cert, why))
        return false;
    if (!cert)
        return failure_set(why, FAILURE_AK_CERT_PENDING, "NV 0x%08X holds no certificate: the platform has not issued it yet", AK_CERT_NV);
    if (ak_cert_is_placeholder(cert))
        return failure_set(why, FAILURE_AK_CERT_PENDING, "NV 0x%08X holds the platform's placeholder: the certificate is not issued yet",
                           AK_CERT_NV);
    if (!cert->key || !pubkey_equal(cert->key, ak->key))
        return failure_set(why, FAILURE_AK_REPLACED, "the certificate in NV 0x%08X is of another key than the attestation key", AK_CERT_NV);
    *ret_not_before_ms = cert->not_before_ms;
    *ret_not_after_ms = cert->not_after_ms;
    return true;
}

static bool evict(struct ak *ak, struct failure *why)
{
    if (ak->transient || !ak->handle)
        return true;
    return tpm_call(ak->tpm, request_evict_control(tpm_out(ak->tpm), ak->object, ak->handle), "TPM2_EvictControl", NULL, why) ||
           tpm_name_password(why, FAILURE_OWNER_PASSWORD);
}

bool ak_forget(struct tpm_device *tpm, const struct ak_options *options, const struct ak_record *record, struct failure *why)
{
    struct ak *ak CLEANUP(ak_close_at) = NULL;
    struct arena a CLEANUP(arena_done) = { 0 };
    int64_t not_before_ms, not_after_ms;
    char vm_id[37];
    struct bytes der;
    struct failure other;

    if (!ak_open(tpm, options, record, &ak, why) || !ak_certificate_read(tpm, &a, &der, why))
        return false;
    if (ak_profile_is_platform(ak->profile))
        return true; /* the platform's, not ours to remove */
    if (der.len && ak_certificate_fits(ak, der, vm_id, &not_before_ms, &not_after_ms, &other) && !tpm_nv_remove(tpm, AK_CERT_NV, why))
        return false;
    return evict(ak, why);
}

int64_t ak_certificate_due_ms(int64_t from_ms, int64_t until_ms)
{
    const int64_t month_ms = INT64_C(30) * 24 * 3600 * 1000;
    int64_t two_thirds = from_ms + (until_ms - from_ms) / 3 * 2;

    return until_ms - from_ms > 2 * month_ms && until_ms - month_ms < two_thirds ? until_ms - month_ms : two_thirds;
}

bool ak_certificate_is_due(int64_t from_ms, int64_t until_ms, int64_t now_ms) { return now_ms > ak_certificate_due_ms(from_ms, until_ms); }
