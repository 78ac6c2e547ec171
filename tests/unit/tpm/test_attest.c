#include <stdlib.h>
#include "base/hex.h"
#include "support/quote_builder.h"
#include "support/test.h"
#include "tpm/attest.h"
#include "tpm/policy_digest.h"

/* clang-format off */
static const uint8_t quote[] = {
    0xff, 0x54, 0x43, 0x47,                         /* TPM_GENERATED_VALUE */
    0x80, 0x18,                                     /* TPM_ST_ATTEST_QUOTE */
    0x00, 0x16, 0x00, 0x04,                         /* qualifiedSigner: a SHA-1 Name, the shortest there is */
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,
    0x00, 0x04, 'n', 'o', 'n', 'c',                 /* extraData */
    0, 0, 0, 0, 0, 0, 0x12, 0x34,                   /* clock, ms */
    0, 0, 0, 7,                                     /* resetCount */
    0, 0, 0, 3,                                     /* restartCount */
    0x01,                                           /* safe */
    0x20, 0x19, 0x10, 0x23, 0x00, 0x16, 0x36, 0x36, /* firmwareVersion */
    0x00, 0x00, 0x00, 0x02,                         /* two banks */
    0x00, 0x0b, 0x03, 0xff, 0x08, 0x80,             /* SHA-256: 0-7, 11, 23 */
    0x00, 0x04, 0x03, 0x00, 0x00, 0x00,             /* SHA-1: none */
    0x00, 0x02, 0xaa, 0xbb,                         /* pcrDigest */
};
enum { SIGNER_LEN_AT = 7, SAFE_AT = 52, N_BANKS_AT = 61, SELECT_LEN_AT = 67, MASK_AT = 68, DIGEST_LEN_AT = 78 };
/* clang-format on */

TEST(a_quote_is_read_field_by_field)
{
    struct err err = ERR_INIT;
    struct attest q;

    REQUIRE_OK(attest_decode(BYTES_OF(quote), &q, &err), err);
    CHECK_INT(q.magic, TPM_GENERATED);
    CHECK_INT(q.type, TPM_ST_ATTEST_QUOTE);
    CHECK_INT(q.qualified_signer.len, 22);
    CHECK_BYTES(q.extra_data, BYTES_LIT("nonc"));
    CHECK_INT(q.clock.clock_ms, 0x1234);
    CHECK_INT(q.clock.reset_count, 7);
    CHECK_INT(q.clock.restart_count, 3);
    CHECK(q.clock.safe);
    CHECK_INT(q.firmware_version, 0x2019102300163636);
    CHECK_INT(q.selection.n_banks, 2);
    CHECK_INT(q.selection.banks[0].algorithm, DIGEST_SHA256);
    CHECK_INT(q.selection.banks[0].mask, 0x8008ff);
    CHECK_INT(q.selection.banks[1].algorithm, DIGEST_SHA1);
    CHECK_INT(q.selection.banks[1].mask, 0);
    CHECK_BYTES(q.pcr_digest, BYTES_LIT("\xaa\xbb"));
}

TEST(a_quote_cut_anywhere_is_refused_as_truncated)
{
    for (size_t n = 0; n < sizeof quote; n++) {
        struct bytes cut = exact_copy((struct bytes){ quote, n });
        struct err err = ERR_INIT;
        struct attest q;

        CHECK(!attest_decode(cut, &q, &err) && err.code == ERR_TRUNCATED);
        free((void *)cut.data);
    }
}

TEST(a_quote_with_one_wrong_field_is_refused)
{
    /* clang-format off */
    static const struct { const char *what; size_t at; uint8_t value; enum err_code code; } cases[] = {
        { "a signer longer than what is left",  SIGNER_LEN_AT - 1, 0x40, ERR_TRUNCATED },
        { "a signer of the wrong length",       SIGNER_LEN_AT,     0x15, ERR_MALFORMED },
        { "a signer of an unknown algorithm",   SIGNER_LEN_AT + 2, 0x99, ERR_MALFORMED },
        { "a SHA-512 signer with 20 bytes",     SIGNER_LEN_AT + 2, 0x0d, ERR_MALFORMED },
        { "safe neither yes nor no",            SAFE_AT,           0x02, ERR_MALFORMED },
        { "nine banks",                         N_BANKS_AT + 3,    0x09, ERR_LIMIT },
        { "four thousand million banks",        N_BANKS_AT,        0xff, ERR_LIMIT },
        { "a bitmap of five bytes",             SELECT_LEN_AT,     0x05, ERR_MALFORMED },
        { "a digest longer than what is left",  DIGEST_LEN_AT,     0x03, ERR_TRUNCATED },
        { "a digest shorter than what is left", DIGEST_LEN_AT,     0x01, ERR_MALFORMED },
    };
    /* clang-format on */
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t wrong[sizeof quote];
        struct err err = ERR_INIT;
        struct attest q;

        memcpy(wrong, quote, sizeof wrong);
        wrong[cases[i].at] = cases[i].value;
        CHECK(!attest_decode(BYTES_OF(wrong), &q, &err));
        CHECK_INT(err.code, cases[i].code);
        if (err.code != cases[i].code)
            test_note("%s: %s", cases[i].what, err.text);
    }
}

/* Part 2, 10.4.3: TPM2B_DATA holds a TPMT_HA at most: an algorithm and 64 bytes. */
TEST(qualifying_data_is_at_most_a_hash_with_its_algorithm)
{
    enum { DATA_LEN_AT = 30, DATA_LEN = 4, MOST = LIMIT_NONCE_BYTES + 2 };

    for (size_t len = MOST; len <= MOST + 1; len++) {
        CLEANUP(writer_done) struct writer w = { 0 };
        struct err err = ERR_INIT;
        struct attest q;

        write_bytes(&w, (struct bytes){ quote, DATA_LEN_AT });
        write_u16be(&w, (uint16_t)len);
        for (size_t i = 0; i < len; i++)
            write_u8(&w, 'n');
        write_bytes(&w, bytes_slice(BYTES_OF(quote), DATA_LEN_AT + 2 + DATA_LEN, sizeof quote));
        CHECK_INT(attest_decode(writer_bytes(&w), &q, &err), len == MOST);
        CHECK_INT(err.code, len == MOST ? ERR_NONE : ERR_MALFORMED);
    }
}

TEST(a_selection_of_registers_that_do_not_exist_is_refused)
{
    static const uint8_t beyond[] = { 0, 0, 0, 1, 0x00, 0x0b, 4, 0xff, 0, 0, 0x01 },
                         padded[] = { 0, 0, 0, 1, 0x00, 0x0b, 4, 0xff, 0, 0, 0 };
    struct reader r = reader_over(BYTES_OF(beyond));
    struct pcr_selection selection;
    struct err err = ERR_INIT;

    CHECK(!read_pcr_selection(&r, &selection, &err));
    CHECK_INT(err.code, ERR_MALFORMED);
    r = reader_over(BYTES_OF(padded));
    CHECK(read_pcr_selection(&r, &selection, &err));
    CHECK_INT(selection.banks[0].mask, 0xff);
}

TEST(names_of_every_hash_are_read_and_written_back)
{
    static const enum digest_algorithm algorithms[] = { DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512, DIGEST_SM3_256 };

    for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) { /* attack Q10 */
        uint8_t name[2 + DIGEST_MAX_LEN] = { (uint8_t)(digest_tpm_id(algorithms[i]) >> 8), (uint8_t)digest_tpm_id(algorithms[i]) };
        CLEANUP(writer_done) struct writer w = { 0 }, w2 = { 0 };
        struct attest attest = { .magic = TPM_GENERATED, .type = TPM_ST_ATTEST_CERTIFY }, again;
        struct err err = ERR_INIT;

        if (digest_from_tpm_id(digest_tpm_id(algorithms[i])) == DIGEST_NONE)
            continue; /* Windows has no SM3 */
        attest.qualified_signer = attest.name = attest.qualified_name = (struct bytes){ name, 2 + digest_len(algorithms[i]) };
        attest_encode(&w, &attest);
        REQUIRE_OK(attest_decode(writer_bytes(&w), &again, &err), err);
        CHECK_INT(again.name.len, 2 + digest_len(algorithms[i]));
        attest_encode(&w2, &again);
        CHECK_BYTES(writer_bytes(&w2), writer_bytes(&w));
        for (size_t n = 0; n < w.len; n++)
            CHECK(!attest_decode(bytes_slice(writer_bytes(&w), 0, n), &again, &err) && err.code == ERR_TRUNCATED);
    }
}

TEST(other_attestations_are_recognised_and_left_unread)
{
    static const struct {
        uint16_t type;
        const char *name;
    } types[] = { { TPM_ST_ATTEST_NV, "NV certification" }, { TPM_ST_ATTEST_TIME, "time attestation" }, { 0x1234, "unknown structure" } };

    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        uint8_t other[sizeof quote];
        struct err err = ERR_INIT;
        struct attest q;

        memcpy(other, quote, sizeof other);
        other[4] = (uint8_t)(types[i].type >> 8);
        other[5] = (uint8_t)types[i].type;
        REQUIRE_OK(attest_decode(BYTES_OF(other), &q, &err), err);
        CHECK_STRING(attest_type_name(q.type), types[i].name);
        CHECK_INT(q.selection.n_banks, 0);
        CHECK_INT(q.pcr_digest.len, 0);
        CHECK_INT(q.other.len, sizeof quote - N_BANKS_AT);
    }
}

TEST(encoding_a_decoded_quote_gives_the_same_bytes)
{
    CLEANUP(writer_done) struct writer w = { 0 };
    struct err err = ERR_INIT;
    struct attest q;

    REQUIRE_OK(attest_decode(BYTES_OF(quote), &q, &err), err);
    attest_encode(&w, &q);
    CHECK_BYTES(writer_bytes(&w), BYTES_OF(quote));
}

/* guest-agent.md 13 */
TEST(policy_digests_are_those_of_the_specification)
{
    /* clang-format off */
    static const struct { uint32_t mask; bool zero; const char *pcr_digest, *policy; } vectors[] = {
        { 0x00ff, true,  "5341e6b2646979a70e57653007a1f310169421ec9bdd9f1a5648f75ade005af1", "9a72c2e06a93c453a86efb47532e9c7a91dcab018e675919910c58d6a1a5aa78" },
        { 0x00ff, false, "2b3e6d92bfa1c8f41c60e107bc352d83e51e1a4414298a2e3ed2bac1a2427a53", "7dedc584f25d93c8e7d0975faab561489a6e09c37d0600171116f87b14727b63" },
        { 0x08ff, true,  "2d5565fb483d8ea4525a7a9229677d1038ad34b6e22c8d5152e1d7f7b9817597", "9bd5f0e4ad8519361a2c186e975f843a9ac7051251cae2ab18c9d4ea82e28822" },
        { 0x08ff, false, "ab1e34001d79aca7d37863f9329d4c610a46b41317e77dc5f1b2a847c76e5f5e", "22c8d8478876af44e604b6468d2f8e500946eb713f7f8209fe9a007c2ec40507" },
        { 0x78ff, true,  "a1a4f5721c1c4610af7f71078f3a68c330536d679803b0e0507ee8dc10c5dfca", "2750db6f2a53768b685a218c203731b3b97c69c02380c0216671c174b12ee438" },
        { 0x78ff, false, "0a29a55cb1e640b7ce889f4e29329c0953e7e525fa2960769fe11de8b55f94fe", "b1c211400fbdeadeee89d7fdfb61359cb04a2f96705ce7c58125f94e38e32d48" },
    };
    /* clang-format on */
    struct arena a = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        struct digest pcr_digest, policy;
        struct err err = ERR_INIT;
        struct pcr_set set = { 0 };

        pcr_set_add_test_bank(&set, DIGEST_SHA256, vectors[i].mask);
        for (unsigned pcr = 0; vectors[i].zero && pcr < LIMIT_PCRS; pcr++)
            digest_fill(&set.banks[0].value[pcr], DIGEST_SHA256, 0);
        REQUIRE_OK(pcr_set_digest(&set, DIGEST_SHA256, &pcr_digest, &err), err);
        REQUIRE_OK(policy_pcr_digest(DIGEST_SHA256, &set, &policy, &err), err);
        CHECK_STRING(hex_in(&a, digest_bytes(&pcr_digest)), vectors[i].pcr_digest);
        CHECK_STRING(hex_in(&a, digest_bytes(&policy)), vectors[i].policy);
    }
    arena_done(&a);
}
