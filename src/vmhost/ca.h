/* vmhost/ca.h: this host's CA for the endorsement certificates of virtual TPMs (swtpm_localca; its state in DATA/host-ca). */
#pragma once
#include "vmhost/host.h"

/* ca_ensure makes the CA on first use. *ret_pem is the chain, root first, then the issuer: what `trueboot root add --kind ek`
 * registers with the server. *ret_path (may be NULL) is a file with the same content, DATA/host-ca/chain.pem. */
MUST_CHECK bool ca_ensure(const struct vm_host *host, const struct host_parts *parts, struct arena *a, struct bytes *ret_pem,
                          const char **ret_path, struct err *err);

/* ca_make_tpm manufactures a virtual TPM in the folder `state_dir`: endorsement keys (RSA-2048, P-384) with certificates whose subject
 * CN is vm_id ("NAME:UUID"), a platform certificate, NV locked, the sha256 bank alone. */
MUST_CHECK bool ca_make_tpm(const struct vm_host *host, const struct host_parts *parts, const char *state_dir, const char *vm_id,
                            struct err *err);
