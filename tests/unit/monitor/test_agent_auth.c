/* Who may speak for a VM: its own key, for this very request, once (architecture.md 8; attack-suite.md S2). */
#include <stdio.h>
#include "base/base64.h"
#include "support/attestation_fixture.h"
#include "support/test.h"

#define BODY "{\"state\":\"ok\"}"

static const char *heartbeat_path(struct fixture *f, const struct test_vm *vm)
{
    return arena_printf(&f->a, "/report/v1/%s/heartbeat", vm->uuid);
}

static unsigned heartbeat(struct fixture *f, const struct test_vm *vm, const char *authorization, const char *body)
{
    struct answer answer;

    fixture_call(f, &(struct call){ .path = heartbeat_path(f, vm), .body = bytes_of_string(body), .authorization = authorization },
                 &answer);
    return answer.status;
}

TEST(a_request_that_the_key_of_the_vm_signed_is_accepted)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");

    CHECK_INT(heartbeat(&f, vm, fixture_authorization(&f, vm, "POST", heartbeat_path(&f, vm), BYTES_LIT(BODY)), BODY), 202);
    CHECK_INT(heartbeat(&f, vm, NULL, BODY), 401);
}

TEST(a_signature_counts_for_the_request_it_was_made_for_only)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    const char *path = heartbeat_path(&f, vm), *nonce = arena_printf(&f.a, "/report/v1/%s/nonce", vm->uuid);

    CHECK_INT(heartbeat(&f, vm, fixture_authorization(&f, vm, "PUT", path, BYTES_LIT(BODY)), BODY), 401);
    CHECK_INT(heartbeat(&f, vm, fixture_authorization(&f, vm, "POST", nonce, BYTES_LIT(BODY)), BODY), 401);
    CHECK_INT(heartbeat(&f, vm, fixture_authorization(&f, vm, "POST", path, BYTES_LIT("{}")), BODY), 401);
    CHECK_INT(heartbeat(&f, vm, fixture_authorization(&f, vm, "POST", path, BYTES_LIT(BODY)), "{\"state\":\"no\"}"), 401);
}

TEST(a_counter_is_good_once_and_never_goes_back)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    const char *path = heartbeat_path(&f, vm);
    const char *first = fixture_authorization(&f, vm, "POST", path, BYTES_LIT(BODY));
    const char *second = fixture_authorization(&f, vm, "POST", path, BYTES_LIT(BODY));

    CHECK_INT(heartbeat(&f, vm, second, BODY), 202);
    CHECK_INT(heartbeat(&f, vm, second, BODY), 401);
    CHECK_INT(heartbeat(&f, vm, first, BODY), 401);
    CHECK_INT(heartbeat(&f, vm, fixture_authorization(&f, vm, "POST", path, BYTES_LIT(BODY)), BODY), 202);
}

TEST(a_signature_is_good_for_two_minutes_either_way)
{
    static const struct {
        int64_t seconds;
        unsigned status;
    } shifts[] = { { -121, 401 }, { -120, 202 }, { 120, 202 }, { 121, 401 }, { -100000000, 401 }, { 100000000, 401 } };
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    int64_t now = fixture_time;

    for (size_t i = 0; i < ARRAY_LEN(shifts); i++) {
        const char *authorization;
        fixture_time = now + shifts[i].seconds * 1000;
        authorization = fixture_authorization(&f, vm, "POST", heartbeat_path(&f, vm), BYTES_LIT(BODY));
        fixture_time = now;
        CHECK_INT(heartbeat(&f, vm, authorization, BODY), shifts[i].status);
    }
}

TEST(one_vm_does_not_speak_for_another)
{
    FIXTURE(f);
    struct test_vm *one = fixture_vm(&f, "web1"), *two = fixture_vm(&f, "web2");
    const char *path = heartbeat_path(&f, two);
    const char *forged;

    CHECK_INT(heartbeat(&f, two, fixture_authorization(&f, one, "POST", path, BYTES_LIT(BODY)), BODY), 403);
    /* its claims say the other's UUID: the key does not fit */
    forged = fixture_sign_claims(&f, one->ak, fixture_kid(&f, one->ak_name), arena_printf(&f.a, "{\"vm\":\"%s\"}", two->uuid));
    CHECK_INT(heartbeat(&f, two, forged, BODY), 404);
    forged = fixture_sign_claims(&f, one->ak, fixture_kid(&f, two->ak_name), arena_printf(&f.a, "{\"vm\":\"%s\"}", two->uuid));
    CHECK_INT(heartbeat(&f, two, forged, BODY), 401);
}

TEST(a_key_that_was_replaced_is_told_to_enrol_again)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1"), old = *vm;

    REQUIRE(fixture_new_ak(&f, vm, test_key(PRIVKEY_P256, 20)) && fixture_enrol(&f, vm));
    old.ak_name = tpm_name_bytes(&old.ak_name_value);
    CHECK_INT(heartbeat(&f, vm, fixture_authorization(&f, &old, "POST", heartbeat_path(&f, vm), BYTES_LIT(BODY)), BODY), 404);
    CHECK_INT(heartbeat(&f, vm, fixture_authorization(&f, vm, "POST", heartbeat_path(&f, vm), BYTES_LIT(BODY)), BODY), 202);
}

/* Claims that lack a member or have it in another type; %s is a right beginning. */
TEST(claims_with_a_member_missing_or_of_another_type_are_refused)
{
    static const char *const claims[] = {
        "{}",
        "[]",
        "1",
        "{\"vm\":1}",
        "{\"vm\":\"web1\"}",
        "{\"vm\":\"%s\"}",
        "{\"vm\":\"%s\",\"htm\":\"POST\"}",
        "{\"vm\":\"%s\",\"htm\":\"post\",\"htu\":\"PATH\",\"bh\":\"HASH\",\"iat\":NOW,\"ctr\":1}",
        "{\"vm\":\"%s\",\"htm\":\"POST\",\"htu\":\"PATH?a=b\",\"bh\":\"HASH\",\"iat\":NOW,\"ctr\":1}",
        "{\"vm\":\"%s\",\"htm\":\"POST\",\"htu\":\"PATH\",\"bh\":\"\",\"iat\":NOW,\"ctr\":1}",
        "{\"vm\":\"%s\",\"htm\":\"POST\",\"htu\":\"PATH\",\"bh\":\"HASH\",\"iat\":\"NOW\",\"ctr\":1}",
        "{\"vm\":\"%s\",\"htm\":\"POST\",\"htu\":\"PATH\",\"bh\":\"HASH\",\"iat\":NOW,\"ctr\":0}",
        "{\"vm\":\"%s\",\"htm\":\"POST\",\"htu\":\"PATH\",\"bh\":\"HASH\",\"iat\":NOW,\"ctr\":-1}",
        "{\"vm\":\"%s\",\"htm\":\"POST\",\"htu\":\"PATH\",\"bh\":\"HASH\",\"iat\":NOW,\"ctr\":1.5}",
        "{\"vm\":\"%s\",\"htm\":\"POST\",\"htu\":\"PATH\",\"bh\":\"HASH\",\"iat\":NOW}",
        "{\"vm\":\"%s\",\"vm\":\"%s\",\"htm\":\"POST\",\"htu\":\"PATH\",\"bh\":\"HASH\",\"iat\":NOW,\"ctr\":1}",
        "{\"vm\":\"%s\",\"htm\":\"POST\",\"htu\":\"PATH\",\"bh\":\"HASH\",\"iat\":NOW,\"ctr\":1}", /* the right one */
    };
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct answer answer;
    struct digest body;
    const char *hash;

    digest_compute(DIGEST_SHA256, BYTES_LIT(BODY), &body);
    hash = base64_in(&f.a, BASE64_URL, digest_bytes(&body));
    for (size_t i = 0; i < ARRAY_LEN(claims); i++) {
        struct writer w CLEANUP(writer_done) = { 0 };
        char now[32];
        snprintf(now, sizeof now, "%lld", (long long)(fixture_time / 1000));
        for (const char *c = claims[i]; *c;) {
            static const char *const words[] = { "%s", "PATH", "HASH", "NOW" };
            const char *values[] = { vm->uuid, heartbeat_path(&f, vm), hash, now };
            size_t k = 0;
            while (k < ARRAY_LEN(words) && strncmp(c, words[k], strlen(words[k])) != 0)
                k++;
            if (k < ARRAY_LEN(words)) {
                write_string(&w, values[k]);
                c += strlen(words[k]);
            } else {
                write_u8(&w, (uint8_t)*c++);
            }
        }
        fixture_call(&f,
                     &(struct call){ .path = heartbeat_path(&f, vm),
                                     .body = BYTES_LIT(BODY),
                                     .authorization = fixture_sign_claims(&f, vm->ak, fixture_kid(&f, vm->ak_name),
                                                                          arena_string(&f.a, writer_bytes(&w))) },
                     &answer);
        if (i + 1 < ARRAY_LEN(claims) && answer.status != 401)
            test_note("%s: %u %s", claims[i], answer.status, answer.message);
        CHECK_INT(answer.status, i + 1 < ARRAY_LEN(claims) ? 401 : 202);
    }
}

TEST(headers_that_are_no_signature_of_ours_are_refused)
{
    static const char *const headers[] = { "TrueBoot-AK ", "TrueBoot-AK x", "TrueBoot-AK a.b.c", "TrueBoot-AK e30.e30.e30",
                                           "TrueBoot-AK eyJhbGciOiJub25lIn0.e30." };
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");

    for (size_t i = 0; i < ARRAY_LEN(headers); i++)
        CHECK_INT(heartbeat(&f, vm, headers[i], BODY), 401);
    CHECK_INT(heartbeat(&f, vm, "Bearer x", BODY), 401);
}

TEST(two_authorization_headers_are_one_too_many)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    const char *path = heartbeat_path(&f, vm);
    const struct http_field headers[] = {
        { BYTES_LIT("Authorization"), bytes_of_string(fixture_authorization(&f, vm, "POST", path, BYTES_LIT(BODY))) },
        { BYTES_LIT("authorization"), BYTES_LIT("Bearer x") },
    };
    struct http_request request = {
        .arena = &f.a, .method = "POST", .path = bytes_of_string(path), .headers = { headers, 2 }, .body = BYTES_LIT(BODY)
    };
    struct http_caller caller = { 0 };
    struct err err = ERR_INIT;
    bool is_agent;

    CHECK(!monitor_identify_agent(&f.monitor, &request, &is_agent, &caller, &err) && err.code == ERR_UNTRUSTED);
    request.headers.n = 1;
    CHECK(monitor_identify_agent(&f.monitor, &request, &is_agent, &caller, &err) && is_agent && caller.role == HTTP_AGENT);
}

/* A VM's key opens nothing but its own agent routes. */
TEST(a_vm_reaches_no_route_of_operators)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");

    for (size_t t = 0; t < ARRAY_LEN(f.tables); t++)
        for (size_t i = 0; i < f.tables[t].n; i++) {
            const struct http_route *route = &f.tables[t].routes[i];
            const char *path = route->pattern;
            struct answer answer;
            if (route->role <= HTTP_AGENT)
                continue;
            for (const char *open; (open = strchr(path, '{'));)
                path = arena_printf(&f.a, "%.*sx%s", (int)(open - path), path, strchr(open, '}') + 1);
            fixture_call(&f,
                         &(struct call){ .method = route->method,
                                         .path = path,
                                         .authorization = fixture_authorization(&f, vm, route->method, path, BYTES_NONE) },
                         &answer);
            CHECK_INT(answer.status, 403);
        }
}
