#include "attestation/provider/policy_text.h"
#include "base/base64.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "jose/jws.h"
#include "json/parse.h"

static bool is_base64(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || memchr("-_+/=", c, 5);
}

bool base64_characters_only(struct bytes text, struct err *err)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (is_base64(c))
            continue;
        return c > 0x20 && c < 0x7f ? err_set(err, ERR_MALFORMED, "Unknown base64 character: %u ('%c')", c, c)
                                    : err_set(err, ERR_MALFORMED, "Unknown base64 character: %u", c);
    }
    return true;
}

bool policy_text_read(struct arena *a, struct bytes payload, bool raw, struct bytes *ret, struct err *err)
{
    const struct json_options strict = { .refuse_duplicates = true };
    const struct json *body, *member;
    struct bytes text;

    if (!json_parse(a, payload, &strict, &body, err))
        return err_within(err, "policy token: payload");
    member = json_get_no_case(body, "AttestationPolicy");
    if (!member || member->type != JSON_STRING)
        return err_set(err, ERR_MALFORMED, "Could not find \"AttestationPolicy\" claim in policy token");
    text = member->string;
    if (!raw && (!base64_characters_only(text, err) || !base64_decode_any(a, text, &text, err)))
        return err_within(err, "AttestationPolicy");
    if (!utf8_is_valid(text))
        return err_set(err, ERR_MALFORMED, "AttestationPolicy is not text in UTF-8");
    *ret = text;
    return true;
}

bool policy_text_unsecured(struct arena *a, struct bytes text, struct bytes *ret_jws, struct err *err)
{
    const char *encoded = base64_in(a, BASE64_URL, text);
    const char *payload = encoded ? arena_printf(a, "{\"AttestationPolicy\": \"%s\"}", encoded) : NULL;

    if (!payload)
        return err_set(err, ERR_NO_MEMORY, "no memory for a policy");
    return jws_make_unsecured(a, BYTES_LIT("{\"alg\":\"none\"}"), bytes_of_string(payload), ret_jws, err);
}
