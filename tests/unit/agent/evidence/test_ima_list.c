/* What of the kernel's list is sent: from where the service has it to the quoted value, in pieces, never an old copy. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "agent/evidence/ima_list.h"
#include "agent/files/file_part.h"
#include "agent/machine/collect.h"
#include "base/file.h"
#include "support/test.h"

#define BOOT_ID "0c0f31ad-1fd4-4d9f-8f3f-3a5c5b2c9e10"

struct ground {
    char dir[64], path[80];
    struct writer list;
    struct arena a;
    struct notes notes;
    struct pcr_set quoted; /* register 10 after all entries */
};

static void ground_done(struct ground *g)
{
    char command[100];

    snprintf(command, sizeof command, "rm -rf %s", g->dir);
    CHECK(system(command) == 0);
    writer_done(&g->list);
    arena_done(&g->a);
}

static bool ground_make(struct ground *g)
{
    *g = (struct ground){ .dir = "/tmp/trueboot-ima-XXXXXX" };
    g->quoted.n_banks = 1;
    g->quoted.banks[0] = (struct pcr_bank){ .algorithm = DIGEST_SHA256, .present = 1u << 10 };
    pcr_reset_value(DIGEST_SHA256, 10, &g->quoted.banks[0].value[10]);
    if (!mkdtemp(g->dir))
        return false;
    snprintf(g->path, sizeof g->path, "%s/ima", g->dir);
    return true;
}

/* n entries of `size` bytes of content. */
static bool grow(struct ground *g, size_t n, size_t size)
{
    struct err err = ERR_INIT;

    for (size_t i = 0; i < n; i++) {
        struct writer data CLEANUP(writer_done) = { 0 };
        struct digest digest;
        for (size_t k = 0; k < size; k++)
            write_u8(&data, (uint8_t)i);
        digest_compute(DIGEST_SHA1, writer_bytes(&data), &digest);
        write_u32le(&g->list, 10);
        write_bytes(&g->list, digest_bytes(&digest));
        write_u32le(&g->list, 6);
        write_string(&g->list, "imatst");
        write_u32le(&g->list, (uint32_t)size);
        write_bytes(&g->list, writer_bytes(&data));
        digest_compute(DIGEST_SHA256, writer_bytes(&data), &digest);
        digest_extend(&g->quoted.banks[0].value[10], digest_bytes(&digest));
    }
    return file_write(g->path, writer_bytes(&g->list), 0600, &err);
}

static bool take(struct ground *g, const struct ima_sent *sent, const struct pcr_set *quoted, struct ima_part *ret)
{
    struct failure why = FAILURE_INIT;

    return ima_list_take(g->path, NULL, BOOT_ID, sent, quoted, &g->a, ret, &g->notes, &why);
}

TEST(what_is_new_is_taken_to_the_quoted_value_and_no_further)
{
    struct ground g CLEANUP(ground_done);
    struct ima_sent sent = { .boot_id = "" };
    struct ima_part part;
    struct pcr_set quoted;
    size_t quoted_len;

    REQUIRE(ground_make(&g) && grow(&g, 5, 40));
    quoted = g.quoted;
    quoted_len = g.list.len;
    REQUIRE(grow(&g, 3, 40)); /* after the quote */
    REQUIRE(take(&g, &sent, &quoted, &part));
    CHECK(part.there && !part.more && part.from == 0 && part.content.len == quoted_len && part.next.replay.n == 5);
    sent = part.next;
    CHECK_STRING(sent.boot_id, BOOT_ID);
    REQUIRE(take(&g, &sent, &quoted, &part));
    CHECK(part.there && !part.more && part.from == 5 && part.content.len == 0 && part.next.replay.n == 5);
    REQUIRE(take(&g, &sent, &g.quoted, &part));
    CHECK(part.there && !part.more && part.from == 5 && part.next.replay.n == 8);
    CHECK_BYTES(part.content, bytes_slice(writer_bytes(&g.list), quoted_len, g.list.len));
    snprintf(sent.boot_id, sizeof sent.boot_id, "%s", "another boot");
    REQUIRE(take(&g, &sent, &g.quoted, &part));
    CHECK(part.there && part.from == 0 && part.next.replay.n == 8);
    CHECK_INT(g.notes.n, 0);
}

TEST(a_long_list_is_taken_in_pieces_within_the_limits)
{
    struct ground g CLEANUP(ground_done);
    struct ima_sent sent = { .boot_id = "" };
    struct ima_part part = { .more = true };
    size_t total = 0, pieces = 0;

    REQUIRE(ground_make(&g) && grow(&g, 50, 100 * 1024));
    while (part.more && pieces++ < 10) {
        REQUIRE(take(&g, &sent, &g.quoted, &part) && part.there);
        CHECK(part.content.len <= LIMIT_IMA_PIECE_BYTES && part.content.len > 0);
        total += part.content.len;
        sent = part.next;
    }
    CHECK(pieces == 3 && total == g.list.len && sent.replay.n == 50 && sent.offset == total);
    REQUIRE(grow(&g, 1, LIMIT_IMA_PIECE_BYTES)); /* an entry that fits into no piece */
    REQUIRE(take(&g, &sent, &g.quoted, &part));
    CHECK(!part.there && g.notes.n == 1);
}

TEST(as_many_entries_as_the_limit_says_are_one_piece_and_one_more_begins_the_next)
{
    for (size_t n = LIMIT_IMA_PIECE_ENTRIES; n <= LIMIT_IMA_PIECE_ENTRIES + 1; n++) {
        struct ground g CLEANUP(ground_done);
        struct ima_sent sent = { .boot_id = "" };
        struct ima_part part;
        REQUIRE(ground_make(&g) && grow(&g, n, 1));
        REQUIRE(take(&g, &sent, &g.quoted, &part));
        CHECK(part.there && part.more == (n > LIMIT_IMA_PIECE_ENTRIES) && part.next.replay.n == LIMIT_IMA_PIECE_ENTRIES);
    }
}

TEST(a_list_that_lags_is_sent_as_it_is_now_but_an_old_copy_is_not_sent)
{
    struct ground g CLEANUP(ground_done);
    struct ima_sent sent = { .boot_id = "" };
    struct failure why = FAILURE_INIT;
    struct err err = ERR_INIT;
    struct ima_part part;
    struct pcr_set before;

    REQUIRE(ground_make(&g) && grow(&g, 5, 40));
    before = g.quoted;
    digest_extend(&g.quoted.banks[0].value[10], digest_bytes(&g.quoted.banks[0].value[10])); /* by something that the list does not have */
    REQUIRE(take(&g, &sent, &g.quoted, &part));
    CHECK(part.there && !part.more && part.next.replay.n == 5);
    /* A copy that nobody makes anew: it may be used where it reaches the quote, and says nothing where it does not. */
    REQUIRE(file_write(arena_printf(&g.a, "%s/ids.json", g.dir), BYTES_LIT("{\"ima\":{\"from\":0,\"more\":false}}"), 0600, &err));
    REQUIRE(ima_list_take(g.path, g.dir, BOOT_ID, &sent, &before, &g.a, &part, &g.notes, &why));
    CHECK(part.there && part.next.replay.n == 5 && g.notes.n == 0);
    REQUIRE(ima_list_take(g.path, g.dir, BOOT_ID, &sent, &g.quoted, &g.a, &part, &g.notes, &why));
    CHECK(!part.there && g.notes.n == 1);
}

TEST(a_stretch_of_a_file_is_what_lies_there)
{
    struct ground g CLEANUP(ground_done);
    static const struct {
        uint64_t from;
        size_t most;
        const char *content;
        bool more;
    } rows[] = { { 0, 10, "0123456789", false }, { 0, 9, "012345678", true }, { 4, 3, "456", true },
                 { 9, 5, "9", false },           { 10, 5, "", false },        { 99, 5, "", false } };
    struct err err = ERR_INIT;

    REQUIRE(ground_make(&g) && file_write(g.path, BYTES_LIT("0123456789"), 0600, &err));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bytes part CLEANUP(file_free) = BYTES_NONE;
        bool more;
        REQUIRE_OK(file_part_read(g.path, rows[i].from, rows[i].most, &part, &more, &err), err);
        CHECK_BYTES(part, bytes_of_string(rows[i].content));
        CHECK_INT(more, rows[i].more);
    }
    struct bytes part;
    bool more;
    CHECK(!file_part_read("/nonexistent/file", 0, 5, &part, &more, &err) && err.code == ERR_NOT_FOUND);
}
