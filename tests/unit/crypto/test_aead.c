#include "base/hex.h"
#include "crypto/aead.h"
#include "crypto/random.h"
#include "support/test.h"

static void check_hex(struct bytes b, const char *want)
{
    struct arena a = { 0 };

    CHECK_STRING(hex_in(&a, b), want);
    arena_done(&a);
}

TEST(random_bytes_differ)
{
    uint8_t a[32], b[32];
    struct err err = ERR_INIT;

    REQUIRE_OK(random_bytes(a, sizeof a, &err) && random_bytes(b, sizeof b, &err), err);
    CHECK(!bytes_equal(BYTES_OF(a), BYTES_OF(b)));
    CHECK(!bytes_are_all(BYTES_OF(a), 0));
}

TEST(what_is_sealed_opens_again)
{
    uint8_t key[32] = { 1 }, iv[12] = { 2 }, sealed[100], tag[16], opened[100], plain[100];
    struct err err = ERR_INIT;

    memset(plain, 'p', sizeof plain);
    for (size_t n = 0; n <= sizeof plain; n += 20) {
        REQUIRE_OK(aead_seal(key, iv, BYTES_LIT("Transport Key"), (struct bytes){ plain, n }, sealed, tag, &err), err);
        REQUIRE_OK(aead_open(key, iv, BYTES_LIT("Transport Key"), (struct bytes){ sealed, n }, tag, opened, &err), err);
        CHECK_BYTES(((struct bytes){ opened, n }), ((struct bytes){ plain, n }));
    }
}

/* The GCM specification's test case 14: AES-256, zero key and iv, one zero block. */
TEST(sealing_gives_the_published_values)
{
    uint8_t key[32] = { 0 }, iv[12] = { 0 }, plain[16] = { 0 }, sealed[16], tag[16];
    struct err err = ERR_INIT;

    REQUIRE_OK(aead_seal(key, iv, BYTES_NONE, BYTES_OF(plain), sealed, tag, &err), err);
    check_hex(BYTES_OF(sealed), "cea7403d4d606b6e074ec5d3baf39d18");
    check_hex(BYTES_OF(tag), "d0d1c8a799996bf0265b98b5d48ab919");
}

TEST(a_sealed_text_changed_anywhere_does_not_open)
{
    uint8_t key[32] = { 1 }, iv[12] = { 2 }, sealed[20], tag[16], opened[20];
    struct bytes aad = BYTES_LIT("Transport Key"), cipher = BYTES_OF(sealed);
    struct err err = ERR_INIT;

    REQUIRE(aead_seal(key, iv, aad, BYTES_LIT("twenty bytes of text"), sealed, tag, &err));
    for (size_t i = 0; i < sizeof sealed; i++) {
        sealed[i] ^= 1;
        CHECK(!aead_open(key, iv, aad, cipher, tag, opened, &err) && err.code == ERR_UNTRUSTED);
        CHECK(bytes_are_all(BYTES_OF(opened), 0));
        sealed[i] ^= 1;
    }
    for (size_t i = 0; i < sizeof tag; i++) {
        tag[i] ^= 1;
        CHECK(!aead_open(key, iv, aad, cipher, tag, opened, &err) && err.code == ERR_UNTRUSTED);
        tag[i] ^= 1;
    }
    CHECK(!aead_open(key, iv, BYTES_LIT("transport Key"), cipher, tag, opened, &err) && err.code == ERR_UNTRUSTED);
    key[31] ^= 1;
    CHECK(!aead_open(key, iv, aad, cipher, tag, opened, &err) && err.code == ERR_UNTRUSTED);
}
