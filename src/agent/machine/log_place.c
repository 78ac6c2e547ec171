#include "agent/machine/log_place.h"

const char *log_place_firmware(struct arena *a UNUSED) { return "/sys/kernel/security/tpm0/binary_bios_measurements"; }
