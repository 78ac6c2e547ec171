#include <stdlib.h>
#include "base/arena.h"
#include "base/reader.h"
#include "base/writer.h"
#include "support/test.h"

TEST(a_read_that_does_not_fit_does_not_move)
{
    struct reader r = reader_over(BYTES_LIT("\x01\x02\x03"));
    uint16_t two;
    uint32_t four;

    CHECK(read_u16le(&r, &two) && two == 0x0201);
    CHECK(!read_u32le(&r, &four));
    CHECK_INT(r.offset, 2);
    CHECK_INT(r.rest.len, 1);
}

TEST(integers_come_back_as_they_were_written_in_either_byte_order)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    uint16_t a, d;
    uint32_t b, e;
    uint64_t c, f;

    write_u16le(&w, 0x1234);
    write_u32le(&w, 0x89abcdef);
    write_u64le(&w, 0x0123456789abcdefu);
    write_u16be(&w, 0x1234);
    write_u32be(&w, 0x89abcdef);
    write_u64be(&w, 0x0123456789abcdefu);
    struct reader r = reader_over(writer_bytes(&w));
    REQUIRE(read_u16le(&r, &a) && read_u32le(&r, &b) && read_u64le(&r, &c));
    REQUIRE(read_u16be(&r, &d) && read_u32be(&r, &e) && read_u64be(&r, &f));
    CHECK(a == 0x1234 && b == 0x89abcdef && c == 0x0123456789abcdefu);
    CHECK(d == a && e == b && f == c && reader_done(&r));
}

TEST(a_prefixed_field_cut_anywhere_is_refused_and_nothing_moves)
{
    const struct bytes whole = BYTES_LIT("\x00\x04"
                                         "abcd");
    for (size_t n = 0; n < whole.len; n++) {
        struct bytes cut = exact_copy(bytes_slice(whole, 0, n));
        struct reader r = reader_over(cut);
        struct bytes field;
        CHECK(!read_u16be_prefixed(&r, &field));
        CHECK_INT(r.offset, 0);
        free((void *)cut.data);
    }
}

TEST(room_that_is_reserved_is_written_to_without_growing_and_past_the_limit_nothing_is_reserved)
{
    struct writer w CLEANUP(writer_done) = { .limit = 2000 };
    const uint8_t *at;

    write_string(&w, "abc");
    writer_reserve(&w, 997);
    CHECK_INT(w.len, 3);
    CHECK_INT(w.capacity, 1000);
    at = w.data;
    REQUIRE(write_space(&w, 997));
    CHECK(w.data == at && w.capacity == 1000 && memcmp(w.data, "abc", 3) == 0);
    writer_reserve(&w, 10);
    writer_reserve(&w, 5); /* there is more already */
    CHECK_INT(w.capacity, 1010);
    writer_reserve(&w, 1001);
    writer_reserve(&w, SIZE_MAX);
    CHECK_INT(w.capacity, 1010);
    CHECK(writer_ok(&w));
    REQUIRE(write_space(&w, 1000)); /* it grows as ever, up to the limit */
    CHECK(!write_space(&w, 1) && !writer_ok(&w));
    writer_reserve(&w, 1); /* and stays bad */
    CHECK(!writer_ok(&w));
}

TEST(a_writer_past_its_limit_turns_bad_and_stays_bad)
{
    struct writer w CLEANUP(writer_done) = { .limit = 4 };

    write_string(&w, "abcd");
    CHECK(writer_ok(&w));
    write_u8(&w, 'e');
    CHECK(!writer_ok(&w));
    write_u8(&w, 'f');
    CHECK_INT(w.len, 4);
}

TEST(an_arena_keeps_to_its_budget)
{
    struct arena a CLEANUP(arena_done) = { 0 };

    arena_init(&a, 1024);
    CHECK(arena_alloc(&a, 1000) != NULL);
    CHECK(arena_alloc(&a, 1000) == NULL);
    CHECK(arena_array(&a, SIZE_MAX / 2, 4) == NULL);
}

TEST(an_arena_hands_out_zeroed_memory_after_a_reset)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    uint8_t *p = arena_alloc(&a, 64);

    REQUIRE(p != NULL);
    memset(p, 0xff, 64);
    arena_reset(&a);
    p = arena_alloc(&a, 64);
    REQUIRE(p != NULL);
    CHECK(bytes_are_all((struct bytes){ p, 64 }, 0));
}

TEST(slices_never_reach_outside)
{
    struct bytes b = BYTES_LIT("abc");

    CHECK_INT(bytes_slice(b, 1, 100).len, 2);
    CHECK_INT(bytes_slice(b, 3, 1).len, 0);
    CHECK_INT(bytes_slice(b, 100, 1).len, 0);
    CHECK(bytes_find(b, BYTES_LIT("bc")) == 1 && bytes_find(b, BYTES_LIT("x")) == SIZE_MAX);
}

TEST(an_error_says_where_it_was_and_prints_no_control_characters)
{
    struct err err = ERR_INIT;

    CHECK(!err_set(&err, ERR_MALFORMED, "bad\x1b[31m name"));
    CHECK(!err_within(&err, "event %d", 17));
    CHECK_STRING(err.text, "event 17: bad?[31m name");
    CHECK(err.code == ERR_MALFORMED);
}

TEST(what_an_error_points_at_and_advises_stays_until_the_next_one_and_is_never_half)
{
    struct err err = ERR_INIT, copy = ERR_INIT;
    char name[200] = "";

    CHECK(!(err_set(&err, ERR_MALFORMED, "tags is not an object") || err_at(&err, "/tags/%s", "a~1b") ||
            err_remedy(&err, "docs/providers.md", "trueboot provider show %s", "p\nq")));
    CHECK(!err_within(&err, "the request's body"));
    CHECK(!err_copy(&copy, &err));
    CHECK_STRING(copy.text, "the request's body: tags is not an object");
    CHECK_STRING(copy.target, "/tags/a~1b");
    CHECK_STRING(copy.command, "trueboot provider show p?q");
    CHECK_STRING(copy.doc, "docs/providers.md");
    memset(name, 'x', sizeof err.target - 6); /* with "/tags" and the slash one more than there is room for */
    CHECK(!err_at(&err, "/tags/%s", name));
    CHECK_STRING(err.target, "");
    name[sizeof err.target - 7] = '\0';
    CHECK(!err_at(&err, "/tags/%s", name));
    CHECK_INT(strlen(err.target), sizeof err.target - 1);
    CHECK(!err_set(&err, ERR_IO, "something else"));
    CHECK(!err.target[0] && !err.command[0] && !err.doc);
}
