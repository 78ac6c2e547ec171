/* agent/tpm/transport.h: how bytes get to a TPM and back: the only part that differs between systems and between kinds of TPM.
 *
 * On Linux (linux.c): /dev/tpm* directly, everything else (swtpm, mssim, a resource manager) through a TCTI that libtss2-tctildr
 * loads. Tests put their own in between. A transport carries one exchange at a time and is not for several threads. */
#pragma once
#include "agent/failure/failure.h"
#include "base/bytes.h"

enum { TPM_TRANSPORT_NAME_LEN = 200 };

struct tpm_transport {
    /* One command and its answer of at most `size` bytes. *ret_len only on success. `deadline_ms` is on the monotonic clock. What went wrong:
     * ERR_UNREACHABLE: no answer until the deadline; ERR_IO: this exchange failed, another may not (a VM that is being moved);
     * ERR_NOT_FOUND: the device went away; ERR_LIMIT: the answer is too long. After any of them the transport can still be closed. */
    bool (*transmit)(struct tpm_transport *transport, struct bytes command, int64_t deadline_ms, uint8_t *response, size_t size,
                     size_t *ret_len, struct err *err);
    void (*close)(struct tpm_transport *transport); /* frees it */
    bool exclusive;                                 /* no resource manager below: what is loaded is ours, or a dead predecessor's */
    char name[TPM_TRANSPORT_NAME_LEN];              /* "device:/dev/tpmrm0" */
};

/* `tcti` as in configuration; NULL or "": what the system has (device.h). NO_TPM, TPM12, TPM_PERM, TPM_BUSY, TPM_UNUSABLE. */
MUST_CHECK bool tpm_transport_open(const char *tcti, struct tpm_transport **ret, struct failure *why);

/* tpm_transport_find names the TPM of the system below `root` ("" but in tests). */
MUST_CHECK bool tpm_transport_find(const char *root, char ret_name[static TPM_TRANSPORT_NAME_LEN], struct failure *why);
