/* Rows of the attack suite whose answer is on the wire: challenges, enrolment, sizes; a whole server in one process. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include "attestation/service/challenge.h"
#include "base/base64.h"
#include "support/attestation_fixture.h"
#include "tpm/key_profile.h"
#include "tpm/key_template.h"
/* Both fixtures have their start and end. */
#define fixture_prepare socket_fixture_prepare
#define fixture_start   socket_fixture_start
#define fixture_done    socket_fixture_done
#include "unit/http/http_fixture.h"
#undef fixture_prepare
#undef fixture_start
#undef fixture_done

static int by_bytes(const void *a, const void *b) { return memcmp(a, b, CHALLENGE_LEN); }

static void check_that_challenges_differ(size_t n)
{
    struct challenges *c = NULL;
    struct err err = ERR_INIT;
    uint8_t(*all)[CHALLENGE_LEN] = calloc(n, sizeof *all);
    size_t same = 0, bits = 0;

    REQUIRE(all);
    REQUIRE_OK(challenges_new(&c, &err), err);
    for (size_t i = 0; i < n; i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct bytes context;
        if (!challenge_make(c, "https://here", 1000, &a, all[i], &context, &err)) {
            CHECK(false);
            break;
        }
        for (size_t k = 0; k < CHALLENGE_LEN; k++)
            bits += (size_t)__builtin_popcount(all[i][k]);
    }
    qsort(all, n, sizeof *all, by_bytes);
    for (size_t i = 1; i < n; i++)
        same += memcmp(all[i - 1], all[i], sizeof *all) == 0;
    CHECK_INT(same, 0);
    CHECK(8 * CHALLENGE_LEN >= 128);
    /* Each bit is a coin: 10⁵ × 128 throws stay within a thousandth of one half (ten standard deviations are 0.0014). */
    CHECK(bits > n * CHALLENGE_LEN * 8 / 1000 * 498 && bits < n * CHALLENGE_LEN * 8 / 1000 * 502);
    challenges_free(c);
    free(all);
}

static void check_that_challenges_are_used_once(void)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct challenges *c = NULL, *restarted = NULL;
    struct err err = ERR_INIT;
    uint8_t challenge[CHALLENGE_LEN];
    struct open_challenge open;
    struct bytes context;

    REQUIRE_OK(challenges_new(&c, &err), err);
    REQUIRE_OK(challenge_make(c, "https://here", 1000, &a, challenge, &context, &err), err);
    CHECK(!challenge_open(c, "https://elsewhere", context, 1000, &open, &err) && err.code == ERR_UNTRUSTED);
    REQUIRE_OK(challenge_open(c, "https://here", context, 1000, &open, &err), err);
    CHECK(memcmp(open.challenge, challenge, sizeof challenge) == 0);
    CHECK(challenge_use(c, &open, 1000, &err));
    CHECK(!challenge_use(c, &open, 1001, &err) && err.code == ERR_UNTRUSTED);
    CHECK(!challenge_open(c, "https://here", context, 1001, &open, &err) || !challenge_use(c, &open, 1001, &err));

    REQUIRE_OK(challenge_make(c, "https://here", 1000, &a, challenge, &context, &err), err);
    CHECK(!challenge_open(c, "https://here", context, 1001 + LIMIT_CHALLENGE_SECONDS * 1000, &open, &err));
    REQUIRE_OK(challenges_new(&restarted, &err), err); /* keys live in memory: a restart voids what is outstanding */
    CHECK(!challenge_open(restarted, "https://here", context, 1001, &open, &err) && err.code == ERR_UNTRUSTED);
    challenges_free(restarted);
    challenges_free(c);
}

static void send_message(struct fixture *f, const char *message, struct answer *answer)
{
    attest_post(f, attestation_envelope(&f->a, message, false), answer);
}

static bool refused(const struct answer *answer)
{
    return answer->status >= 400 && answer->status < 500 && !json_get(answer->json, "token") && !json_get(answer->json, "data");
}

TEST(Q6_challenges_never_repeat_and_are_good_for_one_machine_once_and_not_for_long)
{
    FIXTURE(f);
    struct test_vm *one = fixture_vm(&f, "one"), *other = fixture_vm(&f, "other");
    struct attestation t, captured;
    struct answer answer;
    const char *message;
    struct digest binding;
    struct err err = ERR_INIT;

    check_that_challenges_differ(100000);
    check_that_challenges_are_used_once();

    /* A message that was captured. */
    REQUIRE(attestation_begin(&f, one, &captured));
    message = attestation_message(&captured);
    send_message(&f, message, &answer);
    CHECK_INT(answer.status, 200);
    send_message(&f, message, &answer);
    CHECK(refused(&answer));
    /* Its quote under a fresh challenge; of the same machine and of another one. */
    binding.algorithm = DIGEST_SHA256;
    REQUIRE(captured.quote.attest.extra_data.len == 32);
    memcpy(binding.value, captured.quote.attest.extra_data.data, 32);
    for (int i = 0; i < 2; i++) {
        REQUIRE(attestation_begin(&f, i ? other : one, &t));
        t.own_nonce = true;
        t.quote.attest.extra_data = digest_bytes(&binding);
        attestation_send(&t, &answer);
        CHECK(refused(&answer) && strstr(answer.message, "challenge"));
    }
    /* The challenge of one in the context of another. */
    REQUIRE(attestation_begin(&f, one, &captured) && attestation_begin(&f, other, &t));
    t.challenge = captured.challenge;
    attestation_send(&t, &answer);
    CHECK(refused(&answer));
    /* Too late, and after a restart. */
    REQUIRE(attestation_begin(&f, one, &t));
    message = attestation_message(&t);
    fixture_time += LIMIT_CHALLENGE_SECONDS * 1000 + 1;
    send_message(&f, message, &answer);
    CHECK(refused(&answer));
    REQUIRE(attestation_begin(&f, one, &t));
    challenges_free(f.attestation.challenges);
    REQUIRE_OK(challenges_new(&f.attestation.challenges, &err), err);
    attestation_send(&t, &answer);
    CHECK(refused(&answer));
    CHECK(attest_once(&f, one, NULL)); /* which a new challenge repairs */
}

static bool accepted_as_ak(const struct tpm_public *pub)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct findings list = { .arena = &a };

    return key_profile_check(KEY_PROFILE_AK, pub, FINDING_AK_ATTRIBUTES, &list) && list.n == 0;
}

static struct bytes encoded(struct arena *a, const struct tpm_public *pub)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct bytes ret;

    tpm_public_encode_2b(&w, pub);
    if (!writer_ok(&w) || !arena_copy(a, writer_bytes(&w), &ret))
        abort();
    return ret;
}

/* The same on the wire: nobody gets a credential for a key that signs whatever it is given. */
static void check_enrolment_of_weak_keys(void)
{
    static const enum object_attribute needed[] = { OBJECT_RESTRICTED, OBJECT_FIXED_TPM, OBJECT_FIXED_PARENT };
    FIXTURE(f);
    struct test_vm *vm = fixture_machine(&f, "new", 1);

    REQUIRE(fixture_add_to_inventory(&f, vm));
    for (size_t i = 0; i <= ARRAY_LEN(needed); i++) {
        struct tpm_public pub;
        struct answer answer;
        struct err err = ERR_INIT;
        REQUIRE_OK(tpm_public_decode_2b(vm->ak_public, &pub, &err), err);
        pub.attributes &= i < ARRAY_LEN(needed) ? ~(uint32_t)needed[i] : UINT32_MAX;
        fixture_ask(&f, &answer, "POST", "/enroll/v1/begin", "{\"ekCerts\":[\"%s\"],\"ekPub\":\"%s\",\"akPub\":\"%s\"}",
                    base64_in(&f.a, BASE64_URL, vm->ek_cert), base64_in(&f.a, BASE64_URL, vm->ek_public),
                    base64_in(&f.a, BASE64_URL, encoded(&f.a, &pub)));
        CHECK_INT(answer.status, i < ARRAY_LEN(needed) ? 400 : 200); /* the last one is right */
        CHECK((json_get(answer.json, "credentialBlob") != NULL) == (i == ARRAY_LEN(needed)));
    }
}

TEST(Q8_a_key_that_is_not_a_restricted_signing_key_of_this_tpm_is_no_attestation_key)
{
    static const enum object_attribute needed[] = { OBJECT_RESTRICTED, OBJECT_SIGN, OBJECT_FIXED_TPM, OBJECT_FIXED_PARENT,
                                                    OBJECT_SENSITIVE_DATA_ORIGIN };
    struct arena a CLEANUP(arena_done) = { 0 };
    struct tpm_public pub, changed;
    struct err err = ERR_INIT;

    REQUIRE_OK(ak_template(&a, AK_RSA2048, 0, &pub, &err), err);
    CHECK(accepted_as_ak(&pub));
    for (unsigned set = 1; set < 1u << ARRAY_LEN(needed); set++) { /* each of them, and every combination */
        changed = pub;
        for (size_t i = 0; i < ARRAY_LEN(needed); i++)
            if (set >> i & 1)
                changed.attributes &= ~(uint32_t)needed[i];
        CHECK(!accepted_as_ak(&changed));
    }
    changed = pub;
    changed.attributes |= OBJECT_DECRYPT;
    CHECK(!accepted_as_ak(&changed));
    changed = pub;
    changed.scheme = (struct tpm_scheme){ .algorithm = TPM_ALG_NULL }; /* the caller would choose the scheme */
    CHECK(!accepted_as_ak(&changed));
    changed = pub;
    changed.scheme.hash = 0x0004; /* SHA-1 */
    CHECK(!accepted_as_ak(&changed));
    changed = pub;
    changed.name_algorithm = DIGEST_SHA1;
    CHECK(!accepted_as_ak(&changed));
    check_enrolment_of_weak_keys();
}

/* ---- Q11 ---------------------------------------------------------------------------------------------------------------- */

static long peak_kib(void)
{
    struct rusage usage;

    return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_maxrss : 0;
}

static void check_log_too_large(void)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "large");
    struct attestation t;
    struct answer answer;
    uint8_t *zeros = ARENA_ARRAY(&f.a, LIMIT_LOG_BYTES + 1, uint8_t);

    REQUIRE(zeros && attestation_begin(&f, vm, &t));
    t.log = (struct bytes){ zeros, LIMIT_LOG_BYTES + 1 };
    attestation_send(&t, &answer);
    CHECK(refused(&answer));
}

TEST(Q11_evidence_beyond_the_limits_is_refused_before_it_is_read)
{
    FIXTURE(f);
    CLEANUP(socket_fixture_done) struct server_fixture s = { 0 };
    struct heard h;
    char head[256], chunk[4096 + 8];
    bool gone = false;
    long before = peak_kib();
    int fd;
    size_t sent;

    REQUIRE(socket_fixture_prepare(&s, f.tables, ARRAY_LEN(f.tables)));
    REQUIRE_OK(socket_fixture_start(&s), s.err);
    fd = dial(&s);
    /* By its length alone: nothing of it is sent. */
    snprintf(head, sizeof head, "POST /attest/Tpm" FIXTURE_API " HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: %d\r\n\r\n",
             LIMIT_ATTEST_BODY_BYTES + 1);
    REQUIRE(fd >= 0 && tell(fd, head));
    hear(fd, 1, &h);
    CHECK_INT(status_of(&h), 413);
    close(fd);
    /* In chunks without an end. */
    REQUIRE((fd = dial(&s)) >= 0);
    CHECK(tell(fd, "POST /attest/Tpm" FIXTURE_API " HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"));
    memset(chunk, 'x', sizeof chunk);
    memcpy(chunk, "1000\r\n", 6);
    memcpy(chunk + 6 + 4096 - 2 + 2, "\r\n", 2);
    for (sent = 0; sent < 64u << 20 && !gone; sent += 4096)
        gone = !say(fd, chunk, sizeof chunk);
    CHECK(gone && sent < 40u << 20);
    close(fd);
    /* Compressed: never inflated. */
    ask(&s, "POST /attest/Tpm" FIXTURE_API " HTTP/1.1\r\n" HOST "Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\b\1", &h);
    CHECK(status_of(&h) >= 400 && status_of(&h) < 500);
    check_log_too_large();
    CHECK(peak_kib() - before < 256 * 1024);
    test_note("memory grew by %ld KiB", peak_kib() - before);
}
