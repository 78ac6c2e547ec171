#include "attestation/protocol/token_members.h"
#include "base/bytes.h"

const struct token_member token_members[] = {
#define X(place, tokens, rests_on) { place, tokens, rests_on },
    TOKEN_MEMBERS(X)
#undef X
};
const size_t token_n_members = ARRAY_LEN(token_members);

const char *token_kind_name(enum token_kind kind)
{
    static const char *const names[] = { "report",        "AzureGuest",     "policy set", "policy shown",  "policy reset",
                                         "signers shown", "signer changed", "EAR report", "EAR AzureGuest" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (kind == 1U << i)
            return names[i];
    return "";
}
