#include "diagnose/redact.h"
#include <stdlib.h>
#include "support/test.h"

static const struct {
    const char *in, *out;
} cases[] = {
    { "nothing to hide\n", "nothing to hide\n" },
    { "", "" },
    { "token eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.c2ln ends", "token [token] ends" },
    { "eyJ short", "eyJ short" },
    { "Authorization: Bearer abc.def-ghi\n", "Authorization: [hidden]\n" },
    { "sent Bearer abc.def-ghi now", "sent Bearer [hidden] now" },
    { "x TrueBoot-AK abcdefgh", "x TrueBoot-AK [hidden]" },
    { "Bearer of news", "Bearer [hidden] news" },
    { "net.proxy = http://ann:s3cret@proxy:3128\n", "net.proxy = http://[hidden]@proxy:3128\n" },
    { "net.proxy = http://ann:s3@cret@proxy:3128\n", "net.proxy = http://[hidden]@proxy:3128\n" },
    { "see https://host/path@x", "see https://host/path@x" },
    { "password = a b c\nnext = 1\n", "password = [hidden]\nnext = 1\n" },
    { "enroll.token_file = /etc/token\n", "enroll.token_file = [hidden]\n" },
    { "\"tokenFile\":\"/etc/token\"", "\"tokenFile\":[hidden]" },
    { "enroll.token=abc def", "enroll.token=[hidden] def" },
    { "{\"reportingToken\":\"s3\\\"cret\",\"b\":1}", "{\"reportingToken\":[hidden],\"b\":1}" },
    { "{\"secret\": \"s3cret\"}", "{\"secret\": [hidden]}" },
    { "{\"token\":null}", "{\"token\":null}" },
    { "{\"protectedSettings\":\"MIIB\"}", "{\"protectedSettings\":\"MIIB\"}" },
    { "Set-Cookie: a=b; c=d\nx", "Set-Cookie: [hidden]\nx" },
    { "API_KEY=abc", "API_KEY=[hidden]" },
    { "-----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY-----\nafter", "[private key]\nafter" },
    { "-----BEGIN PRIVATE KEY-----\nMHcC", "[private key]" },
    { "-----BEGIN PRIVATE KEY-----\nMHcC\n-----END ", "[private key]" },
    { "-----BEGIN CERTIFICATE-----\nMHcC\n-----END CERTIFICATE-----\n", "-----BEGIN CERTIFICATE-----\nMHcC\n-----END CERTIFICATE-----\n" },
    { "password", "password" },
    { "password =", "password =" },
    { "a.password : \"x y\" z", "a.password : [hidden] z" },
    { "\"password\":\"open", "\"password\":[hidden]" },
};

TEST(secrets_are_taken_out_and_the_rest_stays)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct writer w CLEANUP(writer_done) = { 0 };
        struct bytes in = exact_copy(bytes_of_string(cases[i].in));

        redact(in, &w);
        REQUIRE(writer_ok(&w));
        CHECK_BYTES(writer_bytes(&w), bytes_of_string(cases[i].out));
        if (test_failed())
            test_note("case %zu: %.*s", i, BYTES_FMT(writer_bytes(&w)));
        free((void *)(uintptr_t)in.data);
    }
}

TEST(text_cut_anywhere_is_read_to_its_end_and_no_further)
{
    static const char text[] =
        "password = \"a\\\" b\" -----BEGIN PRIVATE KEY----- x -----END PRIVATE KEY----- ://u:p@h Bearer eyJabcdefghijklmnopqrstuvw";

    for (size_t len = 0; len <= sizeof text - 1; len++) {
        struct writer w CLEANUP(writer_done) = { 0 };
        struct bytes in = exact_copy((struct bytes){ (const uint8_t *)text, len });

        redact(in, &w);
        CHECK(writer_ok(&w));
        CHECK(bytes_find(writer_bytes(&w), BYTES_LIT("eyJabcdefghijklmnopqrstuvw")) == SIZE_MAX);
        free((void *)(uintptr_t)in.data);
    }
}
