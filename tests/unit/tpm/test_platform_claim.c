#include "tpm/platform_claim.h"
#include <stdlib.h>
#include "base/writer.h"
#include "support/test.h"

struct shape {
    const char *magic;
    uint32_t platform, header_size /* 0: right */, algorithm, value_len, quote, signature, log;
    const char *more_header, *behind;
};

static const struct shape right = { "PADS", 2, 0, 0, 32, 100, 256, 10, "", "" };

/* The quote is 'Q's, the signature 'S's, the log 'L's, register i holds bytes of value i. */
static void write_claim(struct writer *w, const struct shape *s)
{
    bool second = memcmp(s->magic, "PADS", 4) != 0;
    uint32_t size = 28 + (second ? 4 : 0) + (uint32_t)strlen(s->more_header);

    write_bytes(w, (struct bytes){ (const uint8_t *)s->magic, 4 });
    write_u32le(w, s->platform);
    write_u32le(w, s->header_size ? s->header_size : size);
    write_u32le(w, 24 * s->value_len);
    write_u32le(w, s->quote);
    write_u32le(w, s->signature);
    write_u32le(w, s->log);
    if (second)
        write_u32le(w, s->algorithm);
    write_string(w, s->more_header);
    for (unsigned i = 0; i < 24 * s->value_len; i++)
        write_u8(w, (uint8_t)(i / s->value_len));
    for (unsigned i = 0; i < s->quote + s->signature + s->log; i++)
        write_u8(w, i < s->quote ? 'Q' : i < s->quote + s->signature ? 'S' : 'L');
    write_string(w, s->behind);
}

TEST(both_forms_are_read_field_by_field)
{
    static const struct {
        struct shape shape;
        enum digest_algorithm algorithm;
    } rows[] = {
        { { "PADS", 2, 0, 0, 32, 100, 256, 10, "", "" }, DIGEST_SHA256 },
        { { "PADS", 2, 0, 0, 20, 100, 256, 0, "", "" }, DIGEST_SHA1 },
        { { "PAD2", 2, 0, 11, 32, 1, 1, 0, "", "" }, DIGEST_SHA256 },
        { { "\x02\0\0", 2, 0, 12, 48, 100, 256, 10, "more of it", "" }, DIGEST_SHA384 },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct writer w CLEANUP(writer_done) = { 0 };
        struct platform_claim claim;
        struct err err = ERR_INIT;

        write_claim(&w, &rows[i].shape);
        REQUIRE_OK(platform_claim_read(writer_bytes(&w), &claim, &err), err);
        CHECK_INT(claim.bank.algorithm, rows[i].algorithm);
        CHECK_INT(claim.bank.present, 0xffffff);
        CHECK(claim.bank.value[23].value[0] == 23 && claim.bank.value[0].value[rows[i].shape.value_len - 1] == 0);
        CHECK_INT(claim.quote.len, rows[i].shape.quote);
        CHECK(bytes_are_all(claim.quote, 'Q') && bytes_are_all(claim.signature, 'S') && bytes_are_all(claim.log, 'L'));
        CHECK_INT(claim.log.len, rows[i].shape.log);
    }
}

TEST(a_claim_cut_anywhere_is_refused)
{
    struct writer w CLEANUP(writer_done) = { 0 };

    write_claim(&w, &right);
    for (size_t n = 0; n < writer_bytes(&w).len; n++) {
        struct bytes cut = exact_copy(bytes_slice(writer_bytes(&w), 0, n));
        struct platform_claim claim;
        struct err err = ERR_INIT;

        CHECK(!platform_claim_read(cut, &claim, &err) && err.code == ERR_TRUNCATED);
        free((void *)(uintptr_t)cut.data);
    }
}

TEST(what_is_wrong_is_named)
{
    static const struct {
        struct shape shape;
        const char *words;
    } rows[] = {
        { { "PADX", 2, 0, 0, 32, 100, 256, 10, "", "" }, "magic" },
        { { "PADS", 1, 0, 0, 20, 100, 256, 10, "", "" }, "TPM 2.0" },
        { { "PADS", 2, 27, 0, 32, 100, 256, 10, "", "" }, "header size" },
        { { "PADS", 2, 0xffffffff, 0, 32, 100, 256, 10, "", "" }, "header" },
        { { "PADS", 2, 0, 0, 33, 100, 256, 10, "", "" }, "register values" },
        { { "PAD2", 2, 0, 4, 32, 100, 256, 10, "", "" }, "register values" },
        { { "PADS", 2, 0, 0, 32, 0, 256, 10, "", "" }, "quote" },
        { { "PADS", 2, 0, 0, 32, 100, 0, 10, "", "" }, "signature" },
        { { "PADS", 2, 0, 0, 32, 100, 2049, 10, "", "" }, "signature" },
        { { "PADS", 2, 0, 0, 32, 100, 256, 10, "", "x" }, "behind its end" },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct writer w CLEANUP(writer_done) = { 0 };
        struct platform_claim claim;
        struct err err = ERR_INIT;

        write_claim(&w, &rows[i].shape);
        CHECK(!platform_claim_read(writer_bytes(&w), &claim, &err));
        CHECK(strstr(err.text, rows[i].words) != NULL);
    }
}
