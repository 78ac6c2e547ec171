#include "attestation/refusal.h"

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
