#include "store_fixture.h"
#include "base/limits.h"

TEST(a_vm_comes_back_as_it_was_stored)
{
    FIXTURE(f);
    struct store_vm row = vm_row(VM_A, "Web-1"), got;

    row.monitoring_enabled_ms = 1795297445123;
    row.power = STORE_POWER_OFF;
    row.power_since_ms = 5;
    row.host = "host-ä";
    row.vtpm = false;
    REQUIRE_OK(store_vm_create(f.store, &row, &f.err), f.err);
    REQUIRE_OK(store_vm_get(f.store, &f.arena, VM_A, &got, &f.err), f.err);
    CHECK_STRING(got.vm, VM_A);
    CHECK_STRING(got.name, "Web-1");
    CHECK_INT(got.created_ms, 1000);
    CHECK_STRING(got.security_type, "TrustedLaunch");
    CHECK(got.secure_boot && !got.vtpm);
    CHECK_INT(got.monitoring_enabled_ms, 1795297445123);
    CHECK_INT(got.power, STORE_POWER_OFF);
    CHECK_INT(got.power_since_ms, 5);
    CHECK_STRING(got.host, "host-ä");
    CHECK_INT(got.version, 1);
    CHECK(store_vm_by_name(f.store, &f.arena, "wEB-1", &got, &f.err) && strcmp(got.vm, VM_A) == 0);
}

TEST(a_name_or_a_uuid_is_given_once)
{
    FIXTURE(f);

    CHECK(vm_add(&f, VM_A, "web"));
    CHECK(!vm_add(&f, VM_B, "WEB") && f.err.code == ERR_CONFLICT);
    test_note("%s", f.err.text);
    CHECK(!vm_add(&f, VM_A, "other") && f.err.code == ERR_CONFLICT);
    CHECK(vm_add(&f, VM_B, "other")); /* what was refused left nothing behind */
}

TEST(what_does_not_exist_is_not_found)
{
    FIXTURE(f);
    struct store_vm got;

    CHECK(!store_vm_get(f.store, &f.arena, VM_NONE, &got, &f.err) && f.err.code == ERR_NOT_FOUND);
    CHECK_STRING(f.err.text, "there is no such VM");
    CHECK(!store_vm_by_name(f.store, &f.arena, "x", &got, &f.err) && f.err.code == ERR_NOT_FOUND);
    CHECK(!store_vm_delete(f.store, VM_NONE, true, &f.err) && f.err.code == ERR_NOT_FOUND);
}

TEST(rows_that_break_the_rules_are_refused)
{
    static const struct {
        const char *vm, *name;
        enum err_code code;
    } bad[] = {
        { "11111111-1111-4111-8111-11111111111A", "n", ERR_MALFORMED },
        { "", "n", ERR_MALFORMED },
        { VM_A, "", ERR_MALFORMED },
        { VM_A, NULL, ERR_MALFORMED },
        { VM_A, "\xff", ERR_MALFORMED },
        { VM_A, "0123456789012345678901234567890123456789012345678901234567890123+", ERR_MALFORMED },
    };
    FIXTURE(f);

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        CHECK(!vm_add(&f, bad[i].vm, bad[i].name) && f.err.code == bad[i].code);
    CHECK(vm_add(&f, VM_A, "0123456789012345678901234567890123456789012345678901234567890123"));
}

TEST(an_update_needs_the_version_it_read)
{
    FIXTURE(f);
    struct store_vm row;
    int64_t version;

    REQUIRE(vm_add(&f, VM_A, "web"));
    REQUIRE(store_vm_get(f.store, &f.arena, VM_A, &row, &f.err));
    row.power = STORE_POWER_RUNNING;
    row.created_ms = 99; /* is not changed */
    CHECK(store_vm_update(f.store, &row, &version, &f.err) && version == 2);
    row.power = STORE_POWER_OFF;
    CHECK(!store_vm_update(f.store, &row, &version, &f.err) && f.err.code == ERR_CONFLICT);
    REQUIRE(store_vm_get(f.store, &f.arena, VM_A, &row, &f.err));
    CHECK_INT(row.power, STORE_POWER_RUNNING);
    CHECK_INT(row.created_ms, 1000);
    CHECK_INT(row.version, 2);
}

TEST(a_new_name_frees_the_old_one_and_must_be_free)
{
    FIXTURE(f);
    struct store_vm row, other;

    REQUIRE(vm_add(&f, VM_A, "one") && vm_add(&f, VM_B, "two"));
    REQUIRE(store_vm_get(f.store, &f.arena, VM_A, &row, &f.err));
    row.name = "two";
    CHECK(!store_vm_update(f.store, &row, NULL, &f.err) && f.err.code == ERR_CONFLICT);
    row.name = "three";
    REQUIRE_OK(store_vm_update(f.store, &row, NULL, &f.err), f.err);
    CHECK(!store_vm_by_name(f.store, &f.arena, "one", &other, &f.err));
    CHECK(store_vm_by_name(f.store, &f.arena, "three", &other, &f.err));
    REQUIRE(store_vm_get(f.store, &f.arena, VM_B, &other, &f.err));
    other.name = "one";
    CHECK(store_vm_update(f.store, &other, NULL, &f.err));
}

TEST(vms_are_listed_by_name_page_by_page)
{
    FIXTURE(f);
    const struct store_vm *page;
    size_t n, seen = 0;
    const char *after = NULL;
    int64_t count;

    for (int i = 0; i < 25; i++) {
        char vm[UUID_TEXT_LEN], name[16];

        snprintf(vm, sizeof vm, "00000000-0000-4000-8000-%012d", i);
        snprintf(name, sizeof name, "vm%02d", (i * 7) % 25);
        REQUIRE(vm_add(&f, vm, name));
    }
    do {
        REQUIRE(store_vm_list(f.store, &f.arena, after, 10, &page, &n, &f.err));
        for (size_t i = 0; i < n; i++) {
            char want[16];

            snprintf(want, sizeof want, "vm%02zu", seen++);
            CHECK_STRING(page[i].name, want);
            after = page[i].name;
        }
    } while (n == 10);
    CHECK_INT(seen, 25);
    CHECK(store_vm_count(f.store, &count, &f.err) && count == 25);
    CHECK(!store_vm_list(f.store, &f.arena, NULL, 0, &page, &n, &f.err) && f.err.code == ERR_LIMIT);
    CHECK(!store_vm_list(f.store, &f.arena, NULL, LIMIT_LIST_PAGE + 1, &page, &n, &f.err) && f.err.code == ERR_LIMIT);
    CHECK(store_vm_list(f.store, &f.arena, NULL, LIMIT_LIST_PAGE, &page, &n, &f.err) && n == 25);
}

TEST(deleting_a_vm_frees_its_name_and_can_keep_its_history)
{
    FIXTURE(f);
    struct store_appraisal row = appraisal_row(VM_A, "00000000000000000000000000000001", 5), got;

    for (int with_history = 0; with_history < 2; with_history++) {
        REQUIRE(vm_add(&f, VM_A, "web"));
        if (!with_history)
            REQUIRE_OK(store_appraisal_add(f.store, &row, BYTES_LIT("evidence"), 3, &f.err), f.err);
        REQUIRE_OK(store_vm_delete(f.store, VM_A, with_history, &f.err), f.err);
        CHECK(store_appraisal_latest(f.store, &f.arena, VM_A, &got, &f.err) == !with_history);
    }
}
