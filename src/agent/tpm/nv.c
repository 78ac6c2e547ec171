#include "agent/tpm/device.h"

enum {
    NV_CHUNK_MAX = 512, /* every TPM moves that much at once */
    OUR_ATTRIBUTES = NV_OWNERREAD | NV_OWNERWRITE | NV_AUTHREAD | NV_AUTHWRITE | NV_NO_DA,
};

bool tpm_nv_find(struct tpm_device *tpm, uint32_t index, bool *ret_found, struct nv_public *ret, struct failure *why)
{
    static const char what[] = "TPM2_NV_ReadPublic";
    struct tpm_response r;
    struct err err = ERR_INIT;

    *ret_found = false;
    if (!tpm_try(tpm, request_nv_read_public(tpm_out(tpm), index), &r, why))
        return false;
    if (tpm_rc_base(r.rc) == TPM_RC_HANDLE)
        return true;
    if (r.rc != TPM_RC_SUCCESS)
        return tpm_refused(why, what, r.rc);
    if (!answer_nv_read_public(r.parameters, ret, &err))
        return tpm_garbled(why, what, &err);
    ret->policy = BYTES_NONE; /* a view into the answer, which goes away */
    return *ret_found = true;
}

/* Beside the codes of 2.9 those of an owner hierarchy that is switched off, or that somebody gave a password. */
static bool auth_refused(uint32_t rc)
{
    uint32_t own = tpm_rc_own(rc), base = tpm_rc_base(rc);

    return own == TPM_RC_NV_AUTHORIZATION || own == TPM_RC_NV_LOCKED || base == TPM_RC_HIERARCHY || tpm_wants_password(rc);
}

static bool copy_chunk(const struct tpm_response *r, uint8_t *out, size_t len, struct failure *why)
{
    struct err err = ERR_INIT;
    struct bytes data;

    if (!answer_2b(r->parameters, &data, &err))
        return tpm_garbled(why, "TPM2_NV_Read", &err);
    if (data.len != len)
        return failure_set(why, FAILURE_TPM_UNUSABLE, "TPM2_NV_Read: %zu bytes instead of %zu", data.len, len);
    memcpy(out, data.data, len);
    return true;
}

/* *ret_written turns false when the index proves to be empty after all, is gone by now, or is not for us to read: neither the owner's authorisation nor its
 * own serves (2.9). */
static bool read_content(struct tpm_device *tpm, const struct nv_public *pub, uint8_t *out, bool *ret_written, struct failure *why)
{
    uint32_t authority = TPM_RH_OWNER;

    for (size_t at = 0; at < pub->size;) {
        size_t len = pub->size - at < NV_CHUNK_MAX ? pub->size - at : NV_CHUNK_MAX;
        struct tpm_response r;

        if (!tpm_try(tpm, request_nv_read(tpm_out(tpm), authority, pub->index, (uint16_t)at, (uint16_t)len), &r, why))
            return false;
        if (auth_refused(r.rc) && authority == TPM_RH_OWNER) {
            authority = pub->index;
            continue;
        }
        *ret_written = tpm_rc_own(r.rc) != TPM_RC_NV_UNINITIALIZED && tpm_rc_base(r.rc) != TPM_RC_HANDLE && !auth_refused(r.rc);
        if (!*ret_written)
            return true;
        if (r.rc != TPM_RC_SUCCESS)
            return tpm_refused(why, "TPM2_NV_Read", r.rc);
        if (!copy_chunk(&r, out + at, len, why))
            return false;
        at += len;
    }
    return true;
}

bool tpm_nv_read(struct tpm_device *tpm, uint32_t index, size_t limit, struct arena *a, bool *ret_present, struct bytes *ret,
                 struct failure *why)
{
    struct nv_public pub;
    bool found, written = true;
    uint8_t *out;

    *ret_present = false;
    if (!tpm_nv_find(tpm, index, &found, &pub, why))
        return false;
    if (!found || !(pub.attributes & NV_WRITTEN))
        return true;
    if (pub.size > limit)
        return failure_set(why, FAILURE_TPM_REFUSED, "NV index 0x%08X holds %u bytes, more than %zu", index, pub.size, limit);
    pub.index = index; /* what was asked for, whatever the answer says */
    out = arena_alloc(a, pub.size);
    if (!out)
        return failure_set(why, FAILURE_NO_MEMORY, "out of memory");
    if (!read_content(tpm, &pub, out, &written, why))
        return false;
    *ret_present = written;
    *ret = (struct bytes){ out, pub.size };
    return true;
}

/* 2.9: no TPM takes an index of any size, and none has room without end. */
static bool is_too_large(uint32_t rc)
{
    uint32_t own = tpm_rc_own(rc);

    return own == (TPM_RC_SIZE | TPM_RC_P(2)) || own == TPM_RC_NV_SPACE;
}

static bool define(struct tpm_device *tpm, uint32_t index, size_t len, struct failure *why)
{
    const struct nv_public pub = { .index = index, .name_algorithm = DIGEST_SHA256, .attributes = OUR_ATTRIBUTES, .size = (uint16_t)len };

    if (tpm_call(tpm, request_nv_define(tpm_out(tpm), &pub), "TPM2_NV_DefineSpace", NULL, why))
        return true;
    if (is_too_large(why->tpm_rc))
        why->id = FAILURE_NV_TOO_SMALL;
    return tpm_name_password(why, FAILURE_OWNER_PASSWORD);
}

/* What lies where ours should is compared, and never overwritten (2.9 NV_DEFINED). *ret_same: it is the same, whoever wrote it. */
static bool holds(struct tpm_device *tpm, uint32_t index, struct bytes content, bool *ret_same, struct failure *why)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct bytes there = BYTES_NONE;
    bool present;

    if (!tpm_nv_read(tpm, index, UINT16_MAX, &a, &present, &there, why))
        return false;
    *ret_same = present && bytes_equal(there, content);
    return true;
}

static bool undefine(struct tpm_device *tpm, uint32_t index, struct failure *why)
{
    return tpm_call(tpm, request_nv_undefine(tpm_out(tpm), index), "TPM2_NV_UndefineSpace", NULL, why) ||
           tpm_name_password(why, FAILURE_OWNER_PASSWORD);
}

/* An index that the platform made, or another program with other rights, stays as it is. *ret_same: and it already holds `content`. */
static bool make_room(struct tpm_device *tpm, uint32_t index, struct bytes content, bool *ret_same, struct failure *why)
{
    struct nv_public pub;
    bool found;

    *ret_same = false;
    if (!tpm_nv_find(tpm, index, &found, &pub, why))
        return false;
    if (found && (pub.attributes & ~(uint32_t)NV_WRITTEN) == OUR_ATTRIBUTES)
        return pub.size == content.len ? holds(tpm, index, content, ret_same, why) /* writing wears it out */
                                       : undefine(tpm, index, why) && define(tpm, index, content.len, why);
    if (!found && define(tpm, index, content.len, why))
        return true;
    if (!found && tpm_rc_own(why->tpm_rc) != TPM_RC_NV_DEFINED)
        return false;
    if (!holds(tpm, index, content, ret_same, why))
        return false;
    return *ret_same ? true : failure_set(why, FAILURE_TPM_REFUSED, "NV index 0x%08X belongs to something else", index);
}

bool tpm_nv_store(struct tpm_device *tpm, uint32_t index, struct bytes content, struct failure *why)
{
    bool same;

    if (content.len > UINT16_MAX)
        return failure_set(why, FAILURE_TPM_REFUSED, "%zu bytes do not fit into an NV index", content.len);
    if (!make_room(tpm, index, content, &same, why))
        return false;
    for (size_t at = 0; !same && at < content.len; at += NV_CHUNK_MAX)
        if (!tpm_call(tpm, request_nv_write(tpm_out(tpm), index, (uint16_t)at, bytes_slice(content, at, NV_CHUNK_MAX)), "TPM2_NV_Write",
                      NULL, why))
            return tpm_name_password(why, FAILURE_OWNER_PASSWORD);
    return true;
}

bool tpm_nv_remove(struct tpm_device *tpm, uint32_t index, struct failure *why)
{
    struct nv_public pub;
    bool found;

    return tpm_nv_find(tpm, index, &found, &pub, why) && (!found || undefine(tpm, index, why));
}
