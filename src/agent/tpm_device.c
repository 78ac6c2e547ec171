#include "agent/tpm_device.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_tcti_device.h>
#include <tss2/tss2_tctildr.h>
#include <unistd.h>
#include "agent/tpm_esys.h"
#include "base/file.h"

/* 2.9. Format-one codes are written as they come when the first handle, parameter or session is at fault. */
static const struct {
    uint32_t rc;
    enum failure_id failure;
} rc_failures[] = {
    /* clang-format off */
    { TPM2_RC_INITIALIZE, FAILURE_TPM_UNUSABLE },
    { TPM2_RC_FAILURE, FAILURE_TPM_UNUSABLE },
    { TPM2_RC_DISABLED, FAILURE_EH_DISABLED },
    { TPM2_RC_HIERARCHY, FAILURE_EH_DISABLED },
    { TPM2_RC_HIERARCHY | TPM2_RC_1, FAILURE_EH_DISABLED },
    { TPM2_RC_INTEGRITY | TPM2_RC_P | TPM2_RC_1, FAILURE_ACTIVATE_FAIL },
    { TPM2_RC_POLICY_FAIL | TPM2_RC_S | TPM2_RC_1, FAILURE_ACTIVATE_FAIL },
    { TPM2_RC_VALUE | TPM2_RC_P | TPM2_RC_2, FAILURE_ACTIVATE_FAIL },
    { TPM2_RC_OBJECT_MEMORY, FAILURE_TPM_MEMORY },
    { TPM2_RC_SESSION_MEMORY, FAILURE_TPM_MEMORY },
    { TPM2_RC_MEMORY, FAILURE_TPM_MEMORY },
    { TPM2_RC_SESSION_HANDLES, FAILURE_TPM_MEMORY },
    { TPM2_RC_OBJECT_HANDLES, FAILURE_TPM_MEMORY },
}; /* clang-format on */

uint32_t tpm_own_rc(TSS2_RC rc)
{
    uint32_t layer = rc & TSS2_RC_LAYER_MASK;

    /* The kernel's and other resource managers pass the TPM's codes on under their own layer. */
    return layer == TSS2_TPM_RC_LAYER || layer == TSS2_RESMGR_TPM_RC_LAYER ? rc & ~(uint32_t)TSS2_RC_LAYER_MASK : 0;
}

enum failure_id tpm_rc_failure(uint32_t rc)
{
    uint32_t own = tpm_own_rc(rc);

    if (!own)
        return FAILURE_TPM_UNUSABLE; /* transport trouble: the device went away or does not answer */
    for (size_t i = 0; i < ARRAY_LEN(rc_failures); i++)
        if (rc_failures[i].rc == own)
            return rc_failures[i].failure;
    return FAILURE_TPM_REFUSED;
}

void tpm_rc_text(uint32_t rc, char out[static TPM_RC_TEXT_LEN])
{
    snprintf(out, TPM_RC_TEXT_LEN, "0x%X (%s)", (unsigned)rc, Tss2_RC_Decode(rc));
}

bool tpm_refused(struct failure *why, const char *command, TSS2_RC rc)
{
    char text[TPM_RC_TEXT_LEN];

    tpm_rc_text(rc, text);
    failure_set(why, tpm_rc_failure(rc), "%s: the TPM answers %s", command, text);
    why->tpm_rc = rc;
    return false;
}

bool tpm_pause_before_retry(TSS2_RC rc, unsigned attempt)
{
    static const uint32_t busy[] = { TPM2_RC_INITIALIZE,     TPM2_RC_NV_RATE,         TPM2_RC_NV_UNAVAILABLE, TPM2_RC_OBJECT_MEMORY,
                                     TPM2_RC_SESSION_MEMORY, TPM2_RC_SESSION_HANDLES, TPM2_RC_OBJECT_HANDLES };
    static const unsigned pause_ms[] = { 50, 100, 200, 400, 800 };

    if (rc == TSS2_RC_SUCCESS || attempt >= ARRAY_LEN(pause_ms))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(busy); i++) {
        if (tpm_own_rc(rc) == busy[i]) {
            usleep(pause_ms[attempt] * 1000);
            return true;
        }
    }
    return false;
}

void tpm_free_at(void *pointer) { Esys_Free(*(void **)pointer); }

void tpm_flush(struct tpm_device *tpm, ESYS_TR *object)
{
    if (*object != ESYS_TR_NONE && Esys_FlushContext(tpm->esys, *object) != TSS2_RC_SUCCESS)
        tpm_forget(tpm, object);
    *object = ESYS_TR_NONE;
}

void tpm_forget(struct tpm_device *tpm, ESYS_TR *object)
{
    if (*object != ESYS_TR_NONE)
        (void)Esys_TR_Close(tpm->esys, object);
    *object = ESYS_TR_NONE;
}

bool tpm_find(struct tpm_device *tpm, uint32_t handle, ESYS_TR *ret, struct failure *why)
{
    TSS2_RC rc = TPM_CALL(Esys_TR_FromTPMPublic(tpm->esys, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ret));

    if (rc == TSS2_RC_SUCCESS)
        return true;
    if (tpm_own_rc(rc) != (TPM2_RC_HANDLE | TPM2_RC_1))
        return tpm_refused(why, "reading a public area", rc);
    *ret = ESYS_TR_NONE;
    return true;
}

/* Opening. */

static bool device_refused(const char *path, int error, struct failure *why)
{
    switch (error) {
    case EACCES:
    case EPERM:
        return failure_set(why, FAILURE_TPM_PERM, "%s: no permission; join group tss, or look at SELinux and AppArmor", path);
    case EBUSY:
        return failure_set(why, FAILURE_TPM_BUSY, "%s: another program holds it and there is no /dev/tpmrm0", path);
    default:
        return failure_set(why, FAILURE_TPM_UNUSABLE, "%s: %s", path, strerror(error));
    }
}

/* tcti-device reports every refusal alike, so we ask the system first. */
static bool may_open(const char *path, struct failure *why)
{
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return device_refused(path, errno, why);
    close(fd);
    return true;
}

static bool no_tpm(struct failure *why)
{
    if (file_exists("/sys/firmware/acpi/tables/TPM2"))
        return failure_set(why, FAILURE_NO_TPM, "firmware announces a TPM but there is no device: load tpm_crb or tpm_tis");
    return failure_set(why, FAILURE_NO_TPM, "there is no TPM: enable the vTPM in the VM's definition");
}

static bool is_tpm12(void)
{
    struct bytes version CLEANUP(file_free) = BYTES_NONE;
    struct err err;

    return file_read("/sys/class/tpm/tpm0/tpm_version_major", 16, &version, &err) && version.len && version.data[0] == '1';
}

static bool choose(const char *tcti, char *name, size_t size, struct failure *why)
{
    static const char *const nodes[] = { "/dev/tpmrm0", "/dev/tpm0" };

    if (!tcti || !*tcti)
        tcti = getenv("TCTI");
    if (tcti && *tcti) {
        if ((size_t)snprintf(name, size, "%s", tcti) >= size)
            return failure_set(why, FAILURE_NO_TPM, "the TCTI string is too long");
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(nodes); i++) {
        if (!file_exists(nodes[i]))
            continue;
        snprintf(name, size, "device:%s", nodes[i]);
        return is_tpm12() ? failure_set(why, FAILURE_TPM12, "the TPM is version 1.2; 2.0 is needed") : true;
    }
    return no_tpm(why);
}

/* We link tcti-device, the usual one, directly, so that a small root file system needs no look-up by name; other kinds are loaded. */
static bool open_inner(struct tpm_device *tpm, struct failure *why)
{
    const char *path = strncmp(tpm->name, "device:", 7) == 0 ? tpm->name + 7 : NULL;
    size_t size = 0;
    TSS2_RC rc;

    if (!path) {
        tpm->inner_is_loaded = true;
        rc = Tss2_TctiLdr_Initialize(tpm->name, &tpm->inner);
        return rc == TSS2_RC_SUCCESS ? true
                                     : failure_set(why, FAILURE_TPM_UNUSABLE, "TCTI %s cannot be opened (0x%X)", tpm->name, (unsigned)rc);
    }
    if (!may_open(path, why))
        return false;
    tpm->exclusive = strncmp(path, "/dev/tpmrm", 10) != 0;
    rc = Tss2_Tcti_Device_Init(NULL, &size, path);
    if (rc == TSS2_RC_SUCCESS) {
        tpm->inner = calloc(1, size);
        if (!tpm->inner)
            return failure_set(why, FAILURE_NO_MEMORY, "out of memory");
        rc = Tss2_Tcti_Device_Init(tpm->inner, &size, path);
    }
    if (rc == TSS2_RC_SUCCESS)
        return true;
    free(tpm->inner);
    tpm->inner = NULL;
    return failure_set(why, FAILURE_TPM_UNUSABLE, "%s cannot be opened (0x%X)", path, (unsigned)rc);
}

static void flush_all_of(struct tpm_device *tpm, uint32_t first)
{
    TPMS_CAPABILITY_DATA *data TPM_FREE = NULL;
    TPMI_YES_NO more;

    if (Esys_GetCapability(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_HANDLES, first, TPM2_MAX_CAP_HANDLES, &more,
                           &data) != TSS2_RC_SUCCESS)
        return;
    for (uint32_t i = 0; i < data->data.handles.count; i++) {
        ESYS_TR object = ESYS_TR_NONE;

        if (Esys_TR_FromTPMPublic(tpm->esys, data->data.handles.handle[i], ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &object) ==
            TSS2_RC_SUCCESS)
            tpm_flush(tpm, &object);
    }
}

bool tpm_device_open(const char *tcti, struct tpm_device **ret, struct failure *why)
{
    struct tpm_device *tpm CLEANUP(tpm_device_close_at) = calloc(1, sizeof *tpm);
    TSS2_RC rc;

    if (!tpm)
        return failure_set(why, FAILURE_NO_MEMORY, "out of memory");
    if (!choose(tcti, tpm->name, sizeof tpm->name, why) || !open_inner(tpm, why))
        return false;
    tpm_tcti_init(&tpm->tcti, tpm->inner);
    rc = Esys_Initialize(&tpm->esys, (TSS2_TCTI_CONTEXT *)&tpm->tcti, NULL);
    if (rc != TSS2_RC_SUCCESS)
        return tpm_refused(why, "opening the TPM", rc);
    if (tpm->exclusive) { /* nobody else can be using them (2.1) */
        flush_all_of(tpm, TPM2_TRANSIENT_FIRST);
        flush_all_of(tpm, TPM2_LOADED_SESSION_FIRST);
    }
    *ret = TAKE(tpm);
    return true;
}

void tpm_device_close(struct tpm_device *tpm)
{
    if (!tpm)
        return;
    Esys_Finalize(&tpm->esys);
    if (tpm->inner_is_loaded) {
        Tss2_TctiLdr_Finalize(&tpm->inner);
    } else if (tpm->inner) {
        Tss2_Tcti_Finalize(tpm->inner);
        free(tpm->inner);
    }
    free(tpm);
}

void tpm_device_close_at(struct tpm_device **tpm) { tpm_device_close(*tpm); }

const char *tpm_device_name(const struct tpm_device *tpm) { return tpm->name; }

struct tpm_usage tpm_device_usage(const struct tpm_device *tpm) { return tpm->tcti.usage; }

/* Facts. */

static bool properties(struct tpm_device *tpm, uint32_t first, uint32_t n, struct tpm_facts *facts, struct failure *why)
{
    TPMS_CAPABILITY_DATA *data TPM_FREE = NULL;
    TPMI_YES_NO more;
    TSS2_RC rc =
        TPM_CALL(Esys_GetCapability(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_TPM_PROPERTIES, first, n, &more, &data));

    if (rc != TSS2_RC_SUCCESS)
        return tpm_refused(why, "TPM2_GetCapability", rc);
    for (uint32_t i = 0; i < data->data.tpmProperties.count; i++) {
        const TPMS_TAGGED_PROPERTY *p = &data->data.tpmProperties.tpmProperty[i];

        switch (p->property) {
        case TPM2_PT_MANUFACTURER:
            for (unsigned c = 0; c < 4; c++) {
                char letter = (char)(p->value >> (24 - 8 * c));

                facts->manufacturer[c] = letter >= 0x20 && letter < 0x7f ? letter : 0;
            }
            break;
        case TPM2_PT_FIRMWARE_VERSION_1:
            snprintf(facts->firmware, sizeof facts->firmware, "%u.%u", (unsigned)(p->value >> 16), (unsigned)(p->value & 0xffff));
            break;
        case TPM2_PT_INPUT_BUFFER:
            facts->input_buffer_max = p->value;
            break;
        case TPM2_PT_NV_INDEX_MAX:
            facts->nv_index_max = p->value;
            break;
        case TPM2_PT_NV_BUFFER_MAX:
            facts->nv_buffer_max = p->value;
            break;
        default:
            break;
        }
    }
    return true;
}

static bool banks(struct tpm_device *tpm, struct tpm_facts *facts, struct failure *why)
{
    TPMS_CAPABILITY_DATA *data TPM_FREE = NULL;
    TPMI_YES_NO more;
    TSS2_RC rc = TPM_CALL(
        Esys_GetCapability(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_PCRS, 0, TPM2_MAX_TPM_PROPERTIES, &more, &data));

    if (rc != TSS2_RC_SUCCESS)
        return tpm_refused(why, "TPM2_GetCapability", rc);
    for (uint32_t i = 0; i < data->data.assignedPCR.count; i++) {
        const TPMS_PCR_SELECTION *s = &data->data.assignedPCR.pcrSelections[i];
        enum digest_algorithm algorithm = digest_from_tpm_id(s->hash);

        for (unsigned b = 0; b < s->sizeofSelect && b < 4 && algorithm != DIGEST_NONE && algorithm < ARRAY_LEN(facts->pcr_banks); b++)
            facts->pcr_banks[algorithm] |= (uint32_t)s->pcrSelect[b] << (8 * b);
    }
    return true;
}

bool tpm_facts_read(struct tpm_device *tpm, struct tpm_facts *ret, struct failure *why)
{
    /* Limits that every TPM keeps, should one not say (PC Client Platform TPM Profile). */
    *ret = (struct tpm_facts){ .nv_index_max = 2048, .nv_buffer_max = 512, .input_buffer_max = 1024 };
    return properties(tpm, TPM2_PT_MANUFACTURER, TPM2_PT_NV_BUFFER_MAX - TPM2_PT_MANUFACTURER + 1, ret, why) && banks(tpm, ret, why);
}
