/* The decoded message of AzureGuest, and the sealed answer byte for byte. */
#include <stdlib.h>
#include "attestation/protocol/azureguest_message.h"
#include "attestation/protocol/sealed_answer.h"
#include "base/base64.h"
#include "base/hex.h"
#include "json/parse.h"
#include "unit/attestation/azureguest_sample.h"

TEST(a_message_cut_anywhere_is_refused_and_nothing_is_read_behind_it)
{
    SERVICE(s);
    CLEANUP(guest_done) struct guest g;
    struct azureguest_message m;
    struct err err = ERR_INIT;
    struct bytes text;

    REQUIRE(guest_init(&s, &g));
    text = guest_request(&g);
    REQUIRE_OK(azureguest_message_read(&s.a, text, &m, &err), err);
    for (size_t len = 0; len < text.len; len++) {
        CLEANUP(arena_done) struct arena a = { 0 };
        struct bytes cut = exact_copy((struct bytes){ text.data, len });
        if (azureguest_message_read(&a, cut, &m, &err))
            CHECK_INT(len, text.len);
        free((void *)(uintptr_t)cut.data);
    }
    CHECK(err.code != ERR_NONE);
}

TEST(the_members_are_read_as_they_were_sent)
{
    SERVICE(s);
    CLEANUP(guest_done) struct guest g;
    struct azureguest_message m;
    struct err err = ERR_INIT;

    REQUIRE(guest_init(&s, &g));
    g.os_major = "\"12\"";
    g.tail = BYTES_LIT("more");
    REQUIRE_OK(azureguest_message_read(&s.a, guest_request(&g), &m, &err), err);
    CHECK(bytes_equal_string(m.protocol_version, "2.0") && bytes_equal_string(m.os_type, "Linux") &&
          bytes_equal_string(m.os_distro, "Debian"));
    CHECK_INT(m.os_major, 12);
    CHECK_INT(m.pcr_set, 0xff);
    CHECK(!m.is_windows && m.isolation == AZUREGUEST_TRUSTED_LAUNCH && m.client_payload);
    CHECK_BYTES(m.aik_cert, g.aik_cert);
    CHECK_BYTES(m.ak.rsa_n, g.ak_public.rsa_n);
    CHECK_BYTES(m.enc_key.policy, digest_bytes(&g.enc_policy));
    CHECK_INT(m.evidence.n_logs, 1);
}

TEST(members_of_the_wrong_kind_are_named)
{
    static const struct {
        const char *client_payload, *isolation, *os_major, *names;
    } rows[] = {
        { "[]", "null", "1", "ClientPayload is not an object" },
        { "{\"nonce\":5}", "null", "1", "ClientPayload: member 0 is not a string" },
        { "{}", "{}", "1", "IsolationInfo: Type is missing" },
        { "{}", "7", "1", "IsolationInfo: Type is missing" },
        { "{}", "null", "\"x\"", "OSVersionMajor is not a whole number" },
        { "{}", "null", "-1", "OSVersionMajor is not a whole number" },
        { "{}", "null", "1.5", "OSVersionMajor is not a whole number" },
    };
    SERVICE(s);

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(guest_done) struct guest g;
        struct azureguest_message m;
        struct err err = ERR_INIT;
        REQUIRE(guest_init(&s, &g));
        g.client_payload = rows[i].client_payload;
        g.isolation = rows[i].isolation;
        g.os_major = rows[i].os_major;
        CHECK(!azureguest_message_read(&s.a, guest_request(&g), &m, &err));
        CHECK(strstr(err.text, rows[i].names) != NULL);
        if (!strstr(err.text, rows[i].names))
            test_note("%s", err.text);
    }
}

/* guest-agent.md 13: the inner key given, the RSA step left out. */
TEST(the_sealed_answer_is_the_published_vector)
{
    static const char token[] = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJ0ZXN0In0.";
    SERVICE(s);
    CLEANUP(guest_done) struct guest g;
    struct sealing_secret secret;
    const struct json *json;
    struct err err = ERR_INIT;
    struct bytes sealed, iv;

    REQUIRE(guest_init(&s, &g));
    REQUIRE(hex_decode_into(BYTES_LIT("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"), secret.key, sizeof secret.key));
    REQUIRE_OK(base64_decode(&s.a, BASE64_STANDARD, BYTES_LIT("oKGio6Slpqeoqaqr"), &iv, &err), err);
    memcpy(secret.iv, iv.data, sizeof secret.iv);
    REQUIRE_OK(sealed_answer_make(&s.a, &secret, privkey_public(g.enc), &g.enc_public.scheme, bytes_of_string(token), &sealed, &err), err);
    REQUIRE_OK(json_parse(&s.a, sealed, NULL, &json, &err), err);
    CHECK(json_is_string(json_get(json, "Jwt"), "g2E2RSeMYdYtDM2mZUj1sjnCaT73zggc/z1r7zDCPzGILgnP5kxjEw=="));
    CHECK(json_is_string(json_get(json, "AuthenticationData"), "HVtwzECHwv2mtshnzN07rQ=="));
    CHECK_STRING(json_to_string(&s.a, json_get(json, "EncryptionParams"), JSON_COMPACT),
                 "{\"BlockMode\":\"ChainingModeGCM\",\"BlockPadding\":\"PKCS7\",\"Cipher\":\"AES\",\"Iv\":\"oKGio6Slpqeoqaqr\","
                 "\"KeySizeInBits\":256}");
    CHECK_BYTES(guest_open(&g, sealed), bytes_of_string(token));
}

TEST(a_key_of_scheme_oaep_gets_the_secret_in_oaep)
{
    const struct tpm_scheme oaep = { .algorithm = TPM_ALG_OAEP, .hash = 0x000b };
    SERVICE(s);
    CLEANUP(guest_done) struct guest g;
    struct sealing_secret secret = { .key = { 7 }, .iv = { 9 } };
    uint8_t plain[PRIVKEY_PLAIN_MAX];
    const struct json *json;
    struct err err = ERR_INIT;
    struct bytes sealed, wrapped;
    size_t len;

    REQUIRE(guest_init(&s, &g));
    REQUIRE_OK(sealed_answer_make(&s.a, &secret, privkey_public(g.enc), &oaep, BYTES_LIT("t"), &sealed, &err), err);
    REQUIRE_OK(json_parse(&s.a, sealed, NULL, &json, &err), err);
    REQUIRE_OK(base64_decode(&s.a, BASE64_STANDARD, json_text(json_get(json, "EncryptedInnerKey"), BYTES_NONE), &wrapped, &err), err);
    REQUIRE_OK(privkey_decrypt_oaep(g.enc, DIGEST_SHA256, BYTES_NONE, wrapped, plain, &len, &err), err);
    CHECK_BYTES(((struct bytes){ plain, len }), BYTES_OF(secret.key));
}
