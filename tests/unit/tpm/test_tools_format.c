#include <stdlib.h>
#include "crypto/privkey.h"
#include "support/quote_builder.h"
#include "support/test.h"
#include "tpm/key_template.h"
#include "tpm/signature.h"
#include "tpm/tools_format.h"

/* As tpm2_quote -o keeps registers: host structures of a little-endian machine, unused places and padding zero. */
static void write_pcr_file(struct writer *w, const struct pcr_set *set)
{
    struct bytes values[LIMIT_PCR_BANKS * LIMIT_PCRS];
    static const uint8_t zeros[66];
    uint32_t n = 0;

    write_u32le(w, (uint32_t)set->n_banks);
    for (size_t i = 0; i < 16; i++) {
        bool used = i < set->n_banks;

        write_u16le(w, used ? digest_tpm_id(set->banks[i].algorithm) : 0);
        write_u8(w, used ? 3 : 0);
        write_u32le(w, used ? set->banks[i].present : 0);
        write_u8(w, 0);
        for (unsigned pcr = 0; used && pcr < LIMIT_PCRS; pcr++)
            if (set->banks[i].present >> pcr & 1)
                values[n++] = digest_bytes(&set->banks[i].value[pcr]);
    }
    write_u32le(w, (n + 7) / 8);
    for (uint32_t i = 0; i < (n + 7) / 8 * 8; i++) {
        if (i % 8 == 0)
            write_u32le(w, n - i < 8 ? n - i : 8);
        write_u16le(w, i < n ? (uint16_t)values[i].len : 0);
        write_bytes(w, i < n ? values[i] : BYTES_NONE);
        write_bytes(w, (struct bytes){ zeros, 64 - (i < n ? values[i].len : 0) });
    }
}

TEST(a_register_file_is_read_across_its_lists)
{
    CLEANUP(writer_done) struct writer w = { 0 };
    struct pcr_set set = { 0 }, got;
    struct err err = ERR_INIT;

    pcr_set_add_test_bank(&set, DIGEST_SHA1, 0x0007ff);
    pcr_set_add_test_bank(&set, DIGEST_SHA384, 0x8000ff);
    write_pcr_file(&w, &set);
    REQUIRE_OK(tools_pcrs(writer_bytes(&w), &got, &err), err);
    REQUIRE(got.n_banks == 2);
    for (size_t i = 0; i < 2; i++) {
        CHECK_INT(got.banks[i].algorithm, set.banks[i].algorithm);
        CHECK_INT(got.banks[i].present, set.banks[i].present);
        for (unsigned pcr = 0; pcr < LIMIT_PCRS; pcr++)
            if (set.banks[i].present >> pcr & 1)
                CHECK(digest_equal(&got.banks[i].value[pcr], &set.banks[i].value[pcr]));
    }
}

TEST(a_register_file_cut_before_its_last_value_is_refused)
{
    CLEANUP(writer_done) struct writer w = { 0 };
    struct pcr_set set = { 0 }, got;
    size_t end;

    pcr_set_add_test_bank(&set, DIGEST_SHA256, 0xff);
    write_pcr_file(&w, &set);
    end = w.len; /* eight values fill the only list */
    for (size_t n = 0; n < end; n++) {
        struct bytes cut = exact_copy(bytes_slice(writer_bytes(&w), 0, n));
        struct err err = ERR_INIT;

        CHECK(!tools_pcrs(cut, &got, &err) && err.code == ERR_TRUNCATED);
        free((void *)cut.data);
    }
}

TEST(a_register_file_with_one_wrong_field_is_refused)
{
    /* clang-format off */
    static const struct { const char *what; size_t at; uint8_t value; enum err_code code; } cases[] = {
        { "more banks than we do",          0,   9,    ERR_LIMIT },
        { "an unknown bank",                4,   0x99, ERR_MALFORMED },
        { "five octets of selection",       6,   5,    ERR_MALFORMED },
        { "a register past the last",       10,  1,    ERR_MALFORMED },
        { "one register more than values",  8,   1,    ERR_TRUNCATED },
        { "no list",                        132, 0,    ERR_TRUNCATED },
        { "nine values in a list",          136, 9,    ERR_MALFORMED },
        { "a value of another hash",        140, 20,   ERR_MALFORMED },
        { "a value longer than its place",  140, 65,   ERR_MALFORMED },
    };
    /* clang-format on */
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(writer_done) struct writer w = { 0 };
        struct pcr_set set = { 0 }, got;
        struct err err = ERR_INIT;

        pcr_set_add_test_bank(&set, DIGEST_SHA256, 0xff);
        write_pcr_file(&w, &set);
        REQUIRE(writer_ok(&w));
        w.data[cases[i].at] = cases[i].value;
        CHECK(!tools_pcrs(writer_bytes(&w), &got, &err));
        CHECK_INT(err.code, cases[i].code);
        if (err.code != cases[i].code)
            test_note("%s: %s", cases[i].what, err.text);
    }
}

TEST(keys_are_read_in_every_form_that_the_tools_write)
{
    CLEANUP(privkey_free_at) struct privkey *priv = NULL;
    CLEANUP(writer_done) struct writer bare = { 0 }, prefixed = { 0 };
    CLEANUP(arena_done) struct arena a = { 0 };
    struct err err = ERR_INIT;
    struct tpm_public pub;
    struct bytes forms[4];
    char *pem;

    REQUIRE_OK(privkey_generate(PRIVKEY_RSA_2048, &priv, &err), err);
    sealing_template(BYTES_NONE, &pub);
    pub.rsa_n = pubkey_rsa_n(privkey_public(priv));
    tpm_public_encode(&bare, &pub);
    tpm_public_encode_2b(&prefixed, &pub);
    pem = pubkey_pem(privkey_public(priv), &a);
    REQUIRE(pem != NULL && writer_ok(&bare) && writer_ok(&prefixed));
    forms[0] = writer_bytes(&bare);
    forms[1] = writer_bytes(&prefixed);
    forms[2] = bytes_of_string(pem);
    forms[3] = pubkey_spki(privkey_public(priv));
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        CLEANUP(pubkey_free_at) struct pubkey *key = NULL;

        REQUIRE_OK(tools_key(forms[i], &key, &err), err);
        CHECK(pubkey_equal(key, privkey_public(priv)));
    }
    for (size_t i = 0; i < 2; i++)
        CHECK(tools_public(forms[i], &pub, &err));
}

TEST(files_that_hold_no_key_are_refused)
{
    static const struct bytes files[] = { BYTES_LIT(""),  BYTES_LIT("\0"),  BYTES_LIT("\0\0"),
                                          BYTES_LIT("0"), BYTES_LIT("key"), BYTES_LIT("-----BEGIN PUBLIC KEY-----\n") };

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct pubkey *key = NULL;
        struct err err = ERR_INIT;

        CHECK(!tools_key(files[i], &key, &err) && err.code != ERR_NONE && key == NULL);
    }
}

TEST(a_bare_signature_is_told_apart_by_the_keys_length)
{
    CLEANUP(privkey_free_at) struct privkey *rsa = NULL, *ec = NULL;
    static const uint8_t file[262];
    struct err err = ERR_INIT;

    REQUIRE_OK(privkey_generate(PRIVKEY_RSA_2048, &rsa, &err), err);
    REQUIRE_OK(privkey_generate(PRIVKEY_P256, &ec, &err), err);
    CHECK_INT(tools_signature_form((struct bytes){ file, 256 }, privkey_public(rsa)), SIGNATURE_FORM_RAW_RSASSA);
    CHECK_INT(tools_signature_form((struct bytes){ file, 262 }, privkey_public(rsa)), SIGNATURE_FORM_TPMT);
    CHECK_INT(tools_signature_form((struct bytes){ file, 256 }, privkey_public(ec)), SIGNATURE_FORM_TPMT);
}

/* What people paste: digits with and without 0x, over lines, or behind the name that `tpm2_quote` prints. Anything else is itself. */
TEST(files_of_hexadecimal_digits_stand_for_their_bytes)
{
    /* clang-format off */
    static const struct { const char *member; struct bytes file, want; } rows[] = {
        { NULL,  BYTES_LIT("ff544347\n"),                 BYTES_LIT("\xff\x54\x43\x47") },
        { NULL,  BYTES_LIT("0xFF544347"),                 BYTES_LIT("\xff\x54\x43\x47") },
        { NULL,  BYTES_LIT("0Xff54"),                     BYTES_LIT("\xff\x54") },
        { NULL,  BYTES_LIT("ff54\r\n\t43 47\n"),         BYTES_LIT("\xff\x54\x43\x47") },
        { NULL,  BYTES_LIT("ff5"),                        BYTES_LIT("ff5") },
        { NULL,  BYTES_LIT("ff5g"),                       BYTES_LIT("ff5g") },
        { NULL,  BYTES_LIT("0x"),                         BYTES_LIT("0x") },
        { NULL,  BYTES_LIT("ff00\x7f"),                   BYTES_LIT("ff00\x7f") },
        { NULL,  BYTES_LIT("ff00\0"),                     BYTES_LIT("ff00\0") },
        { NULL,  BYTES_LIT("\xff\x54"),                   BYTES_LIT("\xff\x54") },
        { NULL,  BYTES_LIT(""),                           BYTES_LIT("") },
        { "sig", BYTES_LIT("quoted: ff54\nsig: 0014\n"),  BYTES_LIT("\x00\x14") },
        { "sig", BYTES_LIT("quoted: ff54\n  sig:0014"),   BYTES_LIT("\x00\x14") },
        { "sig", BYTES_LIT("signature: 00\nsig: 0014\n"), BYTES_LIT("\x00\x14") },
        { "sig", BYTES_LIT("sig"),                        BYTES_LIT("sig") },
        { "sig", BYTES_LIT("0014"),                       BYTES_LIT("\x00\x14") },
    };
    /* clang-format on */

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(arena_done) struct arena a = { 0 };
        struct bytes file = exact_copy(rows[i].file), got;
        struct err err = ERR_INIT;

        REQUIRE_OK(tools_binary(&a, file, rows[i].member, &got, &err), err);
        CHECK_BYTES(got, rows[i].want);
        if (!bytes_equal(got, rows[i].want))
            test_note("row %zu", i);
        free((void *)file.data);
    }
}

TEST(a_credential_file_has_the_tools_header)
{
    CLEANUP(arena_done) struct arena a = { 0 };
    struct err err = ERR_INIT;
    struct bytes file;

    REQUIRE_OK(tools_credential(&a, BYTES_LIT("\0\1a"), BYTES_LIT("\0\2bc"), &file, &err), err);
    CHECK_BYTES(file, BYTES_LIT("\xba\xdc\xc0\xde\0\0\0\1\0\1a\0\2bc"));
}

TEST(the_size_in_front_of_a_quote_is_taken_off)
{
    CHECK_BYTES(tools_attest(BYTES_LIT("\0\x06\xff\x54\x43\x47\x80\x18")), BYTES_LIT("\xff\x54\x43\x47\x80\x18"));
    CHECK_BYTES(tools_attest(BYTES_LIT("\xff\x54\x43\x47\x80\x18")), BYTES_LIT("\xff\x54\x43\x47\x80\x18"));
    CHECK_BYTES(tools_attest(BYTES_LIT("\0\x02xy")), BYTES_LIT("\0\x02xy"));
    CHECK_BYTES(tools_attest(BYTES_LIT("\0")), BYTES_LIT("\0"));
}

/* What `tpm2_quote -f plain` writes for an EC key, the same without DER, and a TPMT_SIGNATURE: one signature. */
TEST(an_ecdsa_signature_is_read_in_every_form)
{
    CLEANUP(privkey_free_at) struct privkey *ec = NULL;
    CLEANUP(arena_done) struct arena a = { 0 };
    struct err err = ERR_INIT;
    static const uint8_t r[32] = { 0x81, 1 }, s[32] = { 2, 3 };
    const struct tpm_signature signature = { .scheme = SIGNATURE_ECDSA, .hash = DIGEST_SHA256, .r = { r, sizeof r }, .s = { s, sizeof s } };
    CLEANUP(writer_done) struct writer tpmt = { 0 }, bare = { 0 }, der = { 0 };
    struct bytes forms[3];

    REQUIRE_OK(privkey_generate(PRIVKEY_P256, &ec, &err), err);
    tpm_signature_encode(&tpmt, &signature);
    write_bytes(&bare, BYTES_OF(r));
    write_bytes(&bare, BYTES_OF(s));
    write_bytes(&der, BYTES_LIT("\x30\x45\x02\x21\0"));
    write_bytes(&der, BYTES_OF(r));
    write_bytes(&der, BYTES_LIT("\x02\x20"));
    write_bytes(&der, BYTES_OF(s));
    forms[0] = writer_bytes(&tpmt);
    forms[1] = writer_bytes(&bare);
    forms[2] = writer_bytes(&der);
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        struct tpm_signature got;
        enum signature_form form;
        struct bytes read;
        REQUIRE_OK(tools_signature(&a, forms[i], privkey_public(ec), NULL, BYTES_NONE, &read, &form, &err), err);
        REQUIRE_OK(tpm_signature_decode(read, &got, &err), err);
        CHECK(form == SIGNATURE_FORM_TPMT && got.scheme == SIGNATURE_ECDSA && got.hash == DIGEST_SHA256);
        CHECK_BYTES(got.r, BYTES_OF(r));
        CHECK_BYTES(got.s, BYTES_OF(s));
    }
    for (size_t n = 0; n < forms[2].len; n++) { /* cut anywhere: handed on as it is, for quote_verify to refuse */
        struct bytes read, cut = bytes_slice(forms[2], 0, n);
        enum signature_form form;
        REQUIRE_OK(tools_signature(&a, cut, privkey_public(ec), NULL, BYTES_NONE, &read, &form, &err), err);
        if (n != 64)
            CHECK_BYTES(read, cut);
    }
}

/* `tpm2_quote -f plain` and what it prints: nothing but the number. A key in PEM or DER does not say how it pads. */
TEST(a_bare_rsa_signature_is_padded_as_the_key_says_or_as_it_holds)
{
    static const enum signature_scheme schemes[] = { SIGNATURE_RSASSA, SIGNATURE_RSAPSS };
    const struct tpm_public says_rsassa = { .scheme = { .algorithm = TPM_ALG_RSASSA } },
                            says_rsapss = { .scheme = { .algorithm = TPM_ALG_RSAPSS } };
    CLEANUP(arena_done) struct arena a = { 0 };
    const struct bytes message = BYTES_LIT("a quote");
    struct err err = ERR_INIT;

    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        CLEANUP(privkey_free_at) struct privkey *rsa = NULL;
        const struct tpm_public *keys[] = { NULL, &says_rsassa, &says_rsapss };
        uint8_t signature[PRIVKEY_SIGNATURE_MAX];
        size_t len;

        if (i && test_is_on_wine())
            continue;
        REQUIRE_OK(privkey_generate(PRIVKEY_RSA_2048, &rsa, &err), err);
        REQUIRE_OK(privkey_sign(rsa, schemes[i], DIGEST_SHA256, message, signature, &len, &err), err);
        for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
            enum signature_scheme want = !keys[k] ? schemes[i] : k == 1 ? SIGNATURE_RSASSA : SIGNATURE_RSAPSS;
            struct tpm_signature got;
            enum signature_form form;
            struct bytes read;
            REQUIRE_OK(tools_signature(&a, (struct bytes){ signature, len }, privkey_public(rsa), keys[k], message, &read, &form, &err),
                       err);
            REQUIRE_OK(tpm_signature_decode(read, &got, &err), err);
            CHECK_INT(got.scheme, want);
        }
    }
}
