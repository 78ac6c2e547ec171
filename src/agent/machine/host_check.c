#include "agent/machine/host_check.h"
#include <stdio.h>
#include "base/file.h"

#define GLOBAL_VARIABLE "8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define SHIM_VARIABLE   "605dab50-e046-4300-abb6-3dd810dd8b23"

static bool path_below(const char *root, const char *path, char out[static 512]) { return snprintf(out, 512, "%s%s", root, path) < 512; }

/* efivars puts four octets of attributes in front (9.1: byte 4). */
static bool variable_is_one(const char *root, const char *name)
{
    struct bytes content CLEANUP(file_free) = BYTES_NONE;
    char relative[200], path[512];
    struct err err;

    snprintf(relative, sizeof relative, "/sys/firmware/efi/efivars/%s", name);
    return path_below(root, relative, path) && file_read(path, 64, &content, &err) && content.len == 5 && content.data[4] == 1;
}

static bool variable_exists(const char *root, const char *name)
{
    char relative[200], path[512];

    snprintf(relative, sizeof relative, "/sys/firmware/efi/efivars/%s", name);
    return path_below(root, relative, path) && file_exists(path);
}

void host_check(const char *root, struct notes *notes)
{
    char path[512];

    if (!path_below(root, "/sys/firmware/efi", path) || !file_exists(path)) {
        notes_add(notes, FAILURE_NOT_UEFI, "the machine was not started by UEFI firmware: there is no Secure Boot to prove");
        return;
    }
    if (variable_is_one(root, "SetupMode-" GLOBAL_VARIABLE))
        notes_add(notes, FAILURE_SB_OFF, "the firmware is in setup mode: anybody may enrol Secure Boot keys");
    else if (variable_exists(root, "SecureBoot-" GLOBAL_VARIABLE) && !variable_is_one(root, "SecureBoot-" GLOBAL_VARIABLE))
        notes_add(notes, FAILURE_SB_OFF, "Secure Boot is off: the default policy refuses that");
    if (variable_is_one(root, "MokSBStateRT-" SHIM_VARIABLE))
        notes_add(notes, FAILURE_SHIM_INSECURE, "shim does not validate: that was switched off through the MOK manager");
}

/* Swaps the octets of the first three fields: "00112233-4455-6677-…" to "33221100-5544-7766-…". */
static void swap_fields(const char *uuid, char out[static UUID_TEXT_LEN])
{
    static const uint8_t order[] = { 6, 7, 4, 5, 2, 3, 0, 1, 8, 11, 12, 9, 10, 13, 16, 17, 14, 15 };

    snprintf(out, UUID_TEXT_LEN, "%s", uuid);
    for (size_t i = 0; i < sizeof order; i++)
        out[i] = uuid[order[i]];
}

void host_check_identity(const char *certified, const char *firmware, struct notes *notes)
{
    char swapped[UUID_TEXT_LEN];

    if (strlen(certified) != UUID_TEXT_LEN - 1 || strlen(firmware) != UUID_TEXT_LEN - 1)
        return;
    swap_fields(firmware, swapped);
    if (strcmp(certified, firmware) != 0 && strcmp(certified, swapped) != 0)
        notes_add(notes, FAILURE_IDENTITY_MISMATCH,
                  "the TPM was made for VM %s, the firmware says %s: the VM was cloned, or its TPM restored from another's", certified,
                  firmware);
}
