/* vtpm.h: a TPM emulator for one test: swtpm in a folder of its own, reached through a unix socket. */
#pragma once
#include <stdbool.h>
#include "base/bytes.h"
#include <sys/types.h>

struct vtpm {
    char dir[48];
    char tcti[96]; /* for tpm_device_open() */
    char why[160]; /* why there is none: for SKIP */
    pid_t pid;
};

#define VTPM_UUID "0c5c3a34-6f0b-4f33-9c0e-61a1b2c3d4e5"

/* Manufactured with endorsement certificates for RSA-2048 and P-384 that name web1:VTPM_UUID, and running. False: see why. */
bool vtpm_start(struct vtpm *ret);
void vtpm_power_cycle(struct vtpm *vtpm);
void vtpm_stop(struct vtpm *vtpm); /* and removes the folder */
/* Off, a shell command in the folder (state/ is the TPM's), on again with TPM2_Startup(CLEAR): what a hypervisor may do to a TPM behind the guest. */
MUST_CHECK bool vtpm_while_off(struct vtpm *vtpm, const char *command);

/* Runs a shell command in the folder with TPM2TOOLS_TCTI set; true when it exits with 0. No device may be open meanwhile. */
bool vtpm_run(const struct vtpm *vtpm, const char *command);

/* Suspend and resume: TPM2_Shutdown(STATE), the emulator starts anew, TPM2_Startup(STATE). Registers stay. */
void vtpm_resume(struct vtpm *vtpm);
