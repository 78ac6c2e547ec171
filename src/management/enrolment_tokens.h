/* management/enrolment_tokens.h: one-time tokens with which a machine enrols: "Authorization: Bearer tbe_…" (guest-agent.md 2.5).
 *
 * 32 random bytes in base64url behind "tbe_". Shown once; the store has their SHA-256. Each is for one provider and for one VM, by UUID, name or a
 * pattern of its name; it ends soon, and with the first enrolment that it served. A machine whose TPM is this VM's already needs none: renewing a certificate
 * is not enrolling. Whether the others need one is the provider's switch (enrolmentToken), or attestation.enrolment_token for the shared one; a token that is
 * shown must hold in either case. */
#pragma once
#include "management/management.h"

struct enrolment_wish {
    const char *asked;    /* provider by whose address it is asked; "": the shared one */
    const char *provider; /* where the identity will count; "": in the inventory */
    const struct store_vm *vm;
};

struct enrolment_leave {
    char sha256[STORE_SHA256_TEXT_LEN]; /* of the token to be used up; "": none */
    unsigned status;                    /* of a refusal: 401 or 403 */
    const char *code;                   /* of a refusal; NULL: it is about something else */
    const char *subject;                /* for the audit log, in the request's arena; NULL: no token */
};

/* May this machine enrol? False with UNTRUSTED and ret->code: EnrolmentTokenRequired (401, none came), EnrolmentTokenInvalid (401: unknown, used, expired),
 * EnrolmentTokenScope (403: for another VM or provider). */
MUST_CHECK bool enrolment_token_check(const struct management *m, const struct http_request *request, const struct enrolment_wish *wish,
                                      struct enrolment_leave *ret, struct err *err);

/* "web-*" is "web-1"'s; a '?' is one character; letters in either case. */
bool enrolment_token_fits(const char *pattern, const struct store_vm *vm);

/* Handlers; the context is the management. POST {"name":…,"vm":"UUID, name or pattern","provider":…,"minutes":60}: the row and "token", the one time that it
 * is shown. GET ?after=: {"value":[…],"next":…|null}. DELETE by id, the first 16 digits of the digest. */
bool enrolment_token_post(void *context, const struct http_request *request, struct http_response *response, struct err *err);
bool enrolment_token_list_get(void *context, const struct http_request *request, struct http_response *response, struct err *err);
bool enrolment_token_remove(void *context, const struct http_request *request, struct http_response *response, struct err *err);
