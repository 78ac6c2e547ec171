#include "agent/tpm/facts.h"
#include <stdio.h>
#include "agent/tpm/device.h"

/* PT_FIXED and PT_VAR, Part 2, 6.13. */
enum {
    PT_MANUFACTURER = 0x105,
    PT_FIRMWARE_VERSION_1 = 0x10b,
    PT_INPUT_BUFFER = 0x10d,
    PT_NV_INDEX_MAX = 0x117,
    PT_NV_BUFFER_MAX = 0x12c,
    PT_PERMANENT = 0x200,
    PT_LOCKOUT_INTERVAL = 0x210,
    PERMANENT_IN_LOCKOUT = 1 << 9,
};

static void take_manufacturer(struct tpm_facts *facts, uint32_t value)
{
    for (unsigned c = 0; c < 4; c++) {
        char letter = (char)(value >> (24 - 8 * c));

        facts->manufacturer[c] = letter >= 0x20 && letter < 0x7f ? letter : 0;
    }
}

static void take_property(struct tpm_facts *facts, uint32_t property, uint32_t value)
{
    switch (property) {
    case PT_MANUFACTURER:
        take_manufacturer(facts, value);
        break;
    case PT_FIRMWARE_VERSION_1:
        snprintf(facts->firmware, sizeof facts->firmware, "%u.%u", value >> 16, value & 0xffff);
        break;
    case PT_INPUT_BUFFER:
        facts->input_buffer_max = value;
        break;
    case PT_NV_INDEX_MAX:
        facts->nv_index_max = value;
        break;
    case PT_NV_BUFFER_MAX:
        facts->nv_buffer_max = value;
        break;
    case PT_PERMANENT:
        facts->in_lockout = value & PERMANENT_IN_LOCKOUT;
        break;
    case PT_LOCKOUT_INTERVAL:
        facts->lockout_interval = value;
        break;
    default:
        break;
    }
}

static bool properties(struct tpm_device *tpm, uint32_t first, uint32_t last, struct tpm_facts *facts, struct failure *why)
{
    struct answer_properties list;
    struct tpm_response r;
    struct err err = ERR_INIT;

    if (!tpm_call(tpm, request_get_capability(tpm_out(tpm), TPM_CAP_TPM_PROPERTIES, first, last - first + 1), "TPM2_GetCapability", &r,
                  why))
        return false;
    if (!answer_properties(r.parameters, &list, &err))
        return tpm_garbled(why, "TPM2_GetCapability", &err);
    for (size_t i = 0; i < list.n; i++)
        take_property(facts, list.item[i].property, list.item[i].value);
    return true;
}

static bool banks(struct tpm_device *tpm, struct tpm_facts *facts, struct failure *why)
{
    struct pcr_selection selection;
    struct tpm_response r;
    struct err err = ERR_INIT;

    if (!tpm_call(tpm, request_get_capability(tpm_out(tpm), TPM_CAP_PCRS, 0, 1), "TPM2_GetCapability", &r, why))
        return false;
    if (!answer_pcr_banks(r.parameters, &selection, &err))
        return tpm_garbled(why, "TPM2_GetCapability", &err);
    for (size_t i = 0; i < selection.n_banks; i++)
        if (selection.banks[i].algorithm != DIGEST_NONE && selection.banks[i].algorithm < ARRAY_LEN(facts->pcr_banks))
            facts->pcr_banks[selection.banks[i].algorithm] |= selection.banks[i].mask;
    return true;
}

bool tpm_facts_ask_lockout(struct tpm_device *tpm, struct tpm_facts *facts, struct failure *why)
{
    return properties(tpm, PT_PERMANENT, PT_LOCKOUT_INTERVAL, facts, why);
}

bool tpm_facts_ask(struct tpm_device *tpm, struct tpm_facts *ret, struct failure *why)
{
    /* Limits that every TPM keeps, should one not say (PC Client Platform TPM Profile). */
    *ret = (struct tpm_facts){ .nv_index_max = 2048, .nv_buffer_max = 512, .input_buffer_max = 1024 };
    return properties(tpm, PT_MANUFACTURER, PT_NV_BUFFER_MAX, ret, why) && tpm_facts_ask_lockout(tpm, ret, why) && banks(tpm, ret, why);
}
