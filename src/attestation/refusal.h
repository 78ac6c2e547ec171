/* attestation/refusal.h: which finding refuses evidence, and how the refusal reads on the wire (attestation-service.md 2.5). */
#pragma once
#include "findings/finding.h"
#include "http/message.h"

/* The first finding that makes the evidence itself unacceptable; NULL when only the policy has something to say. */
const struct finding *refusal_of_evidence(const struct findings *findings);
/* The first finding of the policy, or NULL. */
const struct finding *refusal_of_policy(const struct findings *findings);
/* What is the sender's fault is 400 InvalidParameter with a sub-code from the error's kind; the rest as everywhere. */
bool refusal_answer_error(struct http_response *response, const struct err *err);
