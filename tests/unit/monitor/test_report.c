/* What agents report: tokens, nonces, words (guest-agent.md 8.2, control-plane.md 10). */
#include "base/base64.h"
#include "support/attestation_fixture.h"
#include "support/test.h"

static void say(struct fixture *f, struct test_vm *vm, const char *what, const char *body, struct answer *ret)
{
    const char *path = arena_printf(&f->a, "/report/v1/%s%s", vm->uuid, what);

    fixture_call(f,
                 &(struct call){ .method = "POST",
                                 .path = path,
                                 .body = bytes_of_string(body),
                                 .authorization = fixture_authorization(f, vm, "POST", path, bytes_of_string(body)) },
                 ret);
}

static const char *fetch_nonce(struct fixture *f, struct test_vm *vm)
{
    struct answer answer;

    say(f, vm, "/nonce", "", &answer);
    CHECK_INT(answer.status, 200);
    return arena_string(&f->a, json_text(json_get(answer.json, "nonce"), BYTES_NONE));
}

static const char *token_for(struct fixture *f, const struct test_vm *vm, const char *nonce)
{
    struct attestation t;
    struct answer answer;

    if (!attestation_begin(f, vm, &t))
        return "";
    t.rp_data = nonce;
    attestation_send(&t, &answer);
    return arena_string(&f->a, answer_token(f, &answer));
}

static void report(struct fixture *f, struct test_vm *vm, const char *token, const char *boot_id, struct answer *ret)
{
    say(f, vm, "", arena_printf(&f->a, "{\"token\":\"%s\",\"bootId\":\"%s\",\"agentVersion\":\"1\"}", token, boot_id), ret);
}

TEST(a_report_is_answered_with_times_and_the_next_nonce)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct store_contact contact;
    struct answer answer;
    struct bytes nonce;
    struct err err = ERR_INIT;

    report(&f, vm, token_for(&f, vm, fetch_nonce(&f, vm)), "boot", &answer);
    CHECK_INT(answer.status, 202);
    CHECK(json_get(answer.json, "nextReportSeconds") && json_get(answer.json, "nextHeartbeatSeconds"));
    REQUIRE(base64_decode(&f.a, BASE64_URL, json_text(json_get(answer.json, "nonce"), BYTES_NONE), &nonce, &err));
    CHECK(monitor_nonce_check(&f.monitor, vm->uuid, nonce, fixture_time, &err));
    REQUIRE_OK(store_contact_get(f.store, &f.a, vm->uuid, &contact, &err), err);
    CHECK_INT(contact.last_report_ms, fixture_time);
    CHECK_STRING(contact.boot_id, "boot");
}

TEST(the_same_token_twice_is_fine_and_changes_nothing)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    const char *token = token_for(&f, vm, fetch_nonce(&f, vm));
    struct answer first, second;
    struct answer status[2];

    report(&f, vm, token, "boot", &first);
    fixture_ask(&f, &status[0], "GET", "/v1/vms/web1/status", NULL);
    fixture_time += 5000;
    report(&f, vm, token, "boot", &second);
    fixture_ask(&f, &status[1], "GET", "/v1/vms/web1/status", NULL);
    CHECK_INT(first.status, 202);
    CHECK_INT(second.status, 202);
    CHECK_BYTES(json_at(status[0].json, "properties", "timestamp", NULL)->string,
                json_at(status[1].json, "properties", "timestamp", NULL)->string);
}

TEST(a_dry_run_is_judged_and_leaves_no_trace)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    const char *token = token_for(&f, vm, fetch_nonce(&f, vm));
    struct store_contact contact;
    struct answer answer;
    struct err err = ERR_INIT;

    say(&f, vm, "", arena_printf(&f.a, "{\"token\":\"%s\",\"bootId\":\"one\",\"dryRun\":true}", token), &answer);
    CHECK_INT(answer.status, 200);
    CHECK(!store_contact_get(f.store, &f.a, vm->uuid, &contact, &err) || !contact.last_report_ms); /* no sign of life */
    say(&f, vm, "", "{\"token\":\"a.b.c\",\"bootId\":\"one\",\"dryRun\":true}", &answer);
    CHECK_INT(answer.status, 400);
    CHECK_STRING(answer.code, "InvalidToken");
    report(&f, vm, token, "another boot", &answer); /* the token was not used up */
    CHECK_INT(answer.status, 202);
    say(&f, vm, "", arena_printf(&f.a, "{\"token\":\"%s\",\"bootId\":\"another boot\",\"dryRun\":\"true\"}", token), &answer);
    CHECK_INT(answer.status, 202); /* a text is no true */
}

TEST(a_token_of_another_boot_is_a_conflict)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    const char *token = token_for(&f, vm, fetch_nonce(&f, vm));
    struct answer answer;

    report(&f, vm, token, "boot", &answer);
    CHECK_INT(answer.status, 202);
    report(&f, vm, token, "another boot", &answer);
    CHECK_INT(answer.status, 409);
}

TEST(a_token_of_another_vm_is_refused)
{
    FIXTURE(f);
    struct test_vm *one = fixture_vm(&f, "web1"), *two = fixture_vm(&f, "web2");
    struct answer answer;

    report(&f, one, token_for(&f, two, fetch_nonce(&f, one)), "boot", &answer);
    CHECK_INT(answer.status, 400);
    CHECK_STRING(answer.code, "InvalidToken");
}

TEST(a_nonce_of_another_vm_or_none_or_an_expired_one_is_refused)
{
    FIXTURE(f);
    struct test_vm *one = fixture_vm(&f, "web1"), *two = fixture_vm(&f, "web2");
    const char *old = fetch_nonce(&f, one);
    struct answer answer;

    report(&f, one, token_for(&f, one, fetch_nonce(&f, two)), "boot", &answer);
    CHECK_INT(answer.status, 400);
    CHECK_STRING(answer.code, "NonceMismatch");
    report(&f, one, token_for(&f, one, NULL), "boot", &answer);
    CHECK_STRING(answer.code, "NonceMismatch");
    report(&f, one, token_for(&f, one, "!"), "boot", &answer);
    CHECK_STRING(answer.code, "NonceMismatch");
    fixture_time += 2 * health_times_default.interval + health_times_default.boot_deadline + 1;
    report(&f, one, token_for(&f, one, old), "boot", &answer);
    CHECK_STRING(answer.code, "NonceMismatch");
}

TEST(tokens_that_do_not_hold_are_refused)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    const char *token = token_for(&f, vm, fetch_nonce(&f, vm));
    struct store_appraisal row;
    struct answer answer;
    struct err err = ERR_INIT;
    char *altered = arena_string(&f.a, bytes_of_string(token));

    REQUIRE(altered != NULL);
    altered[strlen(altered) / 2] ^= 1;
    report(&f, vm, altered, "boot", &answer);
    CHECK_STRING(answer.code, "InvalidToken");
    report(&f, vm, "x.y.z", "boot", &answer);
    CHECK_STRING(answer.code, "InvalidToken");
    /* a record is signed by the same key, and is no token */
    REQUIRE_OK(store_appraisal_latest(f.store, &f.a, vm->uuid, &row, &err), err);
    report(&f, vm, arena_printf(&f.a, "%.*s", BYTES_FMT(row.record)), "boot", &answer);
    CHECK_STRING(answer.code, "InvalidToken");
    fixture_time += 2 * 24 * 3600 * INT64_C(1000);
    report(&f, vm, token, "boot", &answer);
    CHECK_STRING(answer.code, "InvalidToken");
    f.provider.issuer = "https://another.test";
    report(&f, vm, token, "boot", &answer);
    CHECK_STRING(answer.code, "InvalidToken");
}

TEST(a_report_without_a_token_counts_as_contact_only)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct answer answer;

    say(&f, vm, "", "{\"bootId\":\"b\",\"failure\":{\"code\":\"TPM_GONE\",\"message\":\"no answer\\u001b[2J\"}}", &answer);
    CHECK_INT(answer.status, 202);
    fixture_ask(&f, &answer, "GET", "/v1/vms/web1/status", NULL);
    CHECK(json_is_string(json_at(answer.json, "properties", "healthStatus", NULL), "Pending"));
    CHECK(bytes_starts_with(json_text(json_at(answer.json, "properties", "trueboot", "agentError", NULL), BYTES_NONE),
                            BYTES_LIT("TPM_GONE: no answer")));
    CHECK(bytes_find(answer.body, BYTES_LIT("\x1b")) == SIZE_MAX && bytes_find(answer.body, BYTES_LIT("\\u001b")) == SIZE_MAX);
}

/* The verdict that there is was on the boot before. */
TEST(an_agent_that_speaks_of_a_later_boot_ends_what_was_said_of_the_one_before)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    const char *same = arena_printf(&f.a, "{\"state\":\"idle\",\"resetCount\":%u}", vm->boot.clock.reset_count),
               *later = arena_printf(&f.a, "{\"state\":\"idle\",\"resetCount\":%u}", vm->boot.clock.reset_count + 1);
    struct answer answer;

    REQUIRE(attest_once(&f, vm, NULL));
    say(&f, vm, "/heartbeat", same, &answer);
    fixture_ask(&f, &answer, "GET", "/v1/vms/web1/status", NULL);
    CHECK(json_is_string(json_at(answer.json, "properties", "healthStatus", NULL), "Healthy"));
    say(&f, vm, "/heartbeat", later, &answer);
    fixture_ask(&f, &answer, "GET", "/v1/vms/web1/status", NULL);
    CHECK(json_is_string(json_at(answer.json, "properties", "healthStatus", NULL), "Pending"));
    fixture_time += health_times_default.boot_deadline;
    say(&f, vm, "/heartbeat", later, &answer);
    fixture_time++;
    fixture_ask(&f, &answer, "GET", "/v1/vms/web1/status", NULL);
    CHECK(json_is_string(json_at(answer.json, "properties", "healthStatus", NULL), "Unknown"));
}

/* guest-agent.md 9.4: what the agent noticed is for the operator, as long as it says so. */
TEST(what_an_agent_notices_stands_in_the_status_until_it_no_longer_says_so)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    const struct json *notes;
    struct writer many CLEANUP(writer_done) = { 0 };
    struct answer answer;

    say(&f, vm, "/heartbeat",
        "{\"state\":\"idle\",\"notes\":[{\"code\":\"CLOCK_SKEW\",\"message\":\"7200 s\\u001b[2J "
        "off\"},7,{\"code\":\"IDENTITY_MISMATCH\"}]}",
        &answer);
    CHECK_INT(answer.status, 202);
    fixture_ask(&f, &answer, "GET", "/v1/vms/web1/status", NULL);
    notes = json_at(answer.json, "properties", "trueboot", "agentNotes", NULL);
    REQUIRE(notes && notes->type == JSON_ARRAY && notes->array.n == 2);
    CHECK(bytes_starts_with(json_text(notes->array.items[0], BYTES_NONE), BYTES_LIT("CLOCK_SKEW: 7200 s")));
    CHECK(bytes_starts_with(json_text(notes->array.items[1], BYTES_NONE), BYTES_LIT("IDENTITY_MISMATCH")));
    CHECK(bytes_find(answer.body, BYTES_LIT("\\u001b")) == SIZE_MAX);
    write_string(&many, "{\"notes\":[");
    for (int i = 0; i <= LIMIT_AGENT_NOTES; i++)
        write_string(&many, i ? ",{\"code\":\"X\"}" : "{\"code\":\"X\"}");
    write_string(&many, "]}");
    say(&f, vm, "/heartbeat", arena_string(&f.a, writer_bytes(&many)), &answer);
    CHECK_INT(answer.status, 202);
    fixture_ask(&f, &answer, "GET", "/v1/vms/web1/status", NULL);
    CHECK_INT(json_at(answer.json, "properties", "trueboot", "agentNotes", NULL)->array.n, LIMIT_AGENT_NOTES);
    say(&f, vm, "/heartbeat", "{\"notes\":\"none\"}", &answer);
    fixture_ask(&f, &answer, "GET", "/v1/vms/web1/status", NULL);
    CHECK_INT(json_at(answer.json, "properties", "trueboot", "agentNotes", NULL)->array.n, 0);
}

TEST(words_of_agents_are_cut_and_made_safe)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    char body[8192] = "{\"state\":\"";
    struct store_contact contact;
    struct answer answer;
    struct err err = ERR_INIT;

    memset(body + strlen(body), 'x', 5000);
    strcat(body, "\",\"kernelVersion\":\"<script>\\u202e\\n\"}");
    say(&f, vm, "/heartbeat", body, &answer);
    CHECK_INT(answer.status, 202);
    REQUIRE_OK(store_contact_get(f.store, &f.a, vm->uuid, &contact, &err), err);
    CHECK(strlen(contact.state) <= 200);
    CHECK(!strchr(contact.kernel_version, '\n') && !strstr(contact.kernel_version, "\u202e"));
}

TEST(bodies_that_are_no_object_are_refused_or_say_nothing)
{
    static const char *const bodies[] = { "{", "nonsense", "{}x" };
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct answer answer;

    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        say(&f, vm, "", bodies[i], &answer);
        CHECK_INT(answer.status, 400);
        say(&f, vm, "/heartbeat", bodies[i], &answer);
        CHECK_INT(answer.status, 400);
    }
    say(&f, vm, "", "[]", &answer);
    CHECK_INT(answer.status, 202);
}

static const char boot_x[] = "11111111-6f0b-4f33-9c0e-61a1b2c3d4e5", boot_y[] = "22222222-6f0b-4f33-9c0e-61a1b2c3d4e5",
                  boot_z[] = "33333333-6f0b-4f33-9c0e-61a1b2c3d4e5";

static void beat(struct fixture *f, struct test_vm *vm, const char *boot_id)
{
    struct answer answer;

    say(f, vm, "/heartbeat", arena_printf(&f->a, "{\"bootId\":\"%s\",\"sequence\":1,\"state\":\"idle\"}", boot_id), &answer);
    CHECK_INT(answer.status, 202);
}

static bool is_duplicated(struct fixture *f)
{
    struct answer status;

    fixture_ask(f, &status, "GET", "/v1/vms/web1/status", NULL);
    return bytes_find(status.body, BYTES_LIT("tpm.identity_duplicated")) != SIZE_MAX &&
           json_is_string(json_at(status.json, "properties", "healthStatus", NULL), "Unhealthy");
}

TEST(boots_that_take_turns_are_two_machines_until_a_person_approves)
{
    static const char *const turns[] = { boot_x, boot_x, boot_y, boot_x, boot_x, boot_y };
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct answer answer;

    report(&f, vm, token_for(&f, vm, fetch_nonce(&f, vm)), boot_x, &answer);
    for (size_t i = 0; i < ARRAY_LEN(turns); i++) {
        beat(&f, vm, turns[i]);
        CHECK_INT(is_duplicated(&f), i + 1 == ARRAY_LEN(turns));
    }
    beat(&f, vm, boot_z); /* a later boot of either changes nothing */
    CHECK(is_duplicated(&f));
    fixture_ask(&f, &answer, "POST", "/v1/vms/web1/baseline:approve", "{\"reason\":\"the copy is gone\"}");
    CHECK_INT(answer.status, 200);
    CHECK(!is_duplicated(&f));
}

TEST(a_restored_snapshot_and_boots_that_follow_each_other_are_one_machine)
{
    static const char *const turns[] = { boot_x, boot_y, boot_x, boot_z, boot_x, boot_y, "no boot", "" };
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct answer answer;

    report(&f, vm, token_for(&f, vm, fetch_nonce(&f, vm)), boot_x, &answer);
    for (size_t i = 0; i < ARRAY_LEN(turns); i++) {
        beat(&f, vm, turns[i]);
        CHECK(!is_duplicated(&f));
    }
}
