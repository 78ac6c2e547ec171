/* attestation/policy/policy_trial.h: trying a policy before it is set (attestation-service.md 15): on evidence that is sent along, and on the last
 * evidence that is stored of every VM.
 *
 * Evidence is judged as at the time it was made, by the roots that the provider trusts now. Claims that came with the request and not with
 * the evidence (keys, custom claims) are not stored, so a policy that asks for them finds none here. Nothing is stored, no token is made. */
#pragma once
#include "attestation/service/service.h"

enum { POLICY_TRIAL_EVIDENCE = 16 /* files in one call */, POLICY_TRIAL_PAGE = 100 /* VMs in one call */ };

/* Handlers; the context is the service.
 *
 * POST …/policies/Tpm:dryRun {"policy":TEXT, "evidence":FILE or [FILE…]}; without a policy the one in force is tried:
 *   {"value":[{"decision","verdict","reasons":[…],"rules":[…],"claims":{…}}]}
 * POST …/policies/Tpm:replay {"policy":TEXT, "top":N, "after":NAME}: VMs by name, what the policy in force says of each one's last evidence
 * and what TEXT would say; not for callers whose role is good for one provider or VM only:
 *   {"value":[{"vm","name","appraisal","time","before":{…},"after":{…},"changed"}], "examined", "withoutEvidence":[NAME…], "next":NAME?} */
bool policy_dry_run(void *context, const struct http_request *request, struct http_response *response, struct err *err);
bool policy_replay(void *context, const struct http_request *request, struct http_response *response, struct err *err);
