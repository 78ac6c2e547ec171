/* The inventory: names and UUIDs that are safe anywhere, conflicts, changes (attack-suite.md I11, S7, S17). */
#include "support/attestation_fixture.h"
#include "support/test.h"

#define UUID1 "aaaaaaaa-bbbb-4ccc-8ddd-000000000001"
#define UUID2 "aaaaaaaa-bbbb-4ccc-8ddd-000000000002"

static unsigned create(struct fixture *f, const char *name, const char *uuid)
{
    struct answer answer;

    fixture_ask(f, &answer, "POST", "/v1/vms", "{\"name\":\"%s\",\"uuid\":\"%s\",\"monitoring\":true}", name, uuid);
    return answer.status;
}

TEST(a_vm_is_made_shown_changed_and_removed)
{
    FIXTURE(f);
    struct answer answer;

    CHECK_INT(create(&f, "web1", "AAAAAAAA-BBBB-4CCC-8DDD-000000000001"), 201);
    fixture_ask(&f, &answer, "GET", "/v1/vms/web1", NULL);
    CHECK(json_is_string(json_get(answer.json, "uuid"), UUID1));
    CHECK(json_get(answer.json, "monitoring")->boolean && json_get(answer.json, "vtpm")->boolean);
    fixture_ask(&f, &answer, "GET", "/v1/vms/" UUID1, NULL);
    CHECK(json_is_string(json_get(answer.json, "name"), "web1"));
    fixture_ask(&f, &answer, "PATCH", "/v1/vms/web1", "{\"power\":\"running\",\"secureBoot\":false}");
    CHECK_INT(answer.status, 200);
    CHECK(json_is_string(json_get(answer.json, "power"), "running") && !json_get(answer.json, "secureBoot")->boolean);
    fixture_ask(&f, &answer, "GET", "/v1/vms", NULL);
    CHECK_INT(json_get(answer.json, "value")->array.n, 1);
    fixture_ask(&f, &answer, "DELETE", "/v1/vms/web1", NULL);
    CHECK_INT(answer.status, 204);
    fixture_ask(&f, &answer, "GET", "/v1/vms/web1", NULL);
    CHECK_INT(answer.status, 404);
}

TEST(a_name_or_uuid_that_is_taken_is_a_conflict)
{
    FIXTURE(f);
    struct answer answer;

    CHECK_INT(create(&f, "web1", UUID1), 201);
    CHECK_INT(create(&f, "web1", UUID2), 409);
    CHECK_INT(create(&f, "web2", UUID1), 409);
    fixture_ask(&f, &answer, "GET", "/v1/vms", NULL);
    CHECK_INT(json_get(answer.json, "value")->array.n, 1);
}

TEST(names_that_could_mean_something_else_are_refused)
{
    static const char *const names[] = {
        "",        "-web",      "Web1",       "web_1",       "web.1",
        "../etc",  "a/b",       "a\\\\b",     "web 1",       "web1\\n",
        "\\u0000", "a\\u0000b", "w\\u0435b1", "<script>",    "';drop--",
        "%2e%2e",  "{vm}",      "web1;",      "\\u202eweb1", "0123456789012345678901234567890123456789012345678901234567890123",
    };
    FIXTURE(f);

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        unsigned status = create(&f, names[i], UUID1);
        if (status != 400)
            test_note("%s", names[i]);
        CHECK_INT(status, 400);
    }
    CHECK_INT(create(&f, "012345678901234567890123456789012345678901234567890123456789012", UUID1), 201);
}

TEST(what_is_no_uuid_is_refused)
{
    static const char *const uuids[] = { "",
                                         "web1",
                                         "aaaaaaaabbbb4ccc8ddd000000000001",
                                         "{aaaaaaaa-bbbb-4ccc-8ddd-000000000001}",
                                         "aaaaaaaa-bbbb-4ccc-8ddd-00000000000g",
                                         "aaaaaaaa-bbbb-4ccc-8ddd-0000000000012",
                                         "aaaaaaaa-bbbb-4ccc-8ddd-00000000000\\u0000",
                                         "../../../../../../../../../etc/passwd" };
    FIXTURE(f);

    for (size_t i = 0; i < ARRAY_LEN(uuids); i++)
        CHECK_INT(create(&f, "web1", uuids[i]), 400);
}

TEST(bodies_with_wrong_members_are_refused_and_change_nothing)
{
    static const char *const bodies[] = { "{\"secureBoot\":1}",
                                          "{\"vtpm\":\"true\"}",
                                          "{\"monitoring\":null}",
                                          "{\"power\":\"on\"}",
                                          "{\"power\":1}",
                                          "{\"power\":\"off\",\"power\":\"running\"}",
                                          "{\"power\":\"off\",\"vtpm\":0}" };
    FIXTURE(f);
    struct answer answer;

    CHECK_INT(create(&f, "web1", UUID1), 201);
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        fixture_ask(&f, &answer, "PATCH", "/v1/vms/web1", "%s", bodies[i]);
        CHECK_INT(answer.status, 400);
    }
    fixture_ask(&f, &answer, "GET", "/v1/vms/web1", NULL);
    CHECK(json_is_string(json_get(answer.json, "power"), "unknown"));
    fixture_ask(&f, &answer, "POST", "/v1/vms", "{\"name\":\"web2\",\"uuid\":\"" UUID2 "\",\"securityType\":\"Confidential\"}");
    CHECK_INT(answer.status, 400);
    fixture_ask(&f, &answer, "POST", "/v1/vms", "{\"name\":\"web2\",\"name\":\"web3\",\"uuid\":\"" UUID2 "\"}");
    CHECK_INT(answer.status, 400);
}

TEST(addresses_of_vms_that_are_none_are_not_found)
{
    static const char *const paths[] = { "/v1/vms/nobody",
                                         ("/v1/vms/" UUID2),
                                         "/v1/vms/%27%20or%201=1",
                                         "/v1/vms/nobody/status",
                                         "/v1/vms/nobody/baseline",
                                         "/v1/vms/nobody/appraisals",
                                         "/v1/vms/nobody/appraisals/latest/evidence" };
    FIXTURE(f);
    struct answer answer;

    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        fixture_ask(&f, &answer, "GET", paths[i], NULL);
        CHECK_INT(answer.status, 404);
    }
}

TEST(a_list_goes_on_after_its_last_name)
{
    FIXTURE(f);
    struct answer answer;
    const struct json *value;

    for (int i = 0; i < 101; i++)
        CHECK_INT(create(&f, arena_printf(&f.a, "vm%03d", i), arena_printf(&f.a, "aaaaaaaa-bbbb-4ccc-8ddd-%012d", i)), 201);
    fixture_ask(&f, &answer, "GET", "/v1/vms", NULL);
    CHECK_INT(json_get(answer.json, "value")->array.n, 100);
    CHECK(json_is_string(json_get(answer.json, "next"), "vm099"));
    fixture_ask(&f, &answer, "GET", "/v1/vms?after=vm099", NULL);
    value = json_get(answer.json, "value");
    REQUIRE(value && value->array.n == 1);
    CHECK(json_is_string(json_get(value->array.items[0], "name"), "vm100"));
    CHECK(json_get(answer.json, "next")->type == JSON_NULL);
}

/* Nothing of a deleted VM is left for the next one of this UUID: no verdict, no baseline, no key. */
TEST(a_vm_that_is_removed_takes_everything_along)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct judged *j = ARENA_NEW(&f.a, struct judged);
    struct answer answer;
    struct err err = ERR_INIT;

    REQUIRE(j && attest_once(&f, vm, NULL));
    REQUIRE_OK(monitor_judge(&f.monitor, &f.a, vm->uuid, j, &err), err);
    fixture_ask(&f, &answer, "DELETE", "/v1/vms/web1", NULL);
    CHECK_INT(answer.status, 204);
    CHECK_INT(fixture_appraisals(&f, vm->uuid, NULL), 0);
    REQUIRE(fixture_add_to_inventory(&f, vm));
    CHECK(attest_once(&f, vm, NULL)); /* its key is nobody's now */
    CHECK_INT(fixture_appraisals(&f, vm->uuid, NULL), 0);
    vm->boot.clock.reset_count = 1; /* a new vTPM begins again, and that is no rollback */
    REQUIRE(fixture_enrol(&f, vm) && attest_once(&f, vm, NULL));
    REQUIRE_OK(monitor_judge(&f.monitor, &f.a, vm->uuid, j, &err), err);
    CHECK_INT(j->verdict, VERDICT_HEALTHY);
    CHECK_INT(j->baseline_version, 1);
}

TEST(the_servers_own_page_tells_where_it_is)
{
    FIXTURE(f);
    struct answer answer;

    fixture_ask(&f, &answer, "GET", "/v1/server", NULL);
    CHECK_INT(answer.status, 200);
    CHECK(json_is_string(json_get(answer.json, "url"), FIXTURE_ISSUER));
    CHECK(bytes_find(answer.body, BYTES_LIT("PRIVATE")) == SIZE_MAX);
}
