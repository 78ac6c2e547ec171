/* management/api_tokens.h: tokens for people's programs: "Authorization: Bearer tbt_…" (control-plane.md 7.2).
 *
 * 32 random bytes in base64url behind "tbt_", so that scanners for leaked secrets find them (those of the first version begin with "tb_"). Shown
 * once; the store has their SHA-256. Each has a role, a name for people and an end, and may have a scope: "provider/NAME" is good for that
 * provider's endpoints below /providers/NAME, "vm/NAME" for that VM's addresses, in the spelling that is used there. Its id is the beginning of
 * the digest. When it was used last is kept to the minute. */
#pragma once
#include "http/server/route.h"
#include "store/store.h"

enum { API_TOKEN_DAYS_MAX = 3650 };

/* api_token_identify: *ret_is_ours false and true when the request carries no such token. UNTRUSTED: unknown or expired. */
MUST_CHECK bool api_token_identify(struct store *store, const struct http_request *request, int64_t now_ms, bool *ret_is_ours,
                                   struct http_caller *ret, struct err *err);

/* Handlers; the context is the management. POST {"role":"reader|contributor|owner","name":…,"days":…,"scope":…}: {"id","token",…}, the one time that
 * the token is shown. GET: {"value":[…]}. DELETE by id, or, with
 * the address /v1/tokens/self, the token that the call is made with: a leaked one is ended by whoever finds it. */
bool api_token_post(void *context, const struct http_request *request, struct http_response *response, struct err *err);
bool api_token_list_get(void *context, const struct http_request *request, struct http_response *response, struct err *err);
bool api_token_remove_self(void *context, const struct http_request *request, struct http_response *response, struct err *err);
bool api_token_remove(void *context, const struct http_request *request, struct http_response *response, struct err *err);
