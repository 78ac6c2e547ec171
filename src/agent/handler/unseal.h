/* agent/handler/unseal.h: protectedSettings, opened with the certificate that the VM agent keeps for it (guest-agent.md 6.6).
 *
 * Linux: PEM files <THUMBPRINT>.crt and .prv two folders above config/ (the VM agent's own); libcrypto.
 * Windows: the machine's certificate store LocalMachine\My, where the VM agent puts the certificate with its key; CryptoAPI. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

/* `thumbprint` is 40 hexadecimal digits, `cms` DER. The content lies in the arena: wipe it. ERR_NOT_FOUND: no such certificate and key here. */
MUST_CHECK bool handler_unseal(const char *config_folder, const char *thumbprint, struct bytes cms, struct arena *a, struct bytes *ret,
                               struct err *err);
