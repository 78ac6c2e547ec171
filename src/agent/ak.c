#include "agent/ak.h"
#include <stdlib.h>
#include "base/limits.h"
#include "tpm/key_profile.h"
#include "tpm/key_template.h"
#include "x509/ak_cert.h"

struct ak {
    struct tpm_device *tpm;
    uint32_t object; /* transient or persistent handle; 0: none yet */
    bool transient;
    bool taken, made_anew;
    uint32_t rotation, handle; /* handle 0: not persistent */
    struct tpm_object known;
    struct pubkey *key;
};

static bool learn_key(struct ak *ak, struct failure *why)
{
    struct err err = ERR_INIT;

    pubkey_free(ak->key);
    ak->key = NULL;
    return tpm_public_key(&ak->known.pub, &ak->key, &err) ? true : failure_from(why, FAILURE_AK_REPLACED, &err);
}

/* 2.3, checks 1 to 3. */
static bool acceptable(const struct ak *ak, struct failure *why)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct findings list = { .arena = &a };

    if (ak->known.pub.type != TPM_ALG_RSA || !digest_is_strong(ak->known.pub.name_algorithm))
        return failure_set(why, FAILURE_AK_REPLACED, "the key is not an RSA key named with SHA-256");
    if (!key_profile_check(KEY_PROFILE_AK, &ak->known.pub, FINDING_AK_ATTRIBUTES, &list))
        return failure_set(why, FAILURE_AK_REPLACED, "%s", list.n ? list.items[0].text : "the key may do what an attestation key must not");
    if (ak->known.pub.scheme.algorithm != TPM_ALG_RSASSA || ak->known.pub.scheme.hash != digest_tpm_id(DIGEST_SHA256))
        return failure_set(why, FAILURE_AK_REPLACED, "the key's scheme is not RSASSA with SHA-256");
    return true;
}

static bool create(struct ak *ak, struct failure *why)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct tpm_public template;
    struct err err = ERR_INIT;

    if (!ak_template(&a, ak->rotation, &template, &err))
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

/* A TPM without room for one more persistent key still has a usable transient one. */
static bool persist(struct ak *ak, uint32_t handle, struct failure *why)
{
    struct tpm_response r;

    if (!tpm_try(ak->tpm, request_evict_control(tpm_out(ak->tpm), ak->object, handle), &r, why))
        return false;
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

        if (!try_place(ak, handles[i], &place, why))
            return false;
        if (place == PLACE_OURS)
            return true;
        if (place == PLACE_FREE) {
            ak->made_anew = true;
            return options->look_only || persist(ak, handles[i], why);
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

bool ak_open(struct tpm_device *tpm, const struct ak_options *options, const struct ak_record *record, struct ak **ret, struct failure *why)
{
    struct ak *ak CLEANUP(ak_close_at) = calloc(1, sizeof *ak);
    bool found;

    if (!ak)
        return failure_set(why, FAILURE_NO_MEMORY, "out of memory");
    ak->tpm = tpm;
    ak->rotation = record->known ? record->rotation : 0;
    if (!find_recorded(ak, record, &found, why))
        return false;
    if (!found) {
        if (!create(ak, why))
            return false;
        if (record->known && !is_recorded(ak, record))
            return failure_set(why, FAILURE_SEED_CHANGED,
                               "this TPM makes another attestation key than the enrolled one: it was made anew or cleared of its seed");
        if (!settle(ak, options, why))
            return false;
    }
    if (!acceptable(ak, why))
        return false;
    *ret = TAKE(ak);
    return true;
}

void ak_close(struct ak *ak)
{
    if (!ak)
        return;
    let_go(ak);
    pubkey_free(ak->key);
    free(ak);
}

void ak_close_at(struct ak **ak) { ak_close(*ak); }

const struct tpm_public *ak_public(const struct ak *ak) { return &ak->known.pub; }

struct bytes ak_public_2b(const struct ak *ak) { return (struct bytes){ ak->known.encoded, ak->known.encoded_len }; }

struct bytes ak_name(const struct ak *ak) { return tpm_name_bytes(&ak->known.name); }

const struct pubkey *ak_key(const struct ak *ak) { return ak->key; }

void ak_remember(const struct ak *ak, struct ak_record *ret)
{
    *ret = (struct ak_record){ .known = true, .rotation = ak->rotation, .handle = ak->handle, .name = ak->known.name };
}

bool ak_handle_is_taken(const struct ak *ak) { return ak->taken; }

bool ak_was_made_anew(const struct ak *ak) { return ak->made_anew; }

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

static bool evict(struct ak *ak, struct failure *why)
{
    if (ak->transient || !ak->handle)
        return true;
    return tpm_call(ak->tpm, request_evict_control(tpm_out(ak->tpm), ak->object, ak->handle), "TPM2_EvictControl", NULL, why);
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
    if (der.len && ak_certificate_fits(ak, der, vm_id, &not_before_ms, &not_after_ms, &other) && !tpm_nv_remove(tpm, AK_CERT_NV, why))
        return false;
    return evict(ak, why);
}
