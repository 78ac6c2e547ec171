#include "crypto/pem.h"
#include "support/test.h"

TEST(der_comes_back_from_its_pem)
{
    struct arena a = { 0 };
    uint8_t der[100];
    struct writer w = { 0 };
    struct bytes text, back;
    struct err err = ERR_INIT;

    for (size_t i = 0; i < sizeof der; i++)
        der[i] = (uint8_t)(i * 7);
    for (size_t n = 0; n < sizeof der; n++) {
        writer_reset(&w);
        pem_write(&w, "THING", (struct bytes){ der, n });
        text = writer_bytes(&w);
        REQUIRE_OK(pem_next(&a, &text, "THING", &back, &err), err);
        CHECK_BYTES(back, ((struct bytes){ der, n }));
    }
    writer_done(&w);
    arena_done(&a);
}

TEST(blocks_come_in_order_and_others_are_skipped)
{
    struct bytes text = BYTES_LIT("words\r\n-----BEGIN A-----\r\nAQ==\r\n-----END A-----\n-----BEGIN B-----\nAg==\n-----END B-----\n"
                                  "-----BEGIN A-----\nAw==\n-----END A-----");
    struct arena a = { 0 };
    struct err err = ERR_INIT;
    struct bytes der;

    REQUIRE_OK(pem_next(&a, &text, "A", &der, &err), err);
    CHECK_BYTES(der, BYTES_LIT("\x01"));
    REQUIRE_OK(pem_next(&a, &text, "A", &der, &err), err);
    CHECK_BYTES(der, BYTES_LIT("\x03"));
    CHECK(!pem_next(&a, &text, "A", &der, &err) && err.code == ERR_NOT_FOUND);
    arena_done(&a);
}

TEST(what_is_not_pem_is_refused)
{
    static const struct {
        const char *text;
        enum err_code code;
    } rows[] = {
        { "", ERR_NOT_FOUND },
        { "-----BEGIN A----", ERR_NOT_FOUND },
        { "-----BEGIN A-----\nAQ==", ERR_MALFORMED },
        { "-----BEGIN A-----\nAQ==\n-----END B-----", ERR_MALFORMED },
        { "-----BEGIN A-----\nProc-Type: 4\nAQ==\n-----END A-----", ERR_MALFORMED },
        { "-----BEGIN A-----\nAR==\n-----END A-----", ERR_MALFORMED }, /* unused bits set */
    };
    struct arena a = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bytes text = bytes_of_string(rows[i].text), der;
        struct err err = ERR_INIT;

        CHECK(!pem_next(&a, &text, "A", &der, &err));
        CHECK_INT(err.code, rows[i].code);
    }
    arena_done(&a);
}
