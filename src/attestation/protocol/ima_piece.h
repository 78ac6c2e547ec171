/* attestation/protocol/ima_piece.h: IMA lists that come in pieces: what the service remembers of a VM's list between two attestations (guest-agent.md 4.2).
 *
 * Kept per VM, in the store: what the entries that came so far come to (eventlog/ima/replay.h), whether or not a quote has confirmed it yet. It is a
 * statement about entries that this service has seen; which boot they are of, the quoted register decides each time. So nothing has to be forgotten at
 * a reboot, a rollback or a copy: a continuation that does not belong does not fit, and is answered with "ima.resume": send the list from its start. */
#pragma once
#include "appraise/appraise.h"
#include "attestation/service/service.h"

/* Whether lists may come in pieces under this policy: not when it looks at events, of which it would see a part only. */
bool ima_pieces_allowed(const struct policy *policy);

/* *ret NULL: no piece came, or it is the first. False with ERR_CONFLICT when it cannot be continued: the list is wanted from its start. */
MUST_CHECK bool ima_piece_find(const struct attestation_service *service, struct arena *a, const char *vm, const struct policy *policy,
                               const struct evidence *evidence, const struct ima_replay **ret, struct err *err);

/* After the appraisal: what came is kept for the next piece. False with ERR_CONFLICT when the piece does not go on where it says; nothing has been
 * kept then, and nothing is to be concluded. */
MUST_CHECK bool ima_piece_keep(const struct attestation_service *service, struct arena *a, const char *vm, const struct evidence *evidence,
                               const struct appraised *appraised, struct err *err);
