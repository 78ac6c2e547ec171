/* agent/machine/log_place.h: where this system keeps the log of the boot that is running (guest-agent.md 4.1, 5). */
#pragma once
#include "base/arena.h"

/* Linux: securityfs. Windows: the newest file of %windir%\Logs\MeasuredBoot. The path need not exist; NULL: no memory. */
const char *log_place_firmware(struct arena *a);
/* The log that goes with the TPM of this TCTI string ("device:/dev/tpmrm1"): never one TPM's log with another one's quote. NULL: it is the usual one's, or no
 * device of the kernel. */
const char *log_place_of_tpm(struct arena *a, const char *tcti);
