#include <stdlib.h>
#include "agent/tpm_esys.h"

enum { NV_CHUNK_MAX = 512 /* every TPM moves that much at once */ };

static const TPMA_NV our_attributes = TPMA_NV_OWNERREAD | TPMA_NV_OWNERWRITE | TPMA_NV_AUTHREAD | TPMA_NV_AUTHWRITE | TPMA_NV_NO_DA;

static bool nv_public(struct tpm_device *tpm, ESYS_TR index, TPMS_NV_PUBLIC *ret, struct failure *why)
{
    TPM2B_NV_PUBLIC *pub TPM_FREE = NULL;
    TPM2B_NAME *name TPM_FREE = NULL;
    TSS2_RC rc = TPM_CALL(Esys_NV_ReadPublic(tpm->esys, index, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &pub, &name));

    if (rc != TSS2_RC_SUCCESS)
        return tpm_refused(why, "TPM2_NV_ReadPublic", rc);
    *ret = pub->nvPublic;
    return true;
}

static TSS2_RC read_chunk(struct tpm_device *tpm, ESYS_TR auth, ESYS_TR index, size_t offset, size_t len, uint8_t *out)
{
    TPM2B_MAX_NV_BUFFER *data TPM_FREE = NULL;
    TSS2_RC rc = TPM_CALL(
        Esys_NV_Read(tpm->esys, auth, index, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, (uint16_t)len, (uint16_t)offset, &data));

    if (rc != TSS2_RC_SUCCESS)
        return rc;
    if (data->size != len)
        return TSS2_ESYS_RC_MALFORMED_RESPONSE;
    memcpy(out, data->buffer, len);
    return rc;
}

static bool auth_refused(TSS2_RC rc)
{
    uint32_t own = tpm_own_rc(rc);

    return own == TPM2_RC_NV_AUTHORIZATION || own == TPM2_RC_NV_LOCKED;
}

static bool nv_read(struct tpm_device *tpm, ESYS_TR index, size_t limit, struct arena *a, bool *ret_present, struct bytes *ret,
                    struct failure *why)
{
    TPMS_NV_PUBLIC pub;
    ESYS_TR auth = ESYS_TR_RH_OWNER;
    uint8_t *out;

    if (!nv_public(tpm, index, &pub, why))
        return false;
    if (!(pub.attributes & TPMA_NV_WRITTEN))
        return true;
    if (pub.dataSize > limit)
        return failure_set(why, FAILURE_TPM_REFUSED, "NV index 0x%08X holds %u bytes, more than %zu", (unsigned)pub.nvIndex, pub.dataSize,
                           limit);
    out = arena_alloc(a, pub.dataSize);
    if (!out)
        return failure_set(why, FAILURE_NO_MEMORY, "out of memory");
    for (size_t at = 0; at < pub.dataSize;) {
        size_t len = pub.dataSize - at < NV_CHUNK_MAX ? pub.dataSize - at : NV_CHUNK_MAX;
        TSS2_RC rc = read_chunk(tpm, auth, index, at, len, out + at);

        if (auth_refused(rc) && auth == ESYS_TR_RH_OWNER) {
            auth = index;
            continue;
        }
        if (rc != TSS2_RC_SUCCESS)
            return tpm_refused(why, "TPM2_NV_Read", rc);
        at += len;
    }
    *ret_present = true;
    *ret = (struct bytes){ out, pub.dataSize };
    return true;
}

bool tpm_nv_read(struct tpm_device *tpm, uint32_t index, size_t limit, struct arena *a, bool *ret_present, struct bytes *ret,
                 struct failure *why)
{
    ESYS_TR object;
    bool done;

    *ret_present = false;
    if (!tpm_find(tpm, index, &object, why))
        return false;
    if (object == ESYS_TR_NONE)
        return true;
    done = nv_read(tpm, object, limit, a, ret_present, ret, why);
    tpm_forget(tpm, &object);
    return done;
}

static bool define(struct tpm_device *tpm, uint32_t index, size_t len, ESYS_TR *ret, struct failure *why)
{
    static const TPM2B_AUTH empty = { 0 };
    TPM2B_NV_PUBLIC pub = { .nvPublic = {
                                .nvIndex = index, .nameAlg = TPM2_ALG_SHA256, .attributes = our_attributes, .dataSize = (uint16_t)len } };
    TSS2_RC rc =
        TPM_CALL(Esys_NV_DefineSpace(tpm->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &empty, &pub, ret));

    return rc == TSS2_RC_SUCCESS ? true : tpm_refused(why, "TPM2_NV_DefineSpace", rc);
}

static bool undefine(struct tpm_device *tpm, ESYS_TR index, struct failure *why)
{
    TSS2_RC rc = TPM_CALL(Esys_NV_UndefineSpace(tpm->esys, ESYS_TR_RH_OWNER, index, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE));

    return rc == TSS2_RC_SUCCESS ? true : tpm_refused(why, "TPM2_NV_UndefineSpace", rc);
}

/* An index that the platform made, or another program with other rights, stays as it is. */
static bool make_room(struct tpm_device *tpm, uint32_t index, size_t len, ESYS_TR *object, struct failure *why)
{
    TPMS_NV_PUBLIC pub;

    if (*object == ESYS_TR_NONE)
        return define(tpm, index, len, object, why);
    if (!nv_public(tpm, *object, &pub, why))
        return false;
    if ((pub.attributes & ~(TPMA_NV)TPMA_NV_WRITTEN) != our_attributes)
        return failure_set(why, FAILURE_TPM_REFUSED, "NV index 0x%08X belongs to something else", (unsigned)index);
    if (pub.dataSize == len)
        return true;
    if (!undefine(tpm, *object, why))
        return false;
    *object = ESYS_TR_NONE;
    return define(tpm, index, len, object, why);
}

bool tpm_nv_store(struct tpm_device *tpm, uint32_t index, struct bytes content, struct failure *why)
{
    ESYS_TR object;
    bool done;

    if (content.len > UINT16_MAX)
        return failure_set(why, FAILURE_TPM_REFUSED, "%zu bytes do not fit into an NV index", content.len);
    if (!tpm_find(tpm, index, &object, why))
        return false;
    done = make_room(tpm, index, content.len, &object, why);
    for (size_t at = 0; done && at < content.len; at += NV_CHUNK_MAX) {
        struct bytes part = bytes_slice(content, at, NV_CHUNK_MAX);
        TPM2B_MAX_NV_BUFFER data = { .size = (uint16_t)part.len };
        TSS2_RC rc;

        memcpy(data.buffer, part.data, part.len);
        rc =
            TPM_CALL(Esys_NV_Write(tpm->esys, ESYS_TR_RH_OWNER, object, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &data, (uint16_t)at));
        done = rc == TSS2_RC_SUCCESS ? true : tpm_refused(why, "TPM2_NV_Write", rc);
    }
    tpm_forget(tpm, &object);
    return done;
}

bool tpm_nv_remove(struct tpm_device *tpm, uint32_t index, struct failure *why)
{
    ESYS_TR object;
    bool done;

    if (!tpm_find(tpm, index, &object, why))
        return false;
    if (object == ESYS_TR_NONE)
        return true;
    done = undefine(tpm, object, why);
    if (!done)
        tpm_forget(tpm, &object);
    return done;
}
