/* attestation/service/refusal_answer.h: how a refusal reads on the wire (attestation-service.md 2.5). */
#pragma once
#include "appraise/refusal.h"
#include "http/server/message.h"
#include "policy/policy.h"

/* What is the sender's fault is 400 InvalidParameter with a sub-code from the error's kind; the rest as everywhere. */
bool refusal_answer_error(struct http_response *response, const struct err *err);
/* A policy that does not parse: its place, line and caret, and the command that shows them without a server. */
bool refusal_answer_policy(struct http_response *response, struct arena *a, const struct policy_error *error);
