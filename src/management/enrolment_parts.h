/* management/enrolment_parts.h: what the two calls of enrolment.c rest on. Private to management/. */
#pragma once
#include "management/enrolments.h"
#include "management/management.h"

/* ---- enrolment_identity.c: whose TPM it is ---- */

/* *ret: this TPM is this VM's already, where the identity will count. */
MUST_CHECK bool enrolment_is_known(const struct management *m, struct arena *a, const struct enrolment *p, bool *ret, struct err *err);
/* ERR_CONFLICT: the VM is another TPM's, which is noted for an operator to see. */
MUST_CHECK bool enrolment_may_become(const struct management *m, struct arena *a, const struct enrolment *p, struct err *err);
/* Stores that the TPM has become the VM, and that its token is used: both or neither. ERR_CONFLICT: it, or the VM, is somebody else's. */
MUST_CHECK bool enrolment_register(const struct management *m, struct arena *a, const struct enrolment *p, const struct cert *cert,
                                   struct err *err);

/* ---- enrolment_proof.c ---- */

/* That the quoting key lives in the TPM of the certificate that the enrolment began with. *ret_by_iak: what is refused is about the IAK. */
MUST_CHECK bool enrolment_check_possession(struct arena *a, const struct json *body, const struct enrolment *p, const struct pubkey *ak,
                                           const struct tpm_public *ak_public, bool *ret_by_iak, struct err *err);
