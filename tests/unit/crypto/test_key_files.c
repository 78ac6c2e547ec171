#include "crypto/privkey.h"
#include "support/test.h"

TEST(a_private_key_comes_back_from_its_pem)
{
    static const enum privkey_kind kinds[] = { PRIVKEY_RSA_2048, PRIVKEY_RSA_3072, PRIVKEY_P256 };

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct privkey *key = NULL, *same = NULL;
        struct arena a = { 0 };
        struct err err = ERR_INIT;
        struct bytes pem;

        REQUIRE_OK(privkey_generate(kinds[i], &key, &err), err);
        REQUIRE_OK(privkey_to_pem(key, &a, &pem, &err), err);
        CHECK(bytes_starts_with(pem, BYTES_LIT("-----BEGIN PRIVATE KEY-----\n")));
        REQUIRE_OK(privkey_from_pem(pem, &same, &err), err);
        CHECK(pubkey_equal(privkey_public(key), privkey_public(same)));
        privkey_free(same);
        privkey_free(key);
        arena_done(&a);
    }
}

TEST(what_is_no_private_key_is_refused)
{
    static const char *const texts[] = { "", "words", "-----BEGIN PRIVATE KEY-----\nAQID\n-----END PRIVATE KEY-----\n",
                                         "-----BEGIN PRIVATE KEY-----\n" };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct privkey *key = NULL;
        struct err err = ERR_INIT;

        CHECK(!privkey_from_pem(bytes_of_string(texts[i]), &key, &err) && err.code == ERR_MALFORMED);
    }
}
