/* attestation/protocol/message_v1.h: requests of version 1, from the health attestation client of Windows 10 and 11 (attestation-service.md 6.4.3), put into
 * the shapes of version 2, so that one path verifies both. Off unless a provider switches it on: what follows is inference.
 *
 * - att_data.tpm_att_data holds b64u logs and platform claims (tpm/platform_claim.h). A log that is sent counts, the copy inside a claim does
 *   not. current_claim is judged with srtm_resume_log and drtm_resume_log where they came, else with the boot logs; boot_claim with
 *   the boot logs.
 * - current_claim is bound to the challenge: it is the quote's qualifying data.
 * - attest_key signs the request and becomes `cnf`. Nothing binds it to the TPM: that is done in the VBS report of att_type "vbs" only, which
 *   is not verified here. A report of version 1 proves possession of the key and a boot, not that the key is that machine's.
 * - A raw signature becomes a TPMT_SIGNATURE of RSASSA with SHA-256. */
#pragma once
#include "attestation/protocol/message.h"

/* Everything between att_type and the end, into *request. The error names the member. */
MUST_CHECK bool message_v1_read(struct arena *a, const struct json *att_data, struct attest_request *request, struct err *err);
