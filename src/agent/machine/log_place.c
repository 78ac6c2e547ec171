#include "agent/machine/log_place.h"
#include <stdio.h>

const char *log_place_firmware(struct arena *a UNUSED) { return "/sys/kernel/security/tpm0/binary_bios_measurements"; }

const char *log_place_of_tpm(struct arena *a, const char *tcti)
{
    unsigned number = 0;
    int end = 0;

    if (!tcti || (sscanf(tcti, "device:/dev/tpmrm%3u%n", &number, &end) != 1 && sscanf(tcti, "device:/dev/tpm%3u%n", &number, &end) != 1) ||
        tcti[end] || !number)
        return NULL;
    return arena_printf(a, "/sys/kernel/security/tpm%u/binary_bios_measurements", number);
}
