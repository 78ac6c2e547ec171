#include "attestation/service/refusal_answer.h"

bool refusal_answer_policy(struct http_response *response, struct arena *a, const struct policy_error *error)
{
    const char *shown = policy_error_show(a, error);

    err_advise(&response->about, "docs/policy.md", "trueboot policy lint FILE");
    return http_response_error(response, 400, policy_error_kind_name(error->kind), NULL, "%s", shown ? shown : error->err.text);
}

bool refusal_answer_error(struct http_response *response, const struct err *err)
{
    switch (err->code) {
    case ERR_TRUNCATED:
    case ERR_MALFORMED:
    case ERR_UNSUPPORTED:
    case ERR_UNTRUSTED:
        return http_response_error(response, 400, "InvalidParameter", err_slug(err->code), "%s", err->text);
    case ERR_LIMIT:
        return http_response_error(response, 400, "InvalidParameter", "limit", "%s", err->text);
    default:
        return http_response_err(response, err);
    }
}
