#include "base/limits.h"
#include "management/api_tokens.h"
#include "management/enrolment_tokens.h"
#include "management/management.h"

const struct http_route management_routes[] = {
    { "POST", "/enroll/v1/begin", HTTP_ANONYMOUS, LIMIT_REPORT_BODY_BYTES, HTTP_JSON, enrol_begin, 0, HTTP_COSTLY },
    { "POST", "/enroll/v1/activate", HTTP_ANONYMOUS, LIMIT_ATTEST_BODY_BYTES, HTTP_JSON, enrol_activate, 0, HTTP_COSTLY },
    { "POST", "/providers/{provider}/enroll/v1/begin", HTTP_ANONYMOUS, LIMIT_REPORT_BODY_BYTES, HTTP_JSON, enrol_begin, 0, HTTP_COSTLY },
    { "POST", "/providers/{provider}/enroll/v1/activate", HTTP_ANONYMOUS, LIMIT_ATTEST_BODY_BYTES, HTTP_JSON, enrol_activate, 0,
      HTTP_COSTLY },
    { "GET", "/v1/server", HTTP_READER, 0, HTTP_NO_BODY, server_get, 0 },
    { "GET", "/v1/vms", HTTP_READER, 0, HTTP_NO_BODY, vm_list_get, 0 },
    { "POST", "/v1/vms", HTTP_CONTRIBUTOR, LIMIT_SMALL_BODY_BYTES, HTTP_JSON, vm_post, 0 },
    { "GET", "/v1/vms/{vm}", HTTP_READER, 0, HTTP_NO_BODY, vm_get_one, 0 },
    { "PATCH", "/v1/vms/{vm}", HTTP_CONTRIBUTOR, LIMIT_SMALL_BODY_BYTES, HTTP_JSON, vm_patch, 0 },
    { "DELETE", "/v1/vms/{vm}", HTTP_CONTRIBUTOR, 0, HTTP_NO_BODY, vm_remove, 0 },
    { "POST", "/v1/vms/{vm}/identity:release", HTTP_OWNER, LIMIT_SMALL_BODY_BYTES, HTTP_JSON_OPTIONAL, vm_release_identity, 0 },
    { "GET", "/v1/roots", HTTP_READER, 0, HTTP_NO_BODY, roots_get, 0 },
    { "POST", "/v1/roots", HTTP_OWNER, LIMIT_POLICY_BODY_BYTES, HTTP_JSON, roots_post, 0 },
    { "DELETE", "/v1/roots/{kind}/{root}", HTTP_OWNER, 0, HTTP_NO_BODY, roots_remove, 0 },
    { "GET", "/v1/enrolmentTokens", HTTP_ENROLLER, 0, HTTP_NO_BODY, enrolment_token_list_get, 0 },
    { "POST", "/v1/enrolmentTokens", HTTP_ENROLLER, LIMIT_SMALL_BODY_BYTES, HTTP_JSON, enrolment_token_post, 0 },
    { "DELETE", "/v1/enrolmentTokens/{token}", HTTP_ENROLLER, 0, HTTP_NO_BODY, enrolment_token_remove, 0 },
    { "GET", "/v1/tokens", HTTP_OWNER, 0, HTTP_NO_BODY, api_token_list_get, 0 },
    { "POST", "/v1/tokens", HTTP_OWNER, LIMIT_SMALL_BODY_BYTES, HTTP_JSON, api_token_post, 0 },
    { "DELETE", "/v1/tokens/self", HTTP_READER, 0, HTTP_NO_BODY, api_token_remove_self, 0 },
    { "DELETE", "/v1/tokens/{token}", HTTP_OWNER, 0, HTTP_NO_BODY, api_token_remove, 0 },
};
const size_t management_n_routes = ARRAY_LEN(management_routes);
