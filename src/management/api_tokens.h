/* management/api_tokens.h: tokens for people's programs: "Authorization: Bearer tb_…" (control-plane.md 7.2).
 *
 * 32 random bytes in base64url behind "tb_", so that scanners for leaked secrets find them. Shown once; the store has their SHA-256. Each has a
 * role, a name for people and an end. Its id is the beginning of the digest. */
#pragma once
#include "http/route.h"
#include "store/store.h"

/* api_token_identify: *ret_is_ours false and true when the request carries no such token. UNTRUSTED: unknown or expired. */
MUST_CHECK bool api_token_identify(struct store *store, const struct http_request *request, int64_t now_ms, bool *ret_is_ours,
                                   struct http_caller *ret, struct err *err);

/* Handlers; the context is the management. POST {"role":"reader|contributor|owner","name":…,"days":…}: {"id","token",…}, the one time that
 * the token is shown. GET: {"value":[…]}. DELETE by id. */
bool api_token_post(void *context, const struct http_request *request, struct http_response *response, struct err *err);
bool api_token_list_get(void *context, const struct http_request *request, struct http_response *response, struct err *err);
bool api_token_remove(void *context, const struct http_request *request, struct http_response *response, struct err *err);
