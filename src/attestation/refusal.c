#include "attestation/refusal.h"

static bool is_policys(const struct finding *f)
{
    return f->id == FINDING_POLICY_DENIED || f->id == FINDING_POLICY_NOT_PERMITTED || f->id == FINDING_POLICY_ERROR;
}

const struct finding *refusal_of_evidence(const struct findings *findings)
{
    for (size_t i = 0; i < findings->n; i++) {
        const struct finding *f = &findings->items[i];
        if (!is_policys(f) && finding_kind(f->id)->phase == PHASE_EVIDENCE && f->severity >= SEVERITY_HIGH)
            return f;
    }
    return NULL;
}

const struct finding *refusal_of_policy(const struct findings *findings)
{
    for (size_t i = 0; i < findings->n; i++)
        if (is_policys(&findings->items[i]))
            return &findings->items[i];
    return NULL;
}

bool refusal_answer_error(struct http_response *response, const struct err *err)
{
    switch (err->code) {
    case ERR_TRUNCATED:
    case ERR_MALFORMED:
    case ERR_UNSUPPORTED:
    case ERR_UNTRUSTED:
        return http_response_error(response, 400, "InvalidParameter",
                                   strstr(err->text, "service_context") ? "challenge" : err_slug(err->code), "%s", err->text);
    case ERR_LIMIT:
        return http_response_error(response, 400, "InvalidParameter", "limit", "%s", err->text);
    default:
        return http_response_err(response, err);
    }
}
