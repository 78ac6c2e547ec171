#include <pthread.h>
#include "base/hex.h"
#include "crypto/pcr.h"
#include "support/test.h"

static void check_hex(const struct digest *d, const char *want)
{
    char text[2 * DIGEST_MAX_LEN + 1];

    hex_encode(digest_bytes(d), text);
    CHECK_STRING(text, want);
}

/* FIPS 180-4, FIPS 202 and GB/T 32905 examples: the message "abc". */
static const struct {
    enum digest_algorithm algorithm;
    const char *abc;
} known[] = {
    { DIGEST_SHA1, "a9993e364706816aba3e25717850c26c9cd0d89d" },
    { DIGEST_SHA256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
    { DIGEST_SHA384, "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7" },
    { DIGEST_SHA512,
      "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54c"
      "a49f" },
    { DIGEST_SM3_256, "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0" },
    { DIGEST_SHA3_256, "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532" },
    { DIGEST_SHA3_384, "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b298d88cea927ac7f539f1edf228376d25" },
    { DIGEST_SHA3_512,
      "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f827"
      "4eec53f0" },
};

/* libcrypto has them all; Windows has no SM3, and SHA-3 only of late. */
static bool is_offered(enum digest_algorithm algorithm) { return digest_from_tpm_id(digest_tpm_id(algorithm)) == algorithm; }

TEST(every_algorithm_gives_its_published_value)
{
    unsigned tried = 0;

    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        struct digest d;

        if (!is_offered(known[i].algorithm))
            continue;
        tried++;
        digest_compute(known[i].algorithm, BYTES_LIT("abc"), &d);
        check_hex(&d, known[i].abc);
    }
#ifdef _WIN32
    CHECK(tried >= 4);
#else
    CHECK_INT(tried, ARRAY_LEN(known));
#endif
}

TEST(parts_hash_like_the_whole)
{
    static const struct bytes parts[] = { BYTES_LIT("a"), { NULL, 0 }, BYTES_LIT("bc") };

    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        struct digest d;

        if (!is_offered(known[i].algorithm))
            continue;
        digest_compute_parts(known[i].algorithm, parts, ARRAY_LEN(parts), &d);
        check_hex(&d, known[i].abc);
    }
}

TEST(the_empty_message_has_a_digest)
{
    struct digest d;

    digest_compute(DIGEST_SHA256, BYTES_NONE, &d);
    check_hex(&d, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(no_algorithm_gives_no_digest)
{
    struct digest d;

    digest_compute(DIGEST_NONE, BYTES_LIT("abc"), &d);
    CHECK_INT(digest_bytes(&d).len, 0);
    CHECK_INT(d.algorithm, DIGEST_NONE);
}

TEST(extending_hashes_old_value_and_new_one)
{
    struct digest pcr, measured, want;
    uint8_t both[64] = { 0 };

    digest_compute(DIGEST_SHA256, BYTES_LIT("event"), &measured);
    memcpy(both + 32, measured.value, 32);
    digest_compute(DIGEST_SHA256, BYTES_OF(both), &want);
    pcr_reset_value(DIGEST_SHA256, 4, &pcr);
    digest_extend(&pcr, digest_bytes(&measured));
    CHECK(digest_equal(&pcr, &want));
    CHECK(!digest_equal(&pcr, &measured));
}

TEST(algorithms_are_found_by_number_and_by_name)
{
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        enum digest_algorithm id = known[i].algorithm;

        CHECK_INT(digest_from_tpm_id(digest_tpm_id(id)), is_offered(id) ? id : DIGEST_NONE);
        CHECK_INT(digest_from_name(bytes_of_string(digest_name(id))), is_offered(id) ? id : DIGEST_NONE);
        CHECK_INT(digest_len(id) * 2, strlen(known[i].abc));
    }
    CHECK_INT(digest_from_tpm_id(0x0010), DIGEST_NONE);
    CHECK_INT(digest_from_name(BYTES_LIT("none")), DIGEST_NONE);
    CHECK_INT(digest_from_name(BYTES_LIT("SHA256")), DIGEST_NONE);
    CHECK(!digest_is_strong(DIGEST_SHA1) && !digest_is_strong(DIGEST_NONE) && digest_is_strong(DIGEST_SM3_256));
}

/* RFC 4231, test cases 1, 2 and 6; case 6 has a key longer than a block. */
TEST(hmac_gives_the_published_values)
{
    uint8_t key1[20], key6[131], mac[32];
    struct bytes one = BYTES_LIT("Hi There");
    struct bytes two[] = { BYTES_LIT("what do ya want "), BYTES_LIT("for nothing?") };
    struct bytes six = BYTES_LIT("Test Using Larger Than Block-Size Key - Hash Key First");
    struct digest d;

    memset(key1, 0x0b, sizeof key1);
    memset(key6, 0xaa, sizeof key6);
    hmac_sha256(BYTES_OF(key1), &one, 1, mac);
    d = (struct digest){ .algorithm = DIGEST_SHA256 };
    memcpy(d.value, mac, 32);
    check_hex(&d, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    hmac_compute(DIGEST_SHA256, BYTES_LIT("Jefe"), two, 2, &d);
    check_hex(&d, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    hmac_compute(DIGEST_SHA384, BYTES_OF(key6), &six, 1, &d);
    check_hex(&d, "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952");
}

TEST(hmac_of_every_algorithm_has_its_length)
{
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        struct bytes part = BYTES_LIT("x");
        struct digest d;

        hmac_compute(known[i].algorithm, BYTES_NONE, &part, 1, &d);
        CHECK_INT(digest_bytes(&d).len, is_offered(known[i].algorithm) ? digest_len(known[i].algorithm) : 0);
    }
}

static void *hash_many(void *failed)
{
    for (unsigned i = 0; i < 2000; i++) {
        struct digest d;
        char text[2 * DIGEST_MAX_LEN + 1];

        if (!is_offered(known[i % ARRAY_LEN(known)].algorithm))
            continue;
        digest_compute(known[i % ARRAY_LEN(known)].algorithm, BYTES_LIT("abc"), &d);
        hex_encode(digest_bytes(&d), text);
        if (strcmp(text, known[i % ARRAY_LEN(known)].abc) != 0)
            *(bool *)failed = true;
    }
    return NULL;
}

TEST(threads_do_not_disturb_each_other)
{
    pthread_t threads[4];
    bool failed[4] = { false };

    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        REQUIRE(pthread_create(&threads[i], NULL, hash_many, &failed[i]) == 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        pthread_join(threads[i], NULL);
        CHECK(!failed[i]);
    }
}

TEST(a_register_is_found_only_where_it_is_present)
{
    static struct pcr_set set = { .n_banks = 1, .banks = { { .algorithm = DIGEST_SHA256, .present = 1u << 7 } } };

    pcr_reset_value(DIGEST_SHA256, 7, &set.banks[0].value[7]);
    CHECK(pcr_find(&set, DIGEST_SHA256, 7) == &set.banks[0].value[7]);
    CHECK(pcr_find(&set, DIGEST_SHA256, 6) == NULL);
    CHECK(pcr_find(&set, DIGEST_SHA256, LIMIT_PCRS) == NULL);
    CHECK(pcr_find(&set, DIGEST_SHA256, 39) == NULL);
    CHECK(pcr_find(&set, DIGEST_SHA384, 7) == NULL);
}

TEST(dynamic_launch_registers_reset_to_ones)
{
    for (unsigned pcr = 0; pcr < LIMIT_PCRS; pcr++) {
        struct digest d;

        pcr_reset_value(DIGEST_SHA256, pcr, &d);
        CHECK(bytes_are_all(digest_bytes(&d), pcr >= 17 && pcr <= 22 ? 0xff : 0));
    }
}

TEST(a_copy_of_registers_holds_the_banks_that_are_there_and_nothing_else_is_written)
{
    static struct pcr_set from = { .n_banks = 2,
                                   .banks = { { .algorithm = DIGEST_SHA256, .present = 1u << 7 }, { .algorithm = DIGEST_SHA384 } } };
    static struct pcr_set to;

    pcr_reset_value(DIGEST_SHA256, 7, &from.banks[0].value[7]);
    memset(&to, 0x5a, sizeof to);
    pcr_set_copy(&from, &to);
    CHECK(pcr_sets_equal(&from, &to));
    CHECK_BYTES(((struct bytes){ (const uint8_t *)to.banks, 2 * sizeof *to.banks }),
                ((struct bytes){ (const uint8_t *)from.banks, 2 * sizeof *from.banks }));
    for (size_t i = 0; i < (LIMIT_PCR_BANKS - 2) * sizeof *to.banks; i++)
        REQUIRE(((const uint8_t *)&to.banks[2])[i] == 0x5a);
}
