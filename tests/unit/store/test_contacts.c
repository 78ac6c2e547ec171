#include "store_fixture.h"

TEST(a_contact_keeps_what_the_agent_did_not_repeat)
{
    FIXTURE(f);
    struct store_contact row = { .vm = VM_A,
                                 .last_heartbeat_ms = 100,
                                 .boot_id = "boot-1",
                                 .agent_version = "1.0",
                                 .kernel_version = "6.1.0",
                                 .state = "idle",
                                 .last_error = "it rained",
                                 .notes = "CLOCK_SKEW: a lot",
                                 .reset_count = 4,
                                 .restart_count = 2 };
    struct store_contact later = { .vm = VM_A, .last_report_ms = 60, .reset_count = -1, .restart_count = 3 };
    struct store_contact got;

    REQUIRE(vm_add(&f, VM_A, "a"));
    CHECK(!store_contact_get(f.store, &f.arena, VM_A, &got, &f.err) && f.err.code == ERR_NOT_FOUND);
    REQUIRE_OK(store_contact_put(f.store, &row, &f.err), f.err);
    REQUIRE(store_contact_get(f.store, &f.arena, VM_A, &got, &f.err));
    CHECK_STRING(got.last_error, "it rained");
    CHECK_STRING(got.notes, "CLOCK_SKEW: a lot");
    CHECK_INT(got.ak_counter, -1);
    REQUIRE_OK(store_contact_put(f.store, &later, &f.err), f.err);
    REQUIRE(store_contact_get(f.store, &f.arena, VM_A, &got, &f.err));
    CHECK_INT(got.last_heartbeat_ms, 60); /* the server's clock was set back: what it noted before is not in the future for ever */
    CHECK_INT(got.last_report_ms, 60);
    CHECK_STRING(got.boot_id, "boot-1");
    CHECK_STRING(got.agent_version, "1.0");
    CHECK_STRING(got.kernel_version, "6.1.0");
    CHECK_STRING(got.state, "idle");
    CHECK(!got.last_error && !got.notes);
    CHECK_INT(got.reset_count, 4);
    CHECK_INT(got.restart_count, 3);
    REQUIRE_OK(store_contact_put(f.store, &row, &f.err), f.err);
    REQUIRE(store_contact_get(f.store, &f.arena, VM_A, &got, &f.err));
    CHECK_INT(got.last_heartbeat_ms, 100);
    CHECK_INT(got.last_report_ms, 60);
    row.last_heartbeat_ms = 30;
    REQUIRE_OK(store_contact_put(f.store, &row, &f.err), f.err);
    REQUIRE(store_contact_get(f.store, &f.arena, VM_A, &got, &f.err));
    CHECK_INT(got.last_heartbeat_ms, 30);
    CHECK_INT(got.last_report_ms, 30);
    row.vm = VM_NONE;
    CHECK(!store_contact_put(f.store, &row, &f.err) && f.err.code == ERR_NOT_FOUND);
}

TEST(a_counter_of_signed_requests_only_grows)
{
    static const struct {
        int64_t counter;
        bool accepted;
    } steps[] = { { 0, true },   { 0, false },   { 1, true },         { 100, true },
                  { 99, false }, { 100, false }, { INT64_MAX, true }, { INT64_MAX, false } };
    FIXTURE(f);
    struct store_contact got;

    REQUIRE(vm_add(&f, VM_A, "a"));
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        bool accepted = store_counter_advance(f.store, VM_A, steps[i].counter, &f.err);

        CHECK(accepted == steps[i].accepted);
        CHECK(accepted || f.err.code == ERR_DENIED);
    }
    REQUIRE(store_contact_get(f.store, &f.arena, VM_A, &got, &f.err));
    CHECK_INT(got.ak_counter, INT64_MAX);
    CHECK(!store_counter_advance(f.store, VM_A, -1, &f.err) && f.err.code == ERR_MALFORMED);
    CHECK(!store_counter_advance(f.store, VM_NONE, 5, &f.err) && f.err.code == ERR_NOT_FOUND);
}

TEST(a_token_is_reported_once_and_again_only_by_the_same_key_in_the_same_boot)
{
    FIXTURE(f);
    struct store_token row = { .vm = VM_A, .jti = "t1", .ak_name = "000b01", .boot_id = "boot-1", .reported_ms = 5, .expires_ms = 100 };
    struct store_token other = row;
    bool first;
    int64_t n;

    CHECK(store_token_report(f.store, &row, &first, &f.err) && first);
    CHECK(store_token_report(f.store, &row, &first, &f.err) && !first);
    other.ak_name = "000b02";
    CHECK(!store_token_report(f.store, &other, &first, &f.err) && f.err.code == ERR_CONFLICT);
    other = row;
    other.boot_id = "boot-2";
    CHECK(!store_token_report(f.store, &other, &first, &f.err) && f.err.code == ERR_CONFLICT);
    row.vm = VM_B;
    CHECK(store_token_report(f.store, &row, &first, &f.err) && first);
    CHECK(store_token_prune(f.store, 100, &n, &f.err) && n == 0);
    CHECK(store_token_prune(f.store, 101, &n, &f.err) && n == 2);
    CHECK(store_token_report(f.store, &row, &first, &f.err) && first);
}

TEST(settings_are_bytes_and_the_first_one_stays)
{
    FIXTURE(f);
    struct bytes got;

    CHECK(!store_setting_get(f.store, &f.arena, "k", &got, &f.err) && f.err.code == ERR_NOT_FOUND);
    CHECK(store_setting_init(f.store, &f.arena, "k", BYTES_LIT("a\0b"), &got, &f.err));
    CHECK_BYTES(got, BYTES_LIT("a\0b"));
    CHECK(store_setting_init(f.store, &f.arena, "k", BYTES_LIT("later"), &got, &f.err));
    CHECK_BYTES(got, BYTES_LIT("a\0b"));
    CHECK(store_setting_put(f.store, "k", BYTES_NONE, &f.err));
    CHECK(store_setting_get(f.store, &f.arena, "k", &got, &f.err) && got.len == 0);
    CHECK(store_setting_delete(f.store, "k", &f.err));
    CHECK(!store_setting_delete(f.store, "k", &f.err) && f.err.code == ERR_NOT_FOUND);
    CHECK(!store_setting_put(f.store, "", BYTES_NONE, &f.err));
}
