#include "store/operations.h"
#include "store_fixture.h"

#define ID_1 "00000000000000000000000000000001"
#define ID_2 "00000000000000000000000000000002"
#define ID_3 "00000000000000000000000000000003"

static struct store_operation operation_row(const char *id, int64_t started_ms)
{
    return (struct store_operation){ .id = id,
                                     .kind = "provider.create",
                                     .target = "myprov",
                                     .input = BYTES_LIT("{}"),
                                     .steps = "[]",
                                     .started_ms = started_ms,
                                     .by = "uid 0" };
}

TEST(an_operation_is_kept_with_how_far_it_came)
{
    FIXTURE(f);
    struct store_operation row = operation_row(ID_1, 5), got;

    REQUIRE_OK(store_operation_add(f.store, &row, &f.err), f.err);
    CHECK(!store_operation_add(f.store, &row, &f.err) && f.err.code == ERR_CONFLICT);
    row.step = 2;
    row.state = STORE_OPERATION_FAILED;
    row.failure = "because";
    row.ended_ms = 9;
    row.steps = "[{},{}]";
    REQUIRE_OK(store_operation_update(f.store, &row, &f.err), f.err);
    REQUIRE_OK(store_operation_get(f.store, &f.arena, ID_1, &got, &f.err), f.err);
    CHECK(got.step == 2 && got.state == STORE_OPERATION_FAILED && got.ended_ms == 9 && got.started_ms == 5);
    CHECK_STRING(got.failure, "because");
    CHECK_STRING(got.steps, "[{},{}]");
    row.id = ID_2;
    CHECK(!store_operation_update(f.store, &row, &f.err) && f.err.code == ERR_NOT_FOUND);
    CHECK(!store_operation_get(f.store, &f.arena, ID_2, &got, &f.err) && f.err.code == ERR_NOT_FOUND);
}

TEST(operations_are_listed_newest_first_and_the_unfinished_ones_oldest_first)
{
    FIXTURE(f);
    const struct store_operation *list;
    size_t n;

    for (int i = 0; i < 3; i++) {
        struct store_operation row = operation_row((const char *const[]){ ID_1, ID_2, ID_3 }[i], i < 2 ? 5 : 7);
        row.state = i == 1 ? STORE_OPERATION_SUCCEEDED : STORE_OPERATION_RUNNING;
        REQUIRE_OK(store_operation_add(f.store, &row, &f.err), f.err);
    }
    REQUIRE(store_operation_list(f.store, &f.arena, (struct store_cursor){ 0 }, 2, &list, &n, &f.err));
    CHECK(n == 2 && strcmp(list[0].id, ID_3) == 0 && strcmp(list[1].id, ID_2) == 0);
    REQUIRE(store_operation_list(f.store, &f.arena, (struct store_cursor){ list[1].started_ms, list[1].id }, 2, &list, &n, &f.err));
    CHECK(n == 1 && strcmp(list[0].id, ID_1) == 0);
    REQUIRE(store_operation_unfinished(f.store, &f.arena, 10, &list, &n, &f.err));
    CHECK(n == 2 && strcmp(list[0].id, ID_1) == 0 && strcmp(list[1].id, ID_3) == 0);
    REQUIRE(store_operation_prune(f.store, 6, &f.err)); /* the one that ended; a running one is never forgotten */
    REQUIRE(store_operation_list(f.store, &f.arena, (struct store_cursor){ 0 }, 10, &list, &n, &f.err));
    CHECK_INT(n, 2);
}

TEST(rows_that_say_too_little_or_too_much_are_refused)
{
    FIXTURE(f);
    struct store_operation row = operation_row("short", 5);

    CHECK(!store_operation_add(f.store, &row, &f.err) && f.err.code == ERR_MALFORMED);
    row = operation_row(ID_1, 5);
    row.by = "";
    CHECK(!store_operation_add(f.store, &row, &f.err));
    row = operation_row(ID_1, 5);
    row.input = (struct bytes){ (const uint8_t *)"", 3 * 1024 * 1024 };
    CHECK(!store_operation_add(f.store, &row, &f.err) && f.err.code == ERR_LIMIT);
}
