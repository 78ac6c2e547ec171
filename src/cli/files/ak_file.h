/* cli/files/ak_file.h: an attestation key in whatever file people have it: PEM, DER, TPM2B_PUBLIC or TPMT_PUBLIC, their hexadecimal digits, or a
 * certificate, of which only the key counts: whoever names the file vouches for it. */
#pragma once
#include "cli/frame/cli.h"
#include "tpm/public.h"

/* *ret_public: what else the file says of the key; NULL where it does not (PEM, DER, certificates); in the arena. Release *ret with pubkey_free(). */
MUST_CHECK bool ak_file_read(struct cli *cli, const char *path, struct pubkey **ret, const struct tpm_public **ret_public, struct err *err);
