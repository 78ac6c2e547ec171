/* One-time enrolment tokens (guest-agent.md 2.5): made, shown once, good once, for one machine. */
#include <stdio.h>
#include "enrolment_guest.h"
#include "management/enrolment_tokens.h"
#include "store/providers.h"

#define PERMIT "version=1.0;authorizationrules{=>permit();};issuancerules{};"

/* "Bearer tbe_…"; *ret_id (may be NULL) the id. NULL: refused. */
static const char *token_for(struct fixture *f, const char *vm, const char *provider, const char **ret_id)
{
    struct answer answer;

    fixture_ask(f, &answer, "POST", "/v1/enrolmentTokens",
                provider ? "{\"name\":\"rack 7\",\"vm\":\"%s\",\"provider\":\"%s\"}" : "{\"name\":\"rack 7\",\"vm\":\"%s\"}", vm, provider);
    if (answer.status != 201)
        return NULL;
    if (ret_id)
        *ret_id = arena_string(&f->a, json_text(json_get(answer.json, "id"), BYTES_NONE));
    return arena_printf(&f->a, "Bearer %.*s", BYTES_FMT(json_text(json_get(answer.json, "token"), BYTES_NONE)));
}

static const struct json *row_of(struct fixture *f, const char *id)
{
    struct answer answer;
    const struct json *list;

    fixture_ask(f, &answer, "GET", "/v1/enrolmentTokens", NULL);
    list = json_get(answer.json, "value");
    for (size_t i = 0; list && i < list->array.n; i++)
        if (json_is_string(json_get(list->array.items[i], "id"), id))
            return list->array.items[i];
    return NULL;
}

static void check_no(struct fixture *f, const struct test_vm *vm, const char *token, unsigned status, const char *code)
{
    struct answer answer;

    CHECK(!enrol_with(f, &f->a, vm, token, &answer));
    CHECK_INT(answer.status, status);
    CHECK_STRING(answer.code, code);
}

TEST(a_token_lets_one_machine_enrol_once)
{
    FIXTURE(f);
    struct test_vm *web1 = listed(&f, "web-1", 1), *web2 = listed(&f, "web-2", 2);
    struct answer answer;
    const char *token, *id = NULL;

    f.management.enrolment_token = true;
    check_no(&f, web1, NULL, 401, "EnrolmentTokenRequired");
    token = token_for(&f, "WEB-*", NULL, &id);
    REQUIRE(token);
    CHECK(json_is_string(json_get(row_of(&f, id), "state"), "open"));
    REQUIRE(enrol_with(&f, &f.a, web1, token, &answer));
    CHECK(json_is_string(json_get(row_of(&f, id), "state"), "used"));
    CHECK(json_is_string(json_get(row_of(&f, id), "usedBy"), web1->uuid));
    check_no(&f, web2, token, 401, "EnrolmentTokenInvalid");
    REQUIRE(enrol_with(&f, &f.a, web2, token_for(&f, web2->uuid, NULL, NULL), &answer));
}

/* A token that has expired stays so, and one that has not keeps what was left of its hour, when the server's clock is set back. */
TEST(a_clock_that_is_set_back_makes_no_token_live_longer)
{
    enum { MINUTE = 60 * 1000 };
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web-1", 1);
    const int64_t began = fixture_time;
    struct answer answer;
    const char *token = token_for(&f, "web-1", NULL, NULL), *fresh;
    struct err err = ERR_INIT;
    int64_t back_ms;

    f.management.enrolment_token = true;
    fixture_time = began + 61 * MINUTE;
    check_no(&f, vm, token, 401, "EnrolmentTokenInvalid");
    fixture_time = began + MINUTE;
    check_no(&f, vm, token, 401, "EnrolmentTokenInvalid"); /* shown before, */
    fresh = token_for(&f, "web-1", NULL, NULL);
    fixture_time = began + 51 * MINUTE;
    REQUIRE_OK(store_enrolment_tokens_follow_clock(f.store, fixture_time, &back_ms, &err),
               err); /* or seen by nobody but the housekeeping */
    CHECK_INT(back_ms, 0);
    fixture_time = began + 21 * MINUTE; /* ten minutes were left */
    REQUIRE_OK(store_enrolment_tokens_follow_clock(f.store, fixture_time, &back_ms, &err), err);
    CHECK_INT(back_ms, 30 * MINUTE);
    fixture_time = began + 32 * MINUTE;
    check_no(&f, vm, fresh, 401, "EnrolmentTokenInvalid");
    fixture_time = began + 30 * MINUTE;
    check_no(&f, vm, fresh, 401, "EnrolmentTokenInvalid");
    fresh = token_for(&f, "web-1", NULL, NULL); /* made at the new time: good for its hour */
    fixture_time = began + 60 * MINUTE;
    CHECK(enrol_with(&f, &f.a, vm, fresh, &answer));
}

TEST(a_machine_that_is_enrolled_renews_without_a_token_until_it_is_released)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web-1", 1);
    struct answer answer;
    const char *token = token_for(&f, "web-1", NULL, NULL);

    f.management.enrolment_token = true;
    REQUIRE(token && enrol_with(&f, &f.a, vm, token, &answer));
    CHECK(enrol_with(&f, &f.a, vm, NULL, &answer));
    CHECK(enrol_with(&f, &f.a, vm, token, &answer)); /* an answer that was lost, an agent whose file cannot be removed */
    fixture_ask(&f, &answer, "POST", "/v1/vms/web-1/identity:release", "{}");
    REQUIRE(answer.status < 300);
    check_no(&f, vm, NULL, 401, "EnrolmentTokenRequired");
    check_no(&f, vm, token, 401, "EnrolmentTokenInvalid");
    CHECK(enrol_with(&f, &f.a, vm, token_for(&f, "web-1", NULL, NULL), &answer));
}

static struct bytes renewed_ek(struct fixture *f, const struct test_vm *vm, const struct privkey *ek)
{
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct bytes der;
    struct err err = ERR_INIT;

    if (!ca_issue_ek(f->host_ca, arena_printf(&f->a, "%s:%s", vm->name, vm->uuid), privkey_public(ek), fixture_time, &cert, &err) ||
        !arena_copy(&f->a, cert->der, &der))
        abort();
    return der;
}

/* Its host renews the endorsement certificate: another certificate, the same TPM, which is told by its key (attack I10). Another TPM of that VM's name is
 * another machine. */
TEST(a_machine_whose_endorsement_certificate_was_renewed_takes_no_token)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web-1", 1), *other = listed(&f, "web-2", 2);
    struct beginning b;
    struct answer answer;

    f.management.enrolment_token = true;
    REQUIRE(enrol_with(&f, &f.a, vm, token_for(&f, "web-1", NULL, NULL), &answer));
    b = beginning_of(vm);
    fixture_time += 1000;
    b.ek_cert = renewed_ek(&f, vm, vm->ek);
    REQUIRE(!bytes_equal(b.ek_cert, vm->ek_cert));
    begin(&f, &f.a, &b, &answer);
    CHECK_INT(answer.status, 200);
    vm->ek_cert = b.ek_cert;
    CHECK(enrol_with(&f, &f.a, vm, NULL, &answer));
    b = beginning_of(other);
    b.ek_cert = renewed_ek(&f, vm, other->ek);
    begin(&f, &f.a, &b, &answer);
    CHECK_INT(answer.status, 401);
    CHECK_STRING(answer.code, "EnrolmentTokenRequired");
}

TEST(what_began_as_a_renewal_does_not_enrol_a_machine_that_was_released_meanwhile)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web-1", 1);
    struct beginning b = beginning_of(vm);
    struct activation x;
    struct answer answer;

    f.management.enrolment_token = true;
    REQUIRE(enrol_with(&f, &f.a, vm, token_for(&f, "web-1", NULL, NULL), &answer));
    begin(&f, &f.a, &b, &answer);
    REQUIRE(answer.status == 200 && open_answer(&f.a, vm, &answer, &x));
    fixture_ask(&f, &answer, "POST", "/v1/vms/web-1/identity:release", "{}");
    activate(&f, &f.a, &x, &answer);
    CHECK_INT(answer.status, 400);
}

TEST(a_token_that_is_shown_must_hold_where_none_is_needed_too)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web-1", 1);
    struct answer answer;
    const char *id = NULL, *revoked = token_for(&f, "web-1", NULL, &id), *expired = token_for(&f, "web-1", NULL, NULL);
    const char *others = token_for(&f, "db-*", NULL, NULL);
    char flipped[128];

    fixture_ask(&f, &answer, "DELETE", arena_printf(&f.a, "/v1/enrolmentTokens/%s", id), NULL);
    CHECK_INT(answer.status, 204);
    check_no(&f, vm, revoked, 401, "EnrolmentTokenInvalid");
    check_no(&f, vm, others, 403, "EnrolmentTokenScope");
    for (const char *const *bad =
             (const char *const[]){ "Bearer ", "Bearer x", "Basic YTpi", "Bearer tbe_", "tbe_x", "Bearer tbt_x", NULL };
         *bad; bad++)
        check_no(&f, vm, *bad, 401, "EnrolmentTokenInvalid");
    snprintf(flipped, sizeof flipped, "%s", expired);
    flipped[strlen(flipped) - 3] ^= 1;
    check_no(&f, vm, flipped, 401, "EnrolmentTokenInvalid");
    fixture_time += 60 * 60 * 1000;
    check_no(&f, vm, expired, 401, "EnrolmentTokenInvalid");
    CHECK(enrol(&f, &f.a, vm, &answer)); /* none is needed here */
}

TEST(a_token_that_ends_between_beginning_and_end_enrols_nobody)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web-1", 1);
    struct beginning b = beginning_of(vm);
    struct activation x;
    struct answer answer;

    b.token = token_for(&f, "web-1", NULL, NULL);
    fixture_time += 60 * 60 * 1000 - 1;
    begin(&f, &f.a, &b, &answer);
    REQUIRE(answer.status == 200 && open_answer(&f.a, vm, &answer, &x));
    fixture_time += 1;
    activate(&f, &f.a, &x, &answer);
    CHECK_INT(answer.status, 400);
    CHECK(enrol(&f, &f.a, vm, &answer));
}

TEST(of_two_machines_that_began_with_one_token_one_is_enrolled)
{
    FIXTURE(f);
    struct test_vm *vm[2] = { listed(&f, "web-1", 1), listed(&f, "web-2", 2) };
    const char *token = token_for(&f, "web-*", NULL, NULL);
    struct activation x[2];
    struct answer answer;
    unsigned enrolled = 0;

    f.management.enrolment_token = true;
    for (int i = 0; i < 2; i++) {
        struct beginning b = beginning_of(vm[i]);

        b.token = token;
        begin(&f, &f.a, &b, &answer);
        REQUIRE(answer.status == 200 && open_answer(&f.a, vm[i], &answer, &x[i]));
    }
    for (int i = 0; i < 2; i++) {
        activate(&f, &f.a, &x[i], &answer);
        enrolled += answer.status == 200;
    }
    CHECK_INT(enrolled, 1);
}

TEST(a_provider_decides_for_itself_and_its_tokens_are_good_there_alone)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web-1", 1);
    const char *shared = token_for(&f, "web-1", NULL, NULL), *tenants;
    struct store_provider row;
    struct answer answer;
    struct err err = ERR_INIT;

    REQUIRE(fixture_provider(&f, "tenant", "original", PERMIT));
    REQUIRE_OK(store_provider_get(f.store, &f.a, "tenant", &row, &err), err);
    row.enrolment_token = true;
    REQUIRE_OK(store_provider_update(f.store, &row, &err), err);
    tenants = token_for(&f, "web-1", "Tenant", NULL);
    REQUIRE(tenants);
    f.at = "/providers/tenant";
    check_no(&f, vm, NULL, 401, "EnrolmentTokenRequired");
    check_no(&f, vm, shared, 403, "EnrolmentTokenScope");
    f.at = NULL;
    check_no(&f, vm, tenants, 403, "EnrolmentTokenScope");
    f.at = "/providers/tenant";
    CHECK(enrol_with(&f, &f.a, vm, tenants, &answer));
    f.at = NULL;
    CHECK(enrol(&f, &f.a, vm, &answer));
}

/* What everybody's roots vouch for gets a certificate that is believed everywhere: the switch for it holds at every address, and a provider's own does
 * not stand in for it (docs/providers.md). */
TEST(for_machines_that_everybodys_roots_vouch_for_the_shared_switch_holds_at_every_address)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web-1", 1);
    struct store_provider row;
    struct answer answer;
    struct err err = ERR_INIT;

    REQUIRE(fixture_provider(&f, "tenant", "original", PERMIT) && fixture_provider(&f, "open", "original", PERMIT));
    REQUIRE_OK(store_provider_get(f.store, &f.a, "tenant", &row, &err), err);
    row.enrolment_token = true;
    REQUIRE_OK(store_provider_update(f.store, &row, &err), err);
    f.management.enrolment_token = true;
    for (const char *const *at = (const char *const[]){ "", "/providers/open", "/providers/tenant", NULL }; *at; at++) {
        f.at = *at;
        check_no(&f, vm, NULL, 401, "EnrolmentTokenRequired");
    }
    f.management.enrolment_token = false;
    f.at = "/providers/tenant";
    check_no(&f, vm, NULL, 401, "EnrolmentTokenRequired");
    f.at = "/providers/open";
    CHECK(enrol_with(&f, &f.a, vm, NULL, &answer));
}

TEST(wishes_for_tokens_that_cannot_be_granted_are_refused)
{
    static const struct {
        const char *body;
        unsigned status;
    } cases[] = {
        { "{\"name\":\"a\",\"vm\":\"web-1\",\"minutes\":1}", 201 },
        { "{\"name\":\"a\",\"vm\":\"web-1\",\"minutes\":10080}", 201 },
        { "{\"name\":\"a\",\"vm\":\"web-1\",\"minutes\":10081}", 400 },
        { "{\"name\":\"a\",\"vm\":\"web-1\",\"minutes\":0}", 400 },
        { "{\"name\":\"a\",\"vm\":\"web-1\",\"minutes\":\"5\"}", 400 },
        { "{\"name\":\"a\"}", 400 },
        { "{\"vm\":\"web-1\"}", 400 },
        { "{\"name\":\"\",\"vm\":\"web-1\"}", 400 },
        { "{\"name\":\"a\",\"vm\":\"\"}", 400 },
        { "{\"name\":\"a\",\"vm\":5}", 400 },
        { "{\"name\":\"a\",\"vm\":\"web-1\\u0000-of-nobody\"}", 400 }, /* not web-1 */
        { "{\"name\":\"a\\u001b[2J\",\"vm\":\"web-1\"}", 400 },
        { "{\"name\":\"a\\n\",\"vm\":\"web-1\"}", 400 },
        { "{\"name\":\"a\\u202e\",\"vm\":\"web-1\"}", 400 },
        { "{\"name\":\"für Zoë\",\"vm\":\"web-1\"}", 201 },
        { "{\"name\":\"a\",\"vm\":\"web-1\",\"provider\":\"nobody\"}", 404 },
        { "{\"name\":\"a\",\"name\":\"b\",\"vm\":\"web-1\"}", 400 },
    };
    FIXTURE(f);
    struct answer answer;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        fixture_ask(&f, &answer, "POST", "/v1/enrolmentTokens", "%s", cases[i].body);
        if ((unsigned)answer.status != cases[i].status)
            test_note("%s", cases[i].body);
        CHECK_INT(answer.status, cases[i].status);
    }
    fixture_call(
        &f,
        &(struct call){
            .method = "POST", .path = "/v1/enrolmentTokens", .body = BYTES_LIT("{\"name\":\"a\",\"vm\":\"b\"}"), .as = HTTP_READER },
        &answer);
    CHECK_INT(answer.status, 403);
    fixture_ask(&f, &answer, "DELETE", "/v1/enrolmentTokens/0123456789abcdef", NULL);
    CHECK_INT(answer.status, 404);
}

TEST(what_is_kept_of_a_token_lets_nobody_enrol)
{
    FIXTURE(f);
    const char *id = NULL, *token = token_for(&f, "web-1", NULL, &id);
    struct answer answer;

    REQUIRE(token);
    fixture_ask(&f, &answer, "GET", "/v1/enrolmentTokens", NULL);
    CHECK_INT(answer.status, 200);
    CHECK(bytes_find(answer.body, bytes_of_string(id)) != SIZE_MAX);
    CHECK(bytes_find(answer.body, bytes_of_string(token + strlen("Bearer "))) == SIZE_MAX);
}

TEST(patterns_of_names)
{
    static const struct {
        const char *pattern, *name;
        bool fits;
    } cases[] = {
        { "web-1", "web-1", true },
        { "WEB-1", "web-1", true },
        { "web-1", "web-10", false },
        { "web-*", "web-", true },
        { "*", "anything", true },
        { "*-1", "web-1-1", true },
        { "*-1", "web-12", false },
        { "w?b-*", "wxb-2", true },
        { "w?b", "wb", false },
        { "a*b*c", "axxbyyc", true },
        { "a*b*c", "axxbyy", false },
        { "web-[12]", "web-1", false },
        { "**", "x", true },
        { "", "web", false },
        { "*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaa", false },
        { "00000000-0000-0000-0000-00000000000A", "web", true },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct store_vm vm = { .vm = "00000000-0000-0000-0000-00000000000a", .name = cases[i].name };

        if (enrolment_token_fits(cases[i].pattern, &vm) != cases[i].fits)
            test_note("%s, %s", cases[i].pattern, cases[i].name);
        CHECK(enrolment_token_fits(cases[i].pattern, &vm) == cases[i].fits);
    }
}
