/* Several accepted boots of one VM (monitor/baselines.h), as sequences of boots and of what people decide:
 *
 *     A B C D        the VM boots so and attests: a "+" behind it says Healthy, "-" Unhealthy
 *     ok only pin    the last boot is approved: beside the others, alone, pinned
 *     x2 p2 u2       version 2 is rejected, pinned, not pinned any longer; "!" behind a decision: it is refused
 *     d31            so many days pass
 *     j500 s3        the next boot's counters are so many resets ahead; those of a snapshot so many resets ago
 *     k              the agent comes with another key, which it enrols
 *     v2             the last boot was compared with version 2 (v0: none is accepted)
 *     n2             so many boots are accepted
 *     =ID !ID        the last judgement has a finding of this id, or has none; ~ID: as its first */
#include "appraise/verdict.h"
#include <pthread.h>
#include <stdlib.h>
#include "support/attestation_fixture.h"
#include "support/test.h"

static const int64_t day_ms = 24 * 3600 * 1000;

static const struct {
    char letter;
    struct boot_shape shape;
} boots[] = {
    { 'A', { 0 } },
    { 'B', { .kernel = "another kernel", .initrd = "another initrd" } },
    { 'C', { .command_line = "/vmlinuz-6.1 root=/dev/vda1 ro audit=0" } },
    { 'm', { .kernel = "another kernel" } },                                       /* B's kernel with A's initial RAM disk */
    { 'i', { .initrd = "another initrd" } },                                       /* the other way round */
    { 'r', { .dbx = 8 } },                                                         /* A with a newer dbx */
    { 's', { .dbx = 8, .kernel = "another kernel", .initrd = "another initrd" } }, /* B with it */
    { 't', { .dbx = 4, .kernel = "another kernel", .initrd = "another initrd" } },
    { 'o', { .dbx = 1 } },                                      /* A with an older one */
    { 'l', { .sbat = "sbat,1,2021030218\n" } },                 /* A with a lower level */
    { 'L', { .sbat = "sbat,1,2025021800\nshim,4\ngrub,5\n" } }, /* … and a higher one */
    { 'K', { .sbat = "sbat,1,2025021800\nshim,4\ngrub,5\n", .kernel = "another kernel" } },
    { 'X', { .secure_boot_off = true } },
    { 'U', { .unlogged = "machine-id:0123456789abcdef0123456789abcdef" } }, /* A under systemd 253 */
    { 'V', { .unlogged = "another disk's key" } },
    { 'W', { .unlogged = "machine-id:0123456789abcdef0123456789abcdef", .kernel = "another kernel" } },
    { '1', { .kernel = "kernel 1" } },
    { '2', { .kernel = "kernel 2" } },
    { '3', { .kernel = "kernel 3" } },
    { '4', { .kernel = "kernel 4" } },
    { '5', { .kernel = "kernel 5" } },
    { '6', { .kernel = "kernel 6" } },
    { '7', { .kernel = "kernel 7" } },
    { '8', { .kernel = "kernel 8" } },
    { '9', { .kernel = "kernel 9" } },
};

struct walk {
    struct fixture f;
    struct test_vm *vm;
    struct judged *judged;
};

static void walk_done(struct walk *w) { fixture_done(&w->f); }

static bool look(struct walk *w)
{
    struct err err = ERR_INIT;

    w->judged = ARENA_NEW(&w->f.a, struct judged);
    if (w->judged && monitor_judge(&w->f.monitor, &w->f.a, w->vm->uuid, w->judged, &err))
        return true;
    test_note("%s", err.text);
    return false;
}

static bool boot(struct walk *w, char letter)
{
    struct attestation t;
    struct answer answer;

    for (size_t i = 0; i < ARRAY_LEN(boots); i++) {
        if (boots[i].letter != letter)
            continue;
        fixture_time += 60000;
        if (!fixture_reboot(&w->f, w->vm, &boots[i].shape) || !attestation_begin(&w->f, w->vm, &t))
            return false;
        attestation_send(&t, &answer);
        return look(w);
    }
    return false;
}

static bool ask(struct walk *w, const char *verb, const char *body, bool refused)
{
    struct answer answer;

    fixture_time += 1000;
    fixture_ask(&w->f, &answer, "POST", arena_printf(&w->f.a, "/v1/vms/web1/baseline:%s", verb), "%s", body);
    if ((answer.status != 200) != refused)
        test_note("%s %s: %u %s", verb, body, answer.status, answer.message);
    return (answer.status != 200) == refused && (!refused || answer.status == 409 || answer.status == 404) && look(w);
}

static bool decide(struct walk *w, const char *word, bool refused)
{
    const char *version = word + 1;

    if (strcmp(word, "ok") == 0)
        return ask(w, "approve", "{\"reason\":\"planned\"}", refused);
    if (strcmp(word, "only") == 0)
        return ask(w, "approve", "{\"replace\":true}", refused);
    if (strcmp(word, "pin") == 0)
        return ask(w, "approve", "{\"pin\":true}", refused);
    if (word[0] == 'x')
        return ask(w, "reject", arena_printf(&w->f.a, "{\"version\":%s,\"reason\":\"a hole\"}", version), refused);
    if (word[0] == 'p')
        return ask(w, "pin", arena_printf(&w->f.a, "{\"version\":%s}", version), refused);
    return word[0] == 'u' && ask(w, "pin", arena_printf(&w->f.a, "{\"version\":%s,\"pinned\":false}", version), refused);
}

/* Another key of the same TPM. */
static bool enrol_again(struct walk *w)
{
    enum { FIRST = 20, N = 8 };
    static unsigned keys;

    return fixture_new_ak(&w->f, w->vm, test_key(PRIVKEY_P256, FIRST + keys++ % N)) && fixture_enrol(&w->f, w->vm);
}

static bool n_accepted(struct walk *w, size_t n)
{
    const struct store_baseline *rows;
    struct err err = ERR_INIT;
    size_t found;

    return store_baseline_accepted(w->f.store, &w->f.a, w->vm->uuid, 100, &rows, &found, &err) && found == n;
}

static bool has(const struct walk *w, char how, const char *name)
{
    const struct findings *findings = &w->judged->findings;
    enum finding_id id;

    if (!finding_id_from_text(bytes_of_string(name), &id))
        return false;
    return how == '~' ? findings->n && findings->items[0].id == id : findings_have(findings, id) == (how == '=');
}

static bool step(struct walk *w, const char *word)
{
    size_t len = strlen(word);
    bool is_boot = len == 2 && (word[1] == '+' || word[1] == '-') && word[0] != '=' && word[0] != '!';

    if (is_boot)
        return boot(w, word[0]) && (w->judged->verdict == VERDICT_HEALTHY) == (word[1] == '+');
    switch (word[0]) {
    case '=':
    case '!':
    case '~':
        return has(w, word[0], word + 1);
    case 'd':
        fixture_time += atoi(word + 1) * day_ms;
        return look(w);
    case 'j':
        w->vm->boot.clock.reset_count += (uint32_t)atoi(word + 1);
        return true;
    case 's':
        w->vm->boot.clock.reset_count -= (uint32_t)atoi(word + 1);
        return true;
    case 'k':
        return enrol_again(w);
    case 'v':
        return w->judged->baseline_version == atoi(word + 1);
    case 'n':
        return n_accepted(w, (size_t)atoi(word + 1));
    case '+':
    case '-':
        return (w->judged->verdict == VERDICT_HEALTHY) == (word[0] == '+');
    default:
        if (word[len - 1] == '!')
            return decide(w, arena_string(&w->f.a, bytes_slice(bytes_of_string(word), 0, len - 1)), true);
        return decide(w, word, false);
    }
}

static const struct {
    const char *what, *steps;
} sequences[] = {
    { "two boots take turns and are healthy each time",
      "A+ v1 B- v1 ok + v2 n2 A+ v1 =baseline.older_boot B+ v2 !baseline.older_boot A+ B+ A+ B+" },
    { "a boot with parts of both is neither", "A+ B- ok m- i- m- A+ B+" },
    { "what nobody approved stays a finding beside two that are", "A+ B- ok C- =boot.cmdline_changed A+ C- X- =secureboot.disabled B+" },
    { "the boot that deviates least is compared with",
      "A+ B- ok C- v1 =boot.cmdline_changed !boot.kernel_changed i- v2 =boot.kernel_changed !boot.initrd_changed" },
    { "approved alone it replaces all others", "A+ B- only + n1 A- ~baseline.withdrawn =boot.kernel_changed B+" },
    { "approved again it takes its own place", "A+ ok + v2 n1 ok v3 n1 A+ v3 B- ok ok ok n2 A+ v3 B+" },
    { "an older one is accepted for thirty days", "A+ B- ok A+ d29 A+ d2 - =baseline.withdrawn A- B+" },
    { "… and being booted makes that no longer", "A+ B- ok A+ d15 A+ d15 - A- =baseline.withdrawn" },
    { "… unless it is pinned", "A+ B- ok p1 A+ d100 A+ =baseline.older_boot B+ u1 A+ d31 A- B+" },
    { "taking away a pin that is not there prolongs nothing", "A+ B- ok d20 u1 d11 A- =baseline.withdrawn B+" },
    { "a boot that was approved pinned outlives what is approved after it", "A+ pin B- ok d100 A+ B+ C- ok d100 A+ B- C+" },
    { "pins hold through another approval of the same boot", "A+ pin ok B- ok d100 A+" },
    { "the newest has no end, whatever was approved before it", "A+ B- ok d100 B+ B+" },
    { "what was withdrawn is a finding at once, and when it is booted again",
      "A+ B- ok A+ x1 - ~baseline.withdrawn B+ A- ~baseline.withdrawn B+" },
    { "withdrawing the newest leaves the one before it without an end", "A+ B- ok x2 - A+ d100 A+ B- ~baseline.withdrawn" },
    { "withdrawing all accepts nothing, and nothing is learned in its place", "A+ x1 - v0 n0 ~baseline.withdrawn A- B- n0 v0 B- ok + n1" },
    { "what has ended ends once, and what never was is not there", "A+ B- ok x1 x1! p1! x7! p7! u7! ok only n1 x2! d1 B+" },
    { "it does not come back by itself", "A+ B- ok A+ d31 A- d1 A- ok + A+" },
    { "the oldest makes room for the ninth",
      "A+ 1- ok 2- ok 3- ok 4- ok 5- ok 6- ok 7- ok n8 A+ 1+ 8- ok n8 A- =baseline.withdrawn 1+ 2+ 8+" },
    { "… unless it is pinned, and where all are there is no room",
      "A+ pin 1- pin 2- pin 3- pin 4- pin 5- pin 6- pin 7- ok n8 8- pin n8 7- =baseline.withdrawn A+ 9- ok! n8 9- only n1 9+ A-" },
    /* an older boot brings back no older revocations */
    { "the newer boot's dbx holds in the older one, too", "A+ o- =secureboot.dbx_shrunk A+ r+ s- ok + A- =secureboot.dbx_shrunk r+ s+" },
    { "… and only that of boots that are accepted", "r+ s- ok r+ x2 r+ t- A- =secureboot.dbx_shrunk r+" },
    { "a smaller dbx that was approved is one for it and those after it", "r+ t- only + t+ n1" },
    { "the newer boot's SBAT level holds in the older one, too", "A+ L+ K- ok + A- =secureboot.sbat_changed l- L+ K+" },
    /* systemd without a log */
    { "register 15 without a log is accepted once, with its value",
      "U- n0 =log.pcr_unexplained ok + n1 U+ U+ V- =userspace.changed A- =userspace.changed U+ V- ok + U+ V+" },
    { "… and says nothing for the rest of the boot", "U- ok U+ W- =boot.kernel_changed !userspace.changed U+" },
    { "what a baseline with a log, or without such measurements, does not have is a change", "A+ U- =userspace.changed A+" },
    /* what happens to machines between their boots */
    { "many boots that nobody attested, or a move to another host, are no change", "A+ j500 A+ j1 A+ B- ok j70000 A+ B+" },
    { "an agent that was installed again has another key, not another boot", "A+ B- ok k A+ B+ k B+ A+ n2" },
    { "a restored snapshot is a person's business, and then every accepted boot is one again",
      "A+ B- ok A+ s5 A- =tpm.rollback B- ok + A+ B+ !tpm.rollback A+" },
    { "… and the snapshot of an older boot brings back nothing that was withdrawn",
      "A+ B- ok x1 B+ s5 A- ~tpm.rollback =baseline.withdrawn B- ok + A-" },
    { "approving a snapshot does not approve the boot after it", "A+ s5 A- =tpm.rollback ok + C- A+ X- A+" },
    /* a person's word about a boot is none about what cannot be accepted */
    { "no baseline makes Secure Boot off healthy", "A+ X- ok - pin - only - A-" },
};

TEST(boots_take_turns_as_far_as_they_were_approved)
{
    for (size_t i = 0; i < ARRAY_LEN(sequences); i++) {
        CLEANUP(walk_done) struct walk w = { .vm = NULL };
        char *steps, *state = NULL;
        size_t n = 0;

        REQUIRE(fixture_start(&w.f) && (w.vm = fixture_vm(&w.f, "web1")) != NULL);
        steps = arena_string(&w.f.a, bytes_of_string(sequences[i].steps));
        REQUIRE(steps);
        for (const char *word = strtok_r(steps, " ", &state); word; word = strtok_r(NULL, " ", &state), n++) {
            bool fine = step(&w, word);

            CHECK(fine);
            if (fine)
                continue;
            test_note("%s: step %zu, %s", sequences[i].what, n + 1, word);
            for (size_t k = 0; w.judged && k < w.judged->findings.n; k++)
                test_note("  %s: %s", finding_kind(w.judged->findings.items[k].id)->id, w.judged->findings.items[k].text);
            break;
        }
    }
}

/* ---- over HTTP ------------------------------------------------------------------------------------------------------------------ */

static const struct json *entry(const struct answer *answer, size_t i)
{
    const struct json *list = json_get(answer->json, "value");

    return list && list->type == JSON_ARRAY && i < list->array.n ? list->array.items[i] : NULL;
}

TEST(the_list_says_since_when_by_whom_why_and_until_when)
{
    CLEANUP(walk_done) struct walk w = { .vm = NULL };
    struct answer answer;
    int64_t version;

    REQUIRE(fixture_start(&w.f) && (w.vm = fixture_vm(&w.f, "web1")) != NULL);
    fixture_ask(&w.f, &answer, "GET", "/v1/vms/web1/baselines", NULL);
    CHECK_INT(answer.status, 200);
    CHECK(json_get(answer.json, "value") && !entry(&answer, 0));
    REQUIRE(step(&w, "A+") && step(&w, "C-") && step(&w, "ok") && step(&w, "B-") && step(&w, "pin") && step(&w, "x1"));
    fixture_ask(&w.f, &answer, "GET", "/v1/vms/web1/baselines", NULL);
    CHECK_INT(answer.status, 200);
    REQUIRE(entry(&answer, 2) && !entry(&answer, 3));
    CHECK(json_as_integer(json_get(entry(&answer, 0), "version"), &version) && version == 3);
    CHECK(json_get(entry(&answer, 0), "pinned")->boolean && json_get(entry(&answer, 0), "until")->type == JSON_NULL);
    CHECK(json_is_string(json_get(entry(&answer, 1), "state"), "accepted"));
    CHECK(json_is_string(json_get(entry(&answer, 1), "reason"), "planned"));
    CHECK(json_get(entry(&answer, 1), "until")->type == JSON_STRING);
    CHECK(json_is_string(json_get(entry(&answer, 1), "commandLine"), "/vmlinuz-6.1 root=/dev/vda1 ro audit=0"));
    CHECK(json_is_string(json_get(entry(&answer, 2), "state"), "ended"));
    CHECK(json_is_string(json_at(entry(&answer, 2), "ended", "reason", NULL), "a hole"));
    CHECK(json_is_string(json_get(entry(&answer, 2), "by"), "trueboot"));
    fixture_ask(&w.f, &answer, "GET", "/v1/vms/web1/baselines?after=2", NULL);
    CHECK(entry(&answer, 0) && !entry(&answer, 1));
    fixture_ask(&w.f, &answer, "GET", "/v1/vms/web1/baseline", NULL);
    CHECK(json_as_integer(json_get(answer.json, "version"), &version) && version == 3);
    fixture_ask(&w.f, &answer, "GET", "/v1/vms/web1/baseline?version=1", NULL);
    CHECK(json_is_string(json_get(answer.json, "state"), "ended") && json_get(answer.json, "baseline"));
}

TEST(requests_about_accepted_boots_that_make_no_sense_are_refused)
{
    static const struct {
        const char *method, *path, *body;
        unsigned status;
    } wrong[] = {
        { "GET", "baseline?version=0", NULL, 400 },
        { "GET", "baseline?version=x", NULL, 400 },
        { "GET", "baseline?version=", NULL, 400 },
        { "GET", "baseline?version=-1", NULL, 400 },
        { "GET", "baseline?version=99999999999999999999999", NULL, 404 },
        { "GET", "baseline?version=2", NULL, 404 },
        { "GET", "baselines?after=x", NULL, 400 },
        { "POST", "baseline:approve", "{\"replace\":\"yes\"}", 400 },
        { "POST", "baseline:approve", "{\"appraisal\":1}", 400 },
        { "POST", "baseline:approve", "{\"appraisal\":null}", 400 },
        { "POST", "baseline:approve", "{\"pin\":1}", 400 },
        { "POST", "baseline:approve", "{\"pin\":null}", 400 },
        { "POST", "baseline:reject", "{}", 400 },
        { "POST", "baseline:reject", "{\"version\":\"1\"}", 400 },
        { "POST", "baseline:reject", "{\"version\":0}", 400 },
        { "POST", "baseline:reject", "{\"version\":-1}", 400 },
        { "POST", "baseline:reject", "{\"version\":1.5}", 400 },
        { "POST", "baseline:reject", "{\"version\":1,\"reason\":\"\"}", 400 },
        { "POST", "baseline:reject", "{\"version\":2}", 404 },
        { "POST", "baseline:pin", "{\"version\":1,\"pinned\":\"no\"}", 400 },
        { "POST", "baseline:pin", "{\"version\":2}", 404 },
    };
    CLEANUP(walk_done) struct walk w = { .vm = NULL };
    struct answer answer;

    REQUIRE(fixture_start(&w.f) && (w.vm = fixture_vm(&w.f, "web1")) != NULL && step(&w, "A+"));
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        fixture_ask(&w.f, &answer, wrong[i].method, arena_printf(&w.f.a, "/v1/vms/web1/%s", wrong[i].path), wrong[i].body ? "%s" : NULL,
                    wrong[i].body);
        CHECK_INT(answer.status, wrong[i].status);
        if (answer.status != wrong[i].status)
            test_note("%s %s: %s", wrong[i].path, wrong[i].body ? wrong[i].body : "", answer.message);
        CHECK(step(&w, "n1"));
    }
    CHECK(step(&w, "A+"));
}

/* ---- at once -------------------------------------------------------------------------------------------------------------------- */

enum { APPROVERS = 6 };

struct approver {
    struct walk *w;
    const char *by;
    struct arena a;
    struct err err;
    bool fine;
};

static void *approve_thread(void *context)
{
    struct approver *t = context;
    struct judged *judged = ARENA_NEW(&t->a, struct judged);

    t->fine = judged && monitor_approve(&t->w->f.monitor, &t->a, t->w->vm->uuid, BYTES_NONE, (struct approve_how){ false, false }, t->by,
                                        "planned", judged, &t->err);
    return NULL;
}

TEST(approvals_of_one_boot_at_once_accept_it_once)
{
    CLEANUP(walk_done) struct walk w = { .vm = NULL };
    struct approver t[APPROVERS];
    pthread_t threads[APPROVERS];

    REQUIRE(fixture_start(&w.f) && (w.vm = fixture_vm(&w.f, "web1")) != NULL && step(&w, "A+") && step(&w, "B-"));
    for (int i = 0; i < APPROVERS; i++) {
        t[i] = (struct approver){ .w = &w, .by = i % 2 ? "anna" : "ben" };
        if (pthread_create(&threads[i], NULL, approve_thread, &t[i]) != 0)
            abort();
    }
    for (int i = 0; i < APPROVERS; i++) {
        pthread_join(threads[i], NULL);
        if (!t[i].fine)
            test_note("%s", t[i].err.text);
        CHECK(t[i].fine);
        arena_done(&t[i].a);
    }
    CHECK(step(&w, "n2") && step(&w, "A+") && step(&w, "v1") && step(&w, "B+") && step(&w, "n2"));
}

/* A server's clock that was set back revives nothing that had ended. */
TEST(a_clock_that_was_set_back_revives_no_boot)
{
    CLEANUP(walk_done) struct walk w = { .vm = NULL };

    REQUIRE(fixture_start(&w.f) && (w.vm = fixture_vm(&w.f, "web1")) != NULL);
    REQUIRE(step(&w, "A+") && step(&w, "B-") && step(&w, "ok") && step(&w, "A+") && step(&w, "d31") && step(&w, "-"));
    fixture_time -= 31 * day_ms;
    CHECK(look(&w) && w.judged->verdict == VERDICT_UNHEALTHY);
    CHECK(step(&w, "A-") && step(&w, "n1") && step(&w, "B+"));
}

/* attestation-service.md 6.5 step 9: what is accepted for a VM explains nothing to those who get tokens. */
TEST(a_register_without_a_log_gets_no_token_though_the_vm_is_healthy)
{
    CLEANUP(walk_done) struct walk w = { .vm = NULL };
    struct attestation t;
    struct answer answer;

    REQUIRE(fixture_start(&w.f) && (w.vm = fixture_vm(&w.f, "web1")) != NULL);
    REQUIRE(step(&w, "U-") && step(&w, "ok") && step(&w, "U+"));
    fixture_time += 60000;
    REQUIRE(attestation_begin(&w.f, w.vm, &t));
    attestation_send(&t, &answer);
    CHECK_INT(answer.status, 400);
    CHECK_STRING(answer.inner, "log.pcr_unexplained");
    CHECK(look(&w) && w.judged->verdict == VERDICT_HEALTHY);
}

static const struct json *reason_of(const struct answer *answer, const char *code)
{
    const struct json *reasons = json_at(answer->json, "properties", "trueboot", "reasons", NULL);

    for (size_t i = 0; reasons && reasons->type == JSON_ARRAY && i < reasons->array.n; i++)
        if (json_is_string(json_get(reasons->array.items[i], "code"), code))
            return reasons->array.items[i];
    return NULL;
}

/* Judged now, and read back; stale rows of a store without it are read, too. */
TEST(a_reason_says_of_which_other_one_it_is_a_part)
{
    CLEANUP(walk_done) struct walk w = { .vm = NULL };
    struct answer answer;

    REQUIRE(fixture_start(&w.f) && (w.vm = fixture_vm(&w.f, "web1")) != NULL && step(&w, "A+") && step(&w, "B-"));
    for (int i = 0; i < 2; i++) {
        fixture_ask(&w.f, &answer, "GET", "/v1/vms/web1/status", NULL);
        REQUIRE(reason_of(&answer, "boot.kernel_changed") && reason_of(&answer, "boot.initrd_changed"));
        CHECK(!json_get(reason_of(&answer, "boot.kernel_changed"), "follows"));
        CHECK(json_is_string(json_get(reason_of(&answer, "boot.initrd_changed"), "follows"), "boot.kernel_changed"));
        CHECK(json_is_string(json_at(answer.json, "properties", "errorMessage", NULL), "kernel changed."));
    }
    REQUIRE(step(&w, "only") && step(&w, "A-"));
    fixture_ask(&w.f, &answer, "GET", "/v1/vms/web1/status", NULL);
    REQUIRE(reason_of(&answer, "baseline.withdrawn") && reason_of(&answer, "boot.kernel_changed"));
    CHECK(json_is_string(json_get(reason_of(&answer, "boot.kernel_changed"), "follows"), "baseline.withdrawn"));
    CHECK(json_is_string(json_get(reason_of(&answer, "boot.initrd_changed"), "follows"), "baseline.withdrawn"));
}

/* So many ended boots are known by name; those before them are boots like any that nobody accepted. */
TEST(a_boot_that_ended_long_ago_is_one_that_nobody_accepted)
{
    CLEANUP(walk_done) struct walk w = { .vm = NULL };
    const unsigned known = LIMIT_ENDED_BOOTS_KNOWN + LIMIT_ACCEPTED_BOOTS; /* rows that are looked through */

    REQUIRE(fixture_start(&w.f) && (w.vm = fixture_vm(&w.f, "web1")) != NULL && step(&w, "A+"));
    for (unsigned i = 1; i < known; i++)
        REQUIRE(step(&w, i % 2 ? "1-" : "2-") && step(&w, "only") && step(&w, "+"));
    CHECK(step(&w, "A-") && step(&w, "~baseline.withdrawn"));
    REQUIRE(step(&w, known % 2 ? "1-" : "2-") && step(&w, "only") && step(&w, "+"));
    CHECK(step(&w, "A-") && step(&w, "!baseline.withdrawn") && step(&w, "=boot.kernel_changed"));
}
