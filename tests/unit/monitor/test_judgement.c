/* Records against baselines: what a VM is called, and what makes that change (architecture.md decision 4; attack-suite.md I8, I9, S3, S6). */
#include <pthread.h>
#include <stdlib.h>
#include "support/attestation_fixture.h"
#include "support/late.h"
#include "support/test.h"

static struct judged *judged_now(struct fixture *f, const struct test_vm *vm)
{
    struct judged *j = ARENA_NEW(&f->a, struct judged);
    struct err err = ERR_INIT;

    if (!j)
        abort();
    if (!monitor_judge(&f->monitor, &f->a, vm->uuid, j, &err)) {
        test_note("%s", err.text);
        return NULL;
    }
    return j;
}

/* Attests, a minute later, and judges; a judgement in any case. */
static struct judged *attest_and_judge(struct fixture *f, const struct test_vm *vm)
{
    struct attestation t;
    struct answer answer;
    struct judged *j;

    fixture_time += 60000;
    if (!attestation_begin(f, vm, &t))
        abort();
    attestation_send(&t, &answer);
    j = judged_now(f, vm);
    if (!j)
        abort();
    return j;
}

static const char *status_of_vm(struct fixture *f, const struct test_vm *vm, const char **ret_reason)
{
    struct answer answer;
    const struct json *properties;

    fixture_ask(f, &answer, "GET", arena_printf(&f->a, "/v1/vms/%s/status", vm->name), NULL);
    properties = json_get(answer.json, "properties");
    if (ret_reason)
        *ret_reason = arena_string(&f->a, json_text(json_at(properties, "trueboot", "reasonCode", NULL), BYTES_NONE));
    return arena_string(&f->a, json_text(json_get(properties, "healthStatus"), BYTES_NONE));
}

static void approve(struct fixture *f, const struct test_vm *vm, struct answer *answer)
{
    fixture_ask(f, answer, "POST", arena_printf(&f->a, "/v1/vms/%s/baseline:approve", vm->name), "{\"reason\":\"planned\"}");
}

TEST(nothing_is_judged_before_anything_was_appraised)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct judged *j = judged_now(&f, vm);

    REQUIRE(j != NULL);
    CHECK(!j->any);
    CHECK_STRING(status_of_vm(&f, vm, NULL), "Pending");
}

TEST(the_first_healthy_boot_becomes_the_baseline_and_a_reboot_fits_it)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct judged *j = attest_and_judge(&f, vm);

    CHECK_INT(j->verdict, VERDICT_HEALTHY);
    CHECK_INT(j->baseline_version, 1);
    REQUIRE(fixture_reboot(&f, vm, &(struct boot_shape){ 0 }));
    j = attest_and_judge(&f, vm);
    CHECK_INT(j->verdict, VERDICT_HEALTHY);
    CHECK_INT(j->baseline_version, 1);
    CHECK_STRING(status_of_vm(&f, vm, NULL), "Healthy");
}

TEST(a_changed_command_line_is_unhealthy_until_it_is_approved)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct judged *j = attest_and_judge(&f, vm);
    struct answer answer;

    REQUIRE(fixture_reboot(&f, vm, &(struct boot_shape){ .command_line = "/vmlinuz-6.1 root=/dev/vda1 ro audit=0" }));
    j = attest_and_judge(&f, vm);
    CHECK_INT(j->verdict, VERDICT_UNHEALTHY);
    CHECK(findings_have(&j->findings, FINDING_BOOT_CMDLINE_CHANGED));
    CHECK_STRING(status_of_vm(&f, vm, NULL), "Unhealthy");
    fixture_time += 60000;
    approve(&f, vm, &answer);
    CHECK_INT(answer.status, 200);
    CHECK(json_is_string(json_at(answer.json, "properties", "healthStatus", NULL), "Healthy"));
    j = attest_and_judge(&f, vm);
    CHECK_INT(j->verdict, VERDICT_HEALTHY);
    CHECK_INT(j->baseline_version, 2);
    /* and the way back is one to the boot before, which is accepted still */
    REQUIRE(fixture_reboot(&f, vm, &(struct boot_shape){ 0 }));
    j = attest_and_judge(&f, vm);
    CHECK_INT(j->verdict, VERDICT_HEALTHY);
    CHECK_INT(j->baseline_version, 1);
}

TEST(a_reason_is_words_that_people_can_read_or_nothing_is_approved)
{
    static const char *const wrong[] = { "\"\"", "5", "\"fine\\u001b[2J\"", "\"fine\\u0000\"", "\"\\u202efine\"" };
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    const char *path = "/v1/vms/web1/baseline:approve";
    char *most = arena_alloc(&f.a, LIMIT_REASON_BYTES + 2);
    struct answer answer;

    REQUIRE(most && attest_once(&f, vm, NULL));
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        fixture_ask(&f, &answer, "POST", path, "{\"reason\":%s}", wrong[i]);
        CHECK_INT(answer.status, 400);
    }
    memset(most, 'x', LIMIT_REASON_BYTES + 1);
    most[LIMIT_REASON_BYTES + 1] = '\0';
    fixture_ask(&f, &answer, "POST", path, "{\"reason\":\"%s\"}", most);
    CHECK_INT(answer.status, 400);
    most[LIMIT_REASON_BYTES] = '\0';
    fixture_ask(&f, &answer, "POST", path, "{\"reason\":\"%s\"}", most);
    CHECK_INT(answer.status, 200);
    fixture_ask(&f, &answer, "POST", path, "{}");
    CHECK_INT(answer.status, 200);
}

TEST(an_unhealthy_first_boot_is_not_learned)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct judged *j;

    REQUIRE(fixture_reboot(&f, vm, &(struct boot_shape){ .secure_boot_off = true }));
    j = attest_and_judge(&f, vm);
    CHECK_INT(j->verdict, VERDICT_UNHEALTHY);
    CHECK_INT(j->baseline_version, 0);
    CHECK(findings_have(&j->findings, FINDING_SECUREBOOT_DISABLED));
}

/* Secure Boot off is not for a baseline to decide, whoever approves it. */
TEST(approval_accepts_medium_findings_and_never_secure_boot_off)
{
    FIXTURE(f);
    struct test_vm *hole = fixture_vm(&f, "web1"), *off = fixture_vm(&f, "web2");
    struct answer answer;

    REQUIRE(fixture_reboot(&f, hole, &(struct boot_shape){ .silent_loader = true }));
    CHECK_INT(attest_and_judge(&f, hole)->verdict, VERDICT_UNHEALTHY);
    approve(&f, hole, &answer);
    CHECK(json_is_string(json_at(answer.json, "properties", "healthStatus", NULL), "Healthy"));
    REQUIRE(fixture_reboot(&f, off, &(struct boot_shape){ .secure_boot_off = true }));
    CHECK_INT(attest_and_judge(&f, off)->verdict, VERDICT_UNHEALTHY);
    approve(&f, off, &answer);
    CHECK_INT(answer.status, 200);
    CHECK(json_is_string(json_at(answer.json, "properties", "healthStatus", NULL), "Unhealthy"));
}

TEST(there_is_nothing_to_approve_before_a_boot_was_attested)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct answer answer;

    approve(&f, vm, &answer);
    CHECK_INT(answer.status, 404);
    fixture_send_raced(&f, vm);
    approve(&f, vm, &answer);
    CHECK_INT(answer.status, 400);
    CHECK_INT(judged_now(&f, vm)->baseline_version, 0);
}

/* ---- counters that go back --------------------------------------------------------------------------------------------------- */

static void restore_snapshot(struct test_vm *vm) { vm->boot.clock.reset_count -= 3; }

TEST(counters_that_went_back_stay_a_finding_until_a_person_approves)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct answer answer;

    CHECK_INT(attest_and_judge(&f, vm)->verdict, VERDICT_HEALTHY);
    restore_snapshot(vm);
    CHECK(findings_have(&attest_and_judge(&f, vm)->findings, FINDING_TPM_ROLLBACK));
    for (int boot = 0; boot < 6; boot++) { /* beyond where it was */
        REQUIRE(fixture_reboot(&f, vm, &(struct boot_shape){ 0 }));
        CHECK_INT(attest_and_judge(&f, vm)->verdict, VERDICT_UNHEALTHY);
    }
    approve(&f, vm, &answer);
    CHECK(json_is_string(json_at(answer.json, "properties", "healthStatus", NULL), "Healthy"));
    REQUIRE(fixture_reboot(&f, vm, &(struct boot_shape){ 0 }));
    CHECK_INT(attest_and_judge(&f, vm)->verdict, VERDICT_HEALTHY);
}

/* Two requests of one machine on their way at once (a person's and the daemon's; or a proxy held the first one back): the older quote comes last. */
TEST(evidence_that_was_overtaken_by_newer_evidence_settles_nothing_and_accuses_nobody)
{
    static const struct {
        bool booted_between; /* the older quote is of the boot before */
        bool sound_first;    /* what the newer evidence shows */
        const char *health;
    } cases[] = { { false, true, "Healthy" }, { true, true, "Healthy" }, { true, false, "Unhealthy" } };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        FIXTURE(f);
        struct test_vm *vm = fixture_vm(&f, "web1");
        struct test_boot *older = ARENA_NEW(&f.a, struct test_boot), *newer = ARENA_NEW(&f.a, struct test_boot);
        struct attestation held;
        struct answer answer;
        const struct judged *j;

        REQUIRE(older && newer);
        CHECK_INT(attest_and_judge(&f, vm)->verdict, VERDICT_HEALTHY);
        REQUIRE(attestation_begin(&f, vm, &held)); /* its challenge is handed out */
        *older = vm->boot;
        if (cases[i].booted_between)
            REQUIRE(fixture_reboot(&f, vm, &(struct boot_shape){ .secure_boot_off = !cases[i].sound_first }));
        vm->boot.clock.clock_ms += 1000;
        fixture_time += 1000;
        CHECK_INT(attest_and_judge(&f, vm)->verdict, cases[i].sound_first ? VERDICT_HEALTHY : VERDICT_UNHEALTHY);
        *newer = vm->boot;
        vm->boot = *older;
        fixture_time += 1000;
        attestation_send(&held, &answer);
        CHECK_INT(answer.status, 200);
        j = judged_now(&f, vm);
        CHECK_INT(j->verdict, VERDICT_UNKNOWN);
        CHECK(findings_have(&j->findings, FINDING_TPM_EVIDENCE_LATE) && !findings_have(&j->findings, FINDING_TPM_ROLLBACK));
        CHECK_STRING(status_of_vm(&f, vm, NULL), cases[i].health);
        vm->boot = *newer;
        vm->boot.clock.clock_ms += 1000;
        CHECK_INT(attest_and_judge(&f, vm)->verdict, cases[i].sound_first ? VERDICT_HEALTHY : VERDICT_UNHEALTHY);
    }
}

/* A challenge that was kept does not excuse a snapshot: what answers a new one is still behind. Nor does a server's clock that was set back. */
TEST(a_challenge_that_was_kept_excuses_no_snapshot)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct attestation held;
    struct answer answer;

    vm->boot.clock.clock_ms = 50000; /* as in the snapshot */
    REQUIRE(attestation_begin(&f, vm, &held));
    vm->boot.clock.clock_ms = 100000;
    fixture_time += 1000;
    CHECK_INT(attest_and_judge(&f, vm)->verdict, VERDICT_HEALTHY);
    vm->boot.clock.clock_ms = 50000;
    fixture_time += 1000;
    attestation_send(&held, &answer);
    CHECK_INT(judged_now(&f, vm)->verdict, VERDICT_UNKNOWN);
    fixture_time += 1000;
    CHECK(findings_have(&attest_and_judge(&f, vm)->findings, FINDING_TPM_ROLLBACK));

    vm = fixture_vm(&f, "web2");
    vm->boot.clock.clock_ms = 100000;
    CHECK_INT(attest_and_judge(&f, vm)->verdict, VERDICT_HEALTHY);
    vm->boot.clock.clock_ms = 50000;
    fixture_time -= 3600 * 1000;
    CHECK(findings_have(&attest_and_judge(&f, vm)->findings, FINDING_TPM_ROLLBACK));
    fixture_time += 3600 * 1000;
}

static int looks_left;

/* The time; from a certain look on, everything that is asked of the store comes too late. */
static int64_t failing_clock(void)
{
    if (looks_left-- == 0)
        late_after(0);
    return fixture_time;
}

/* An approval that fails on its way approves nothing: not the counters alone either, which nobody would be shown again. */
TEST(an_approval_that_fails_leaves_the_rollback_a_finding)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct monitor failing = f.monitor;
    struct judged *j = ARENA_NEW(&f.a, struct judged);
    struct store_baseline baseline;
    struct err err = ERR_INIT;
    bool done = false;
    int failed = 0;

    REQUIRE(j);
    failing.now_ms = failing_clock;
    CHECK_INT(attest_and_judge(&f, vm)->verdict, VERDICT_HEALTHY);
    restore_snapshot(vm);
    CHECK(findings_have(&attest_and_judge(&f, vm)->findings, FINDING_TPM_ROLLBACK));
    for (int looks = 0; !done && looks < 20; looks++) {
        looks_left = looks;
        (void)!monitor_approve(&failing, &f.a, vm->uuid, BYTES_NONE, (struct approve_how){ false, false }, "somebody", "planned", j, &err);
        late_end();
        REQUIRE_OK(store_baseline_latest(f.store, &f.a, vm->uuid, &baseline, &err), err);
        done = baseline.version == 2;
        failed += !done;
        CHECK(done || findings_have(&attest_and_judge(&f, vm)->findings, FINDING_TPM_ROLLBACK));
    }
    CHECK(done && failed > 0);
    CHECK_INT(attest_and_judge(&f, vm)->verdict, VERDICT_HEALTHY);
}

/* Evidence without a genuine quote shows no counters: it must hide neither the rollback nor where the counters were. */
TEST(evidence_that_cannot_be_judged_hides_no_rollback)
{
    FIXTURE(f);
    struct test_vm *before = fixture_vm(&f, "web1"), *after = fixture_vm(&f, "web2");

    CHECK_INT(attest_and_judge(&f, before)->verdict, VERDICT_HEALTHY);
    fixture_send_raced(&f, before);
    (void)judged_now(&f, before);
    restore_snapshot(before);
    CHECK_INT(attest_and_judge(&f, before)->verdict, VERDICT_UNHEALTHY);

    CHECK_INT(attest_and_judge(&f, after)->verdict, VERDICT_HEALTHY);
    restore_snapshot(after);
    CHECK_INT(attest_and_judge(&f, after)->verdict, VERDICT_UNHEALTHY);
    fixture_send_raced(&f, after);
    (void)judged_now(&f, after);
    CHECK_INT(attest_and_judge(&f, after)->verdict, VERDICT_UNHEALTHY);
}

TEST(a_boot_whose_counters_went_back_is_not_learned)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct test_boot sound = vm->boot;
    struct judged *j;

    REQUIRE(fixture_reboot(&f, vm, &(struct boot_shape){ .secure_boot_off = true }));
    CHECK_INT(attest_and_judge(&f, vm)->verdict, VERDICT_UNHEALTHY);
    vm->boot = sound; /* one reset earlier */
    j = attest_and_judge(&f, vm);
    CHECK_INT(j->verdict, VERDICT_UNHEALTHY);
    CHECK_INT(j->baseline_version, 0);
    CHECK_INT(attest_and_judge(&f, vm)->verdict, VERDICT_UNHEALTHY);
    /* nor is a sound boot after it, until a person has approved it */
    for (int i = 0; i < 2; i++)
        REQUIRE(fixture_reboot(&f, vm, &(struct boot_shape){ 0 }));
    j = attest_and_judge(&f, vm);
    CHECK(j->verdict == VERDICT_UNHEALTHY && !findings_have(&j->appraisal.findings, FINDING_SECUREBOOT_DISABLED));
    CHECK_INT(j->baseline_version, 0);
}

/* TPM 2.0 Library Part 1, 36.3: within a boot Clock runs forward, safe or not; over a power failure an unsafe one may lag by 2^22 ms. */
TEST(a_clock_that_went_back_is_a_rollback_unless_power_failed_in_between)
{
    static const struct {
        int resets;
        int64_t back_ms;
        bool safe;
        enum verdict verdict;
    } cases[] = {
        { 0, 5, true, VERDICT_UNHEALTHY }, { 0, 5, false, VERDICT_UNHEALTHY },     { 1, 5, true, VERDICT_UNHEALTHY },
        { 1, 5, false, VERDICT_HEALTHY },  { 1, 1 << 22, false, VERDICT_HEALTHY }, { 1, (1 << 22) + 1, false, VERDICT_UNHEALTHY },
        { 1, -5, true, VERDICT_HEALTHY },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        FIXTURE(f);
        struct test_vm *vm = fixture_vm(&f, "web1");
        vm->boot.clock.clock_ms = UINT64_C(1) << 40;
        CHECK_INT(attest_and_judge(&f, vm)->verdict, VERDICT_HEALTHY);
        vm->boot.clock.reset_count += (uint32_t)cases[i].resets;
        vm->boot.clock.clock_ms -= (uint64_t)cases[i].back_ms;
        vm->boot.clock.safe = cases[i].safe;
        CHECK_INT(attest_and_judge(&f, vm)->verdict, cases[i].verdict);
        if (test_failed())
            test_note("case %zu", i);
    }
}

/* ---- what does not erase an Unhealthy ------------------------------------------------------------------------------------------- */

TEST(no_number_of_unsettled_appraisals_erases_an_unhealthy)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    const char *reason;

    REQUIRE(fixture_reboot(&f, vm, &(struct boot_shape){ .secure_boot_off = true }));
    CHECK_INT(attest_and_judge(&f, vm)->verdict, VERDICT_UNHEALTHY);
    for (int i = 0; i < 110; i++) {
        fixture_send_raced(&f, vm);
        CHECK_INT(judged_now(&f, vm)->verdict, VERDICT_UNKNOWN);
    }
    CHECK_STRING(status_of_vm(&f, vm, &reason), "Unhealthy");
    CHECK_STRING(reason, "Judged");
    fixture_time += 100LL * 24 * 3600 * 1000;
    CHECK_STRING(status_of_vm(&f, vm, NULL), "Unhealthy");
    REQUIRE(fixture_reboot(&f, vm, &(struct boot_shape){ 0 }));
    CHECK_INT(attest_and_judge(&f, vm)->verdict, VERDICT_HEALTHY);
    CHECK_STRING(status_of_vm(&f, vm, NULL), "Healthy");
}

TEST(an_unsettled_appraisal_leaves_a_healthy_standing_for_as_long_as_it_would_have_stood)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");

    CHECK_INT(attest_and_judge(&f, vm)->verdict, VERDICT_HEALTHY);
    fixture_send_raced(&f, vm);
    CHECK_STRING(status_of_vm(&f, vm, NULL), "Healthy");
    fixture_time += health_times_default.interval + health_times_default.grace;
    fixture_send_raced(&f, vm);
    CHECK_STRING(status_of_vm(&f, vm, NULL), "Unknown");
}

/* The quote of raced evidence is genuine but for the values beside it, and whoever sends it chooses those: a boot that has never been
 * judged must not live on the verdict of the one before. */
TEST(a_boot_that_could_not_be_judged_does_not_inherit_the_healthy_of_the_boot_before)
{
    FIXTURE(f);
    struct test_vm *counted = fixture_vm(&f, "web1"), *started = fixture_vm(&f, "web2"), *resumed = fixture_vm(&f, "web3");
    struct answer answer;
    const char *reason;

    /* seen by the TPM's own count of resets */
    CHECK_INT(attest_and_judge(&f, counted)->verdict, VERDICT_HEALTHY);
    REQUIRE(fixture_reboot(&f, counted, &(struct boot_shape){ .secure_boot_off = true }));
    fixture_send_raced(&f, counted);
    CHECK_STRING(status_of_vm(&f, counted, &reason), "Unknown");
    CHECK_STRING(reason, "NotJudged");
    /* or of restarts, which is what a shutdown that keeps the state makes of a boot (TPM 2.0 Library Part 1, 36.7) */
    CHECK_INT(attest_and_judge(&f, resumed)->verdict, VERDICT_HEALTHY);
    resumed->boot.clock.restart_count++;
    fixture_send_raced(&f, resumed);
    CHECK_STRING(status_of_vm(&f, resumed, NULL), "Unknown");
    /* seen by the host, which says when the VM was started */
    CHECK_INT(attest_and_judge(&f, started)->verdict, VERDICT_HEALTHY);
    fixture_time += 1000;
    fixture_ask(&f, &answer, "PATCH", "/v1/vms/web2", "{\"power\":\"running\"}");
    CHECK_INT(answer.status, 200);
    fixture_send_raced(&f, started);
    CHECK_STRING(status_of_vm(&f, started, &reason), "Unknown");
    CHECK_STRING(reason, "NotJudged");
    /* a boot that can be judged ends it */
    CHECK_INT(attest_and_judge(&f, started)->verdict, VERDICT_HEALTHY);
    CHECK_STRING(status_of_vm(&f, started, NULL), "Healthy");
    CHECK_INT(attest_and_judge(&f, counted)->verdict, VERDICT_UNHEALTHY);
}

/* ---- copies ---------------------------------------------------------------------------------------------------------------------- */

TEST(two_vms_that_claim_one_tpm_are_both_unhealthy_until_it_is_released)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct err err = ERR_INIT;

    CHECK_INT(attest_and_judge(&f, vm)->verdict, VERDICT_HEALTHY);
    REQUIRE_OK(store_setting_put(f.store, arena_printf(&f.a, STORE_SETTING_DUPLICATE, vm->uuid),
                                 BYTES_LIT("22222222-2222-4333-8444-000000000002"), &err),
               err);
    CHECK_STRING(status_of_vm(&f, vm, NULL), "Unhealthy");
    CHECK(findings_have(&judged_now(&f, vm)->findings, FINDING_TPM_IDENTITY_DUPLICATED));
    fixture_time += 1000;
    REQUIRE_OK(store_setting_delete(f.store, arena_printf(&f.a, STORE_SETTING_DUPLICATE, vm->uuid), &err), err);
    CHECK_STRING(status_of_vm(&f, vm, NULL), "Healthy");
}

/* Whose boot it was is in dispute: it may be the copy's. */
TEST(a_boot_of_a_vm_whose_tpm_another_claims_is_not_learned)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    const char *key = arena_printf(&f.a, STORE_SETTING_DUPLICATE, vm->uuid);
    struct err err = ERR_INIT;

    REQUIRE_OK(store_setting_put(f.store, key, BYTES_LIT("22222222-2222-4333-8444-000000000002"), &err), err);
    CHECK(findings_have(&attest_and_judge(&f, vm)->findings, FINDING_TPM_IDENTITY_DUPLICATED));
    CHECK_INT(judged_now(&f, vm)->baseline_version, 0);
    REQUIRE_OK(store_setting_delete(f.store, key, &err), err);
    CHECK_INT(attest_and_judge(&f, vm)->baseline_version, 1);
}

TEST(a_command_line_that_is_a_findings_name_hides_no_copy)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct err err = ERR_INIT;

    CHECK_INT(attest_and_judge(&f, vm)->verdict, VERDICT_HEALTHY);
    REQUIRE(fixture_reboot(&f, vm, &(struct boot_shape){ .command_line = "tpm.identity_duplicated" }));
    CHECK_INT(attest_and_judge(&f, vm)->verdict, VERDICT_UNHEALTHY);
    REQUIRE_OK(store_setting_put(f.store, arena_printf(&f.a, STORE_SETTING_DUPLICATE, vm->uuid),
                                 BYTES_LIT("22222222-2222-4333-8444-000000000002"), &err),
               err);
    CHECK(findings_have(&judged_now(&f, vm)->findings, FINDING_TPM_IDENTITY_DUPLICATED));
}

/* ---- records ---------------------------------------------------------------------------------------------------------------------- */

/* A row whose record is `record` instead of the VM's newest. */
static bool put_record(struct fixture *f, const struct test_vm *vm, const char *id, struct bytes record, const char *provider)
{
    struct store_appraisal row;
    struct err err = ERR_INIT;

    fixture_time += 60000;
    if (!store_appraisal_latest(f->store, &f->a, vm->uuid, &row, &err))
        abort();
    row.id = id;
    row.vm = vm->uuid;
    row.time_ms = fixture_time;
    row.record = record;
    row.provider = provider;
    return store_appraisal_add(f->store, &row, BYTES_NONE, 5, &err);
}

TEST(a_record_that_was_tampered_with_is_an_error_and_never_healthy)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct store_appraisal row;
    struct bytes record;
    struct judged *j = ARENA_NEW(&f.a, struct judged);
    struct answer answer;
    struct err err = ERR_INIT;

    REQUIRE(j && attest_and_judge(&f, vm)->verdict == VERDICT_HEALTHY);
    REQUIRE_OK(store_appraisal_latest(f.store, &f.a, vm->uuid, &row, &err), err);
    REQUIRE(arena_copy(&f.a, row.record, &record));
    ((uint8_t *)record.data)[record.len / 2] ^= 1;
    REQUIRE(put_record(&f, vm, "00000000000000000000000000000001", record, "shared"));
    CHECK(!monitor_judge(&f.monitor, &f.a, vm->uuid, j, &err));
    fixture_ask(&f, &answer, "GET", "/v1/vms/web1/status", NULL);
    CHECK(json_is_string(json_at(answer.json, "properties", "healthStatus", NULL), "Unknown"));
    CHECK(json_is_string(json_at(answer.json, "properties", "bootIntegrityValidated", NULL), "Unknown"));
    CHECK(bytes_find(json_text(json_at(answer.json, "properties", "errorMessage", NULL), BYTES_NONE), BYTES_LIT("0001")) != SIZE_MAX);
}

TEST(a_damaged_record_does_not_erase_an_unhealthy)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");

    REQUIRE(fixture_reboot(&f, vm, &(struct boot_shape){ .secure_boot_off = true }));
    CHECK_INT(attest_and_judge(&f, vm)->verdict, VERDICT_UNHEALTHY);
    REQUIRE(put_record(&f, vm, "00000000000000000000000000000001", BYTES_LIT("x.y.z"), "shared"));
    CHECK_STRING(status_of_vm(&f, vm, NULL), "Unhealthy");
}

/* More records than one transaction judges, a damaged one among them: each in its turn, once. */
TEST(a_backlog_is_judged_record_by_record_in_its_order)
{
    enum { MISSED = 40 };
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    const struct store_appraisal *appraisals;
    const struct store_judgement *judgements;
    size_t n_appraisals, n_judgements;
    struct err err = ERR_INIT;

    CHECK_INT(attest_and_judge(&f, vm)->verdict, VERDICT_HEALTHY);
    for (int i = 0; i < MISSED / 2; i++)
        fixture_send_raced(&f, vm);
    REQUIRE(put_record(&f, vm, "00000000000000000000000000000001", BYTES_LIT("x.y.z"), "shared"));
    for (int i = 0; i < MISSED / 2; i++)
        fixture_send_raced(&f, vm);
    CHECK_INT(attest_and_judge(&f, vm)->verdict, VERDICT_HEALTHY);
    REQUIRE_OK(store_appraisal_list(f.store, &f.a, vm->uuid, (struct store_cursor){ 0 }, 100, &appraisals, &n_appraisals, &err), err);
    REQUIRE_OK(store_judgement_list(f.store, &f.a, vm->uuid, (struct store_cursor){ 0 }, 100, &judgements, &n_judgements, &err), err);
    CHECK_INT(n_appraisals, MISSED + 3);
    CHECK_INT(n_judgements, MISSED + 2);
    for (size_t a = 0, j = 0; a < n_appraisals && j < n_judgements; a++)
        if (strcmp(appraisals[a].id, "00000000000000000000000000000001") != 0)
            CHECK_STRING(judgements[j++].appraisal_id, appraisals[a].id);
    (void)judged_now(&f, vm); /* again: nothing further */
    REQUIRE_OK(store_judgement_list(f.store, &f.a, vm->uuid, (struct store_cursor){ 0 }, 100, &judgements, &n_judgements, &err), err);
    CHECK_INT(n_judgements, MISSED + 2);
}

TEST(a_genuine_record_under_another_name_vm_or_provider_is_refused)
{
    FIXTURE(f);
    struct test_vm *one = fixture_vm(&f, "web1"), *two = fixture_vm(&f, "web2");
    struct judged *j = ARENA_NEW(&f.a, struct judged);
    struct store_appraisal row;
    struct err err = ERR_INIT;

    REQUIRE(j && attest_and_judge(&f, one)->verdict == VERDICT_HEALTHY && attest_and_judge(&f, two)->verdict == VERDICT_HEALTHY);
    REQUIRE_OK(store_appraisal_latest(f.store, &f.a, one->uuid, &row, &err), err);
    REQUIRE(put_record(&f, one, "00000000000000000000000000000001", row.record, "shared")); /* an old boot shown as new */
    CHECK(!monitor_judge(&f.monitor, &f.a, one->uuid, j, &err) && err.code == ERR_UNTRUSTED);
    REQUIRE(put_record(&f, two, row.id, row.record, "shared")); /* another VM's boot */
    CHECK(!monitor_judge(&f.monitor, &f.a, two->uuid, j, &err) && err.code == ERR_UNTRUSTED);
    REQUIRE(put_record(&f, two, "00000000000000000000000000000002", row.record, "somebody"));
    CHECK(!monitor_judge(&f.monitor, &f.a, two->uuid, j, &err) && err.code == ERR_UNTRUSTED);
}

/* Report tokens have keys of their own. */
TEST(a_token_is_no_record)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct judged *j = ARENA_NEW(&f.a, struct judged);
    struct bytes token;
    struct err err = ERR_INIT;

    REQUIRE(j && attest_once(&f, vm, &token));
    REQUIRE(put_record(&f, vm, "00000000000000000000000000000001", token, "shared"));
    CHECK(!monitor_judge(&f.monitor, &f.a, vm->uuid, j, &err) && err.code == ERR_UNTRUSTED);
}

/* The payload of the latest record under another id, signed by the record key as a JWS of type `typ`. */
static bool sign_as(struct fixture *f, const struct test_vm *vm, const char *id, const char *typ, bool other_issuer, struct bytes *ret)
{
    const struct signing_key *key;
    struct store_appraisal row;
    struct bytes payload;
    struct err err = ERR_INIT;
    struct jws jws;
    size_t at;

    if (!store_appraisal_latest(f->store, &f->a, vm->uuid, &row, &err) ||
        !jws_parse(&f->a, row.record, LIMIT_ATTEST_BODY_BYTES, &jws, &err) || !arena_copy(&f->a, jws.claimed_payload, &payload) ||
        !keyring_signer(f->attestation.keys[KEY_USE_RECORD], fixture_time, 0, &key, &err))
        return false;
    at = bytes_find(payload, bytes_of_string(row.id));
    if (at == SIZE_MAX || strlen(row.id) != strlen(id))
        return false;
    memcpy((uint8_t *)payload.data + at, id, strlen(id));
    if (other_issuer) {
        at = bytes_find(payload, BYTES_LIT("\"provider\":\"http"));
        if (at == SIZE_MAX)
            return false;
        ((uint8_t *)payload.data)[at + strlen("\"provider\":\"")] = 'x';
    }
    return jws_sign(&f->a, key->key, key->algorithm,
                    bytes_of_string(arena_printf(&f->a, "{\"typ\":\"%s\",\"alg\":\"%s\",\"kid\":\"%s\"}", typ,
                                                 jws_algorithm_name(key->algorithm), key->kid)),
                    payload, ret, &err);
}

TEST(what_the_record_key_signed_as_something_else_or_for_another_issuer_is_no_record)
{
    static const char *const id = "00000000000000000000000000000001";
    FIXTURE(f);
    struct test_vm *one = fixture_vm(&f, "web1"), *two = fixture_vm(&f, "web2"), *three = fixture_vm(&f, "web3");
    struct judged *j = ARENA_NEW(&f.a, struct judged);
    struct bytes record;
    struct err err = ERR_INIT;

    REQUIRE(j && attest_and_judge(&f, one)->verdict == VERDICT_HEALTHY && attest_and_judge(&f, two)->verdict == VERDICT_HEALTHY);
    REQUIRE(sign_as(&f, one, id, "trueboot-appraisal+jws", false, &record) && put_record(&f, one, id, record, "shared"));
    REQUIRE_OK(monitor_judge(&f.monitor, &f.a, one->uuid, j, &err), err);
    CHECK_STRING(j->appraisal.id, id);
    REQUIRE(sign_as(&f, two, id, "JWT", false, &record) && put_record(&f, two, id, record, "shared"));
    CHECK(!monitor_judge(&f.monitor, &f.a, two->uuid, j, &err) && err.code == ERR_UNTRUSTED);
    REQUIRE(attest_and_judge(&f, three)->verdict == VERDICT_HEALTHY);
    REQUIRE(sign_as(&f, three, id, "trueboot-appraisal+jws", true, &record) && put_record(&f, three, id, record, "shared"));
    CHECK(!monitor_judge(&f.monitor, &f.a, three->uuid, j, &err) && err.code == ERR_UNTRUSTED);
}

TEST(one_vm_that_cannot_be_judged_does_not_hide_the_others)
{
    FIXTURE(f);
    struct test_vm *one = fixture_vm(&f, "web1"), *two = fixture_vm(&f, "web2");
    struct answer answer;
    const struct json *list;

    REQUIRE(attest_and_judge(&f, one)->verdict == VERDICT_HEALTHY && attest_and_judge(&f, two)->verdict == VERDICT_HEALTHY);
    REQUIRE(put_record(&f, one, "00000000000000000000000000000001", BYTES_LIT("x.y.z"), "shared"));
    fixture_ask(&f, &answer, "GET", "/v1/status", NULL);
    CHECK_INT(answer.status, 200);
    list = json_get(answer.json, "value");
    REQUIRE(list && list->type == JSON_ARRAY && list->array.n == 2);
    CHECK(json_is_string(json_at(list->array.items[0], "properties", "healthStatus", NULL), "Unknown"));
    CHECK(json_is_string(json_at(list->array.items[1], "properties", "healthStatus", NULL), "Healthy"));
}

/* ---- threads ------------------------------------------------------------------------------------------------------------------------ */

enum { THREADS = 8 };

struct judge_thread {
    struct fixture *f;
    const char *vm;
    struct judged *judged;
    struct arena a;
    struct err err;
    bool fine;
};

static void *judge_thread(void *context)
{
    struct judge_thread *t = context;

    t->judged = ARENA_NEW(&t->a, struct judged);
    t->fine = t->judged && monitor_judge(&t->f->monitor, &t->a, t->vm, t->judged, &t->err);
    return NULL;
}

TEST(threads_that_judge_at_once_come_to_one_end)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct judge_thread t[THREADS];
    pthread_t threads[THREADS];
    const struct store_baseline *baselines;
    struct err err = ERR_INIT;
    size_t n;

    REQUIRE(attest_once(&f, vm, NULL));
    for (int i = 0; i < THREADS; i++) {
        t[i] = (struct judge_thread){ .f = &f, .vm = vm->uuid };
        if (pthread_create(&threads[i], NULL, judge_thread, &t[i]) != 0)
            abort();
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        if (!t[i].fine)
            test_note("%s", t[i].err.text);
        CHECK(t[i].fine && t[i].judged->verdict == VERDICT_HEALTHY && t[i].judged->baseline_version == 1);
        arena_done(&t[i].a);
    }
    REQUIRE_OK(store_baseline_list(f.store, &f.a, vm->uuid, 0, 10, &baselines, &n, &err), err);
    CHECK_INT(n, 1);
}
