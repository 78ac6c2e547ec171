/* AzureGuest's answer as any server may send it: the whole JSON body. */
#include "agent/protocol/sealed_token.h"
#include "fuzz.h"
#include "json/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    static const uint8_t key[32] = { 1 };
    const struct json *answer;
    struct sealed_token token;
    struct bytes jwt;
    struct err err = ERR_INIT;

    if (!json_parse(&a, (struct bytes){ data, size }, NULL, &answer, &err))
        return 0;
    if (!sealed_token_read(&a, answer, &token, &err)) {
        ENSURE(err.code != ERR_NONE && err.text[0] != '\0');
        return 0;
    }
    ENSURE(token.inner_key.len >= 1 && token.inner_key.len <= 512 && token.iv.len == 12 && token.tag.len == 16);
    ENSURE(!sealed_token_open(&a, &token, BYTES_OF(key), &jwt, &err)); /* nobody sealed anything with this key */
    ENSURE(err.code != ERR_NONE);
    return 0;
}
