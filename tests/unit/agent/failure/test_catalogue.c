/* The failure catalogue (guest-agent.md 9): rows, and what produces exactly their code. Classes of the network are tests/system's. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <signal.h>
#include "agent/daemon/run.h"
#include "agent/daemon/wake.h"
#include "agent/machine/host_check.h"
#include "base/clock.h"
#include "base/file.h"
#include "json/parse.h"
#include "support/eventlog_builder.h"
#include "support/test.h"
#include "unit/agent/faulty_guest.h"
#include "x509/ca.h"

/* Rows that end a cycle: what is arranged before the second cycle of a guest that has attested once, and how that one ends. */

struct row {
    const char *code; /* of the failure; "NONE": the cycle succeeds */
    const char *note; /* a note that must be there; NULL: none is asked for */
    const char *tools;
    struct fault fault;
    void (*arrange)(struct guest *g, struct session *s);
};

static void other_name(struct guest *g UNUSED, struct session *s)
{
    s->state.ak.name.value[33] ^= 1;
    s->state.ak.handle = 0;
}

static void other_boot(struct guest *g UNUSED, struct session *s) { s->watch.before.boot_id[0] ^= 1; }

static void later_snapshot(struct guest *g, struct session *s)
{
    other_boot(g, s);
    s->watch.before.clock.reset_count += 4;
    s->watch.before.clock.restart_count = 0;
    s->watch.before.clock.clock_ms += 1000;
}

static void resumed_tpm(struct guest *g, struct session *s UNUSED) { vtpm_resume(&g->vtpm); }

static void azure(struct guest *g, struct session *s UNUSED) { g->config.profile = "azure"; }

static void azureguest(struct guest *g, struct session *s UNUSED) { g->config.protocol = "azureguest"; }

static void refuse(struct guest *g, struct session *s UNUSED) { g->stub.refuse_evidence = true; }

static void enrol_again(struct guest *g, struct session *s)
{
    state_forget_certificate(&s->state);
    s->nv_certificate_is_stale = true;
    g->stub.begin_answer = "Forbidden";
}

static void enrol_duplicate(struct guest *g, struct session *s)
{
    enrol_again(g, s);
    g->stub.begin_answer = "IdentityDuplicated";
}

static void enrol_for_other_key(struct guest *g, struct session *s)
{
    enrol_again(g, s);
    g->stub.begin_answer = NULL;
    g->stub.credential_for_other_key = true;
}

static void enrol_once_more(struct guest *g, struct session *s)
{
    enrol_again(g, s);
    g->stub.begin_answer = NULL;
}

static void enrol_at_a_server_that_waits(struct guest *g, struct session *s)
{
    enrol_again(g, s);
    g->stub.begin_answer = "202";
}

static void enrol_at_a_server_without_the_vm(struct guest *g, struct session *s)
{
    enrol_again(g, s);
    g->stub.begin_answer = "UnknownVm";
}

/* As after a restart of the agent: what is looked at once is looked at again. */
static void look_again(struct guest *g UNUSED, struct session *s)
{
    s->watch.identity_checked = false;
    s->memory = (struct tpm_memory){ 0 };
}

/* A certificate of this very key, of ten years ago; the server renews nothing. */
static void issue_long_ago(struct guest *g, struct session *s)
{
    struct cert *old CLEANUP(cert_free_at) = NULL;
    struct err err = ERR_INIT;

    REQUIRE_OK(ca_issue_ak(g->stub.ca, VTPM_UUID, g->stub.ak, clock_now_ms() - 3650 * CA_DAY_MS, &old, &err), err);
    REQUIRE(arena_copy(&g->stub.arena, old->der, &g->stub.last_cert));
    state_forget_certificate(&s->state);
    write_bytes(&s->state.ak_cert, old->der);
}

static void expired(struct guest *g, struct session *s)
{
    issue_long_ago(g, s);
    g->stub.begin_answer = "Forbidden";
}

static void expired_and_renewed(struct guest *g, struct session *s)
{
    issue_long_ago(g, s);
    s->nv_certificate_is_stale = true;
}

static void expired_of_the_platform(struct guest *g, struct session *s)
{
    struct tpm_device *tpm CLEANUP(tpm_device_close_at) = NULL;
    struct failure why = FAILURE_INIT;

    issue_long_ago(g, s);
    azure(g, s);
    REQUIRE_DONE(tpm_device_open(g->vtpm.tcti, &tpm, &why), why);
    REQUIRE_DONE(ak_certificate_publish(tpm, g->stub.last_cert, &why), why);
}

static void forgotten(struct guest *g, struct session *s UNUSED) { g->stub.forget_identity = true; }

static void used_nonces(struct guest *g, struct session *s UNUSED) { g->stub.refuse_nonces = 9; }

static void refused_reports(struct guest *g, struct session *s UNUSED) { g->stub.refuse_tokens = true; }

static void answer_with(struct guest *g, unsigned status)
{
    g->stub.fail_requests = 9;
    g->stub.fail_status = status;
}

static void in_trouble(struct guest *g, struct session *s UNUSED) { answer_with(g, 503); }

static void lets_nobody_in(struct guest *g, struct session *s)
{
    s->pending.until_ms = 0;
    answer_with(g, 403);
}

static void another_service(struct guest *g, struct session *s UNUSED) { g->stub.no_tpm_endpoint = true; }

static void says_nothing(struct guest *g, struct session *s UNUSED) { answer_with(g, 200); }

/* The servers of a session stay open: another address counts at its next start. */
static void restart_at(struct guest *g, struct session *s, const char *endpoint)
{
    session_done(s);
    g->config.endpoint = endpoint;
    guest_session(g, s);
}

static void no_endpoint(struct guest *g, struct session *s) { restart_at(g, s, NULL); }

static void no_address(struct guest *g, struct session *s) { restart_at(g, s, "https://"); }

static void plain_http(struct guest *g, struct session *s)
{
    g->config.insecure_loopback = true;
    restart_at(g, s, "http://192.0.2.1");
}

static void plain_loopback(struct guest *g, struct session *s) { restart_at(g, s, "http://127.0.0.1:9"); }

static void foreign_ca(struct guest *g, struct session *s)
{
    g->config.ca_pem = BYTES_LIT("-----BEGIN CERTIFICATE-----\nbm90aGluZw==\n-----END CERTIFICATE-----\n");
    restart_at(g, s, g->stub.endpoint);
}

static void no_log(struct guest *g, struct session *s UNUSED) { g->config.firmware_log = "/nonexistent/log"; }

static void write_log(struct guest *g, struct log_builder *b)
{
    struct bytes log = log_builder_bytes(b);

    CHECK(guest_log(g, &log));
}

static void header_only(struct guest *g, struct session *s UNUSED)
{
    struct log_builder b CLEANUP(log_builder_done) = { 0 };

    log_builder_begin(&b, (enum digest_algorithm[]){ DIGEST_SHA256 }, 1);
    write_log(g, &b);
}

static void sha1_log(struct guest *g, struct session *s UNUSED)
{
    struct log_builder b CLEANUP(log_builder_done) = { 0 };

    log_builder_begin_sha1(&b);
    log_add(&b, 0, EVENT_TYPE(EV_IPL), BYTES_LIT("an event of sufficient length for a log of more than sixty-four bytes"));
    write_log(g, &b);
}

static void foreign_log(struct guest *g, struct session *s UNUSED)
{
    struct log_builder b CLEANUP(log_builder_done) = { 0 };

    log_builder_begin(&b, (enum digest_algorithm[]){ DIGEST_SHA256 }, 1);
    log_add(&b, 2, EVENT_TYPE(EV_IPL), BYTES_LIT("what this TPM never measured"));
    write_log(g, &b);
}

/* Ends inside its last event, close below 64 KiB. */
static void cut_log(struct guest *g, struct session *s UNUSED)
{
    static const uint8_t data[200];
    struct log_builder b CLEANUP(log_builder_done) = { 0 };
    struct bytes log;

    log_builder_begin(&b, (enum digest_algorithm[]){ DIGEST_SHA256 }, 1);
    while (log_builder_bytes(&b).len < 65536)
        log_add(&b, 2, EVENT_TYPE(EV_IPL), BYTES_OF(data));
    log = bytes_slice(log_builder_bytes(&b), 0, 65536);
    CHECK(guest_log(g, &log));
}

static void huge_log(struct guest *g, struct session *s UNUSED)
{
    char command[200];

    snprintf(command, sizeof command, "truncate -s 5M '%s'", g->log_path);
    CHECK(vtpm_run(&g->vtpm, command));
}

static void true_log(struct guest *g, struct session *s UNUSED)
{
    struct log_builder b CLEANUP(log_builder_done) = { 0 };

    log_builder_begin(&b, (enum digest_algorithm[]){ DIGEST_SHA256 }, 1);
    log_add(&b, 16, EVENT_TYPE(EV_IPL), BYTES_LIT("registers 0 to 7 of the emulator are untouched"));
    write_log(g, &b);
}

static const char plant[] = "tpm2_evictcontrol -C o -c 0x81000003 && "
                            "tpm2_createprimary -C e -G rsa2048:rsassa-sha256:null "
                            "-a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|sign' -c planted && "
                            "tpm2_evictcontrol -C o -c planted 0x81000003 && tpm2_flushcontext -t";

/* A row's lock-out is real: more wrong passwords than the TPM forgives. */
static const char lock_out[] =
    "tpm2_createprimary -C o -p secret -c p.ctx && tpm2_evictcontrol -C o -c p.ctx 0x81000100 && tpm2_flushcontext -t; "
    "for i in 1 2 3 4 5; do echo x >x; tpm2_rsadecrypt -c 0x81000100 -p wrong x; tpm2_create -C 0x81000100 -P wrong -u u -r r; done; true";

/* Every slot that there is for an index is taken; the certificate's own is given back first. */
static const char fill_nv[] =
    "tpm2_nvundefine -C o 0x01c101d0; for i in $(seq 100 199); do tpm2_nvdefine -C o -s 2048 0x01500$i || break; done; "
    "for i in $(seq 100 299); do tpm2_nvdefine -C o -s 300 0x01501$i || break; done; true";

/* Where endorsement certificates lie, something that is none lies now. */
static const char no_ek_certs[] = "tpm2_nvundefine -C p 0x01c00002 && tpm2_nvundefine -C p 0x01c00016";
static const char bad_ek_cert[] = "tpm2_nvundefine -C p 0x01c00002 && tpm2_nvundefine -C p 0x01c00016 && "
                                  "tpm2_nvdefine -C o -s 5 -a 'ownerread|ownerwrite|authread|authwrite|no_da' 0x01c00002 && "
                                  "printf '\\60\\3\\2\\1\\1' >der && tpm2_nvwrite -C o -i der 0x01c00002";

static const struct row rows[] = {
    { .code = "NONE", .note = "AK_CERT_EXPIRED", .arrange = expired },
    { .code = "NONE", .note = "AK_CERT_EXPIRED", .arrange = expired_and_renewed },
    { .code = "NONE", .note = "AK_CERT_EXPIRED", .arrange = expired_of_the_platform },
    { .code = "NONE", .note = "EK_CERT_MISSING", .tools = no_ek_certs, .arrange = look_again },
    { .code = "AWAITS_APPROVAL", .tools = no_ek_certs, .arrange = enrol_at_a_server_that_waits },
    { .code = "EK_UNUSABLE", .tools = bad_ek_cert, .arrange = enrol_once_more },
    { .code = "NONE", .note = "NV_TOO_SMALL", .tools = fill_nv, .arrange = enrol_once_more },
    { .code = "NONE",
      .note = "NV_TOO_SMALL",
      .tools = "tpm2_nvundefine -C o 0x01c101d0",
      .fault = { .kind = FAULT_RC, .rc = 0x2d5, .command = TPM_CC_NV_DefineSpace },
      .arrange = enrol_once_more },
    { .code = "NOT_ENROLLED", .arrange = enrol_at_a_server_without_the_vm },
    { .code = "IDENTITY_UNKNOWN", .arrange = forgotten },
    { .code = "NONCE", .arrange = used_nonces },
    { .code = "REPORT_REFUSED", .arrange = refused_reports },
    { .code = "SERVER_TROUBLE", .arrange = in_trouble },
    { .code = "NOT_AUTHORISED", .arrange = lets_nobody_in },
    { .code = "WRONG_ENDPOINT", .arrange = another_service },
    { .code = "BAD_ANSWER", .arrange = says_nothing },
    { .code = "NO_ENDPOINT", .arrange = no_endpoint },
    { .code = "NO_ENDPOINT", .arrange = no_address },
    { .code = "NO_ENDPOINT", .arrange = plain_http },
    { .code = "NO_ENDPOINT", .arrange = plain_loopback },
    { .code = "TLS", .arrange = foreign_ca },
    { .code = "INTERNAL", .fault = { .kind = FAULT_RC, .rc = 0x124, .command = TPM_CC_Quote } },
    { .code = "INTERNAL", .fault = { .kind = FAULT_RC, .rc = 0x12f, .command = TPM_CC_Quote } },
    { .code = "PCR_CHANGED", .fault = { .kind = FAULT_RC, .rc = 0x1c4, .command = TPM_CC_PolicyPCR }, .arrange = azureguest },
    { .code = "PCR_CHANGED", .fault = { .kind = FAULT_RC, .rc = 0x128, .command = TPM_CC_RSA_Decrypt }, .arrange = azureguest },
    { .code = "PCR_CHANGED", .fault = { .kind = FAULT_RC, .rc = 0x99d, .command = TPM_CC_RSA_Decrypt }, .arrange = azureguest },
    { .code = "TPM_REFUSED", .fault = { .kind = FAULT_RC, .rc = 0x143, .command = TPM_CC_Quote } },
    { .code = "NONE", .note = "LOG_MISSING", .arrange = no_log },
    { .code = "NONE", .note = "LOG_EMPTY", .arrange = header_only },
    { .code = "NONE", .note = "LOG_SHA1", .arrange = sha1_log },
    { .code = "NONE", .note = "LOG_REPLAY", .arrange = foreign_log },
    { .code = "NONE", .note = "LOG_TRUNCATED", .arrange = cut_log },
    { .code = "NONE", .note = NULL, .arrange = true_log },
    { .code = "LOG_TOO_LARGE", .arrange = huge_log },
    { .code = "TPM_UNUSABLE", .fault = { .kind = FAULT_RC, .rc = 0x101 } },
    { .code = "TPM_UNUSABLE", .fault = { .kind = FAULT_RC, .rc = 0x100, .command = TPM_CC_Quote } },
    { .code = "TPM_UNUSABLE", .fault = { .kind = FAULT_TIMEOUT } },
    { .code = "TPM_UNUSABLE", .fault = { .kind = FAULT_GONE, .command = TPM_CC_PCR_Read } },
    { .code = "TPM_UNUSABLE", .fault = { .kind = FAULT_CUT, .command = TPM_CC_Quote } },
    { .code = "TPM_MEMORY", .fault = { .kind = FAULT_RC, .rc = 0x902, .command = TPM_CC_Quote } },
    { .code = "NONE", .fault = { .kind = FAULT_IO, .command = TPM_CC_Quote, .times = 3 } },
    { .code = "EH_DISABLED", .tools = "tpm2_evictcontrol -C o -c 0x81000003 && tpm2_hierarchycontrol -C p ehEnable clear" },
    { .code = "PCR_UNSTABLE", .fault = { .kind = FAULT_EXTEND, .command = TPM_CC_Quote, .pcr = 10 } },
    { .code = "PCR_CHANGED", .fault = { .kind = FAULT_EXTEND, .command = TPM_CC_RSA_Decrypt, .pcr = 7 }, .arrange = azureguest },
    { .code = "AK_REPLACED", .tools = plant },
    { .code = "NONE", .note = "AK_MISSING", .tools = "tpm2_evictcontrol -C o -c 0x81000003" },
    { .code = "AK_MISSING", .tools = "tpm2_evictcontrol -C o -c 0x81000003", .arrange = azure },
    { .code = "AK_CERT_PENDING", .tools = "tpm2_nvundefine -C o 0x01c101d0", .arrange = azure },
    { .code = "AK_CERT_PENDING", .tools = "tpm2_nvundefine -C o 0x01c101d0 && tpm2_nvdefine -C o -s 1500 0x01c101d0", .arrange = azure },
    { .code = "SEED_CHANGED", .arrange = other_name },
    { .code = "NONE", .note = "TPM_CLEARED", .tools = "tpm2_clear -c p || tpm2_clear -c l" },
    { .code = "NONE", .note = "STATE_ROLLBACK", .arrange = later_snapshot },
    { .code = "NONE", .note = "KEXEC", .arrange = other_boot },
    { .code = "NONE", .note = "RESTART_SEEN", .arrange = resumed_tpm },
    { .code = "CVM_FOUND",
      .tools = "tpm2_nvdefine -C o -s 64 0x01400001 && head -c 64 /dev/zero >z && tpm2_nvwrite -C o -i z 0x01400001",
      .arrange = look_again },
    { .code = "NONE", .note = "TPM_LOCKOUT", .tools = lock_out },
    { .code = "ENROLL_REFUSED", .arrange = enrol_again },
    { .code = "CLONE", .arrange = enrol_duplicate },
    { .code = "ACTIVATE_FAIL", .arrange = enrol_for_other_key },
    { .code = "REFUSED", .arrange = refuse },
};

static void run_row(const struct row *row)
{
    struct session s CLEANUP(session_done) = { 0 };
    struct report_answer answer;
    struct failure why = FAILURE_INIT;
    struct notes notes;
    bool noted = !row->note;

    WITH_GUEST(g);
    guest_session(&g, &s);
    if (!session_cycle(&s, &answer, &why)) {
        CHECK_STRING(failure_name(why.id), "NONE");
        test_note("%s before anything was arranged: %s", row->code, why.text);
        return;
    }
    if (row->tools)
        CHECK(vtpm_run(&g.vtpm, row->tools));
    if (row->arrange)
        row->arrange(&g, &s);
    if (row->fault.kind || row->fault.rc)
        faulty_add(&g.plan, row->fault);
    why = FAILURE_INIT;
    CHECK_INT(session_cycle(&s, &answer, &why), strcmp(row->code, "NONE") == 0);
    CHECK_STRING(failure_name(why.id), row->code);
    if (strcmp(failure_name(why.id), row->code) != 0)
        test_note("%s", why.text);
    session_notes(&s, &notes);
    for (size_t i = 0; i < notes.n; i++)
        noted |= row->note && strcmp(failure_name(notes.item[i].id), row->note) == 0;
    if (!noted && g.stub.last_report) /* what happened once was told in the report, and is not told again */
        noted = strstr(g.stub.last_report, row->note) != NULL;
    CHECK(noted);
    if (!noted)
        test_note("%s is not noted", row->note);
    CHECK(!row->note || (g.stub.last_report && strstr(g.stub.last_report, row->note)));
    if (row->arrange == true_log)
        for (size_t i = 0; i < notes.n; i++)
            CHECK(strncmp(failure_name(notes.item[i].id), "LOG_", 4) != 0);
    CHECK(g.device.closed || strcmp(row->code, "TPM_UNUSABLE") == 0);
}

TEST(every_row_of_the_catalogue_has_exactly_its_code)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool before = test_failed();

        run_row(&rows[i]);
        if (!before && test_failed())
            test_note("row %zu: %s %s", i, rows[i].code, rows[i].note ? rows[i].note : "");
    }
}

/* Life-cycle, as a pure function. */

TEST(counters_tell_clear_rollback_kexec_and_restart_apart)
{
    static const struct {
        const char *what;
        bool same_boot, resumed;
        struct tpm_clock_info before, now;
        enum failure_id note;
    } cases[] = {
        { "next attestation", true, false, { 1000, 5, 1, true }, { 2000, 5, 1, true }, FAILURE_NONE },
        { "clean power cycle", false, false, { 9000, 5, 1, true }, { 9500, 6, 0, true }, FAILURE_NONE },
        { "power cut: the clock steps back, unsafe", false, false, { 19000, 5, 0, true }, { 5000, 6, 0, false }, FAILURE_NONE },
        { "resume that we saw", true, true, { 1000, 5, 1, true }, { 2000, 5, 2, true }, FAILURE_NONE },
        { "resume that we did not see", true, false, { 1000, 5, 1, true }, { 2000, 5, 2, true }, FAILURE_RESTART_SEEN },
        { "hibernation", false, false, { 1000, 5, 1, true }, { 2000, 5, 2, true }, FAILURE_NONE },
        { "clear in this boot", true, false, { 90000, 5, 1, true }, { 300, 0, 0, true }, FAILURE_TPM_CLEARED },
        { "clear of a young TPM", true, false, { 90000, 0, 0, true }, { 300, 0, 0, true }, FAILURE_TPM_CLEARED },
        { "clear and reset", false, false, { 90000, 5, 1, true }, { 300, 1, 0, true }, FAILURE_TPM_CLEARED },
        { "kexec", false, false, { 1000, 5, 1, true }, { 2000, 5, 1, true }, FAILURE_KEXEC },
        { "snapshot restored, fewer resets", false, false, { 90000, 5, 1, true }, { 50000, 3, 1, true }, FAILURE_STATE_ROLLBACK },
        { "snapshot restored, earlier clock", false, false, { 90000, 5, 1, true }, { 50000, 5, 1, true }, FAILURE_STATE_ROLLBACK },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct life_point before = { .known = true, .boot_id = "a", .clock = cases[i].before, .pcrs = "same" };
        struct life_point now = { .known = true, .boot_id = "b", .clock = cases[i].now, .pcrs = "same" };
        struct notes notes = { 0 };

        now.boot_id[0] = cases[i].same_boot ? 'a' : 'b';
        lifecycle_judge(&before, &now, cases[i].resumed, &notes);
        CHECK_INT(notes.n, cases[i].note != FAILURE_NONE);
        CHECK_STRING(failure_name(notes.n ? notes.item[0].id : FAILURE_NONE), failure_name(cases[i].note));
        if (notes.n != (cases[i].note != FAILURE_NONE))
            test_note("%s", cases[i].what);
        before.known = false;
        notes = (struct notes){ 0 };
        lifecycle_judge(&before, &now, false, &notes);
        CHECK_INT(notes.n, 0); /* nothing is concluded from nothing */
    }
}

TEST(firmware_settings_are_seen_and_uuids_compared_in_both_byte_orders)
{
    static const struct {
        const char *commands, *code;
    } cases[] = {
        { "true", "NOT_UEFI" },
        { "mkdir -p $v; printf '\\6\\0\\0\\0\\1' >$v/SecureBoot-$g; printf '\\6\\0\\0\\0\\0' >$v/SetupMode-$g", "NONE" },
        { "mkdir -p $v; printf '\\6\\0\\0\\0\\0' >$v/SecureBoot-$g", "SB_OFF" },
        { "mkdir -p $v; printf '\\6\\0\\0\\0\\0' >$v/SecureBoot-$g; printf '\\6\\0\\0\\0\\1' >$v/SetupMode-$g", "SB_OFF" },
        { "mkdir -p $v; printf '\\6\\0\\0\\0\\1' >$v/SecureBoot-$g; printf '\\6\\0\\0\\0\\1' >$v/SetupMode-$g", "SB_OFF" },
        { "mkdir -p $v; printf '\\6\\0\\0\\0\\1' >$v/SecureBoot-$g; printf '\\6\\0\\0\\0\\1' "
          ">$v/MokSBStateRT-605dab50-e046-4300-abb6-3dd810dd8b23",
          "SHIM_INSECURE" },
    };
    struct notes notes;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char dir[] = P_tmpdir "/trueboot-efi.XXXXXX", line[700];

        REQUIRE(mkdtemp(dir));
        snprintf(line, sizeof line, "cd '%s' && g=8be4df61-93ca-11d2-aa0d-00e098032b8c v=sys/firmware/efi/efivars; %s", dir,
                 cases[i].commands);
        REQUIRE(system(line) == 0);
        notes = (struct notes){ 0 };
        host_check(dir, &notes);
        CHECK_STRING(failure_name(notes.n ? notes.item[0].id : FAILURE_NONE), cases[i].code);
        snprintf(line, sizeof line, "rm -rf '%s'", dir);
        CHECK_INT(system(line), 0);
    }
    notes = (struct notes){ 0 };
    host_check_identity("00112233-4455-6677-8899-aabbccddeeff", "00112233-4455-6677-8899-aabbccddeeff", &notes);
    host_check_identity("00112233-4455-6677-8899-aabbccddeeff", "33221100-5544-7766-8899-aabbccddeeff", &notes);
    host_check_identity("", "33221100-5544-7766-8899-aabbccddeeff", &notes);
    CHECK_INT(notes.n, 0);
    host_check_identity("00112233-4455-6677-8899-aabbccddeeff", "00112233-4455-6677-8899-aabbccddee00", &notes);
    CHECK_INT(notes.n, 1);
    CHECK_STRING(failure_name(notes.item[0].id), "IDENTITY_MISMATCH");
}

TEST(sleep_and_restoring_are_noticed)
{
    int64_t asleep = 1000;

    CHECK(!wake_slept(&asleep, 1000));
    CHECK(!wake_slept(&asleep, 6000)); /* five seconds do not count yet */
    CHECK(wake_slept(&asleep, 11001));
    CHECK(!wake_slept(&asleep, 11001));
    CHECK(wake_is_restored(BYTES_LIT("change@/devices/virtual\0ACTION=change\0NEW_VMGENID=1\0SEQNUM=7\0")));
    CHECK(!wake_is_restored(BYTES_LIT("change@/devices/virtual\0ACTION=change\0OLD_NEW_VMGENID=1\0")));
    CHECK(!wake_is_restored(BYTES_LIT("NEW_VMGENID=10")));
    CHECK(!wake_is_restored(BYTES_NONE));
}

/* The agent's own rows. */

TEST(a_full_disk_turns_state_into_memory_and_harms_no_file)
{
    const struct rlimit none = { .rlim_cur = 0, .rlim_max = RLIM_INFINITY };
    struct session s CLEANUP(session_done) = { 0 };
    struct report_answer answer;
    struct failure why = FAILURE_INIT;
    struct bytes before CLEANUP(file_free) = BYTES_NONE, after CLEANUP(file_free) = BYTES_NONE;
    struct rlimit usual;
    struct notes notes;
    struct err err = ERR_INIT;
    char path[120];

    WITH_GUEST(g);
    guest_session(&g, &s);
    REQUIRE_DONE(session_cycle(&s, &answer, &why), why);
    snprintf(path, sizeof path, "%s/state.json", g.state_dir);
    REQUIRE_OK(file_read(path, 65536, &before, &err), err);
    REQUIRE(getrlimit(RLIMIT_FSIZE, &usual) == 0 && signal(SIGXFSZ, SIG_IGN) != SIG_ERR && setrlimit(RLIMIT_FSIZE, &none) == 0);
    CHECK(session_cycle(&s, &answer, &why));
    REQUIRE(setrlimit(RLIMIT_FSIZE, &usual) == 0);
    session_notes(&s, &notes);
    CHECK(notes_find(&notes, FAILURE_DISK_FULL) != NULL);
    REQUIRE_OK(file_read(path, 65536, &after, &err), err);
    CHECK_BYTES(after, before);
}

TEST(a_state_of_a_newer_version_is_left_alone_and_noted)
{
    static const char newer[] = "{\"schema\":2,\"counter\":7}";
    struct session s CLEANUP(session_done) = { 0 };
    struct arena a CLEANUP(arena_done) = { 0 };
    struct report_answer answer;
    struct failure why = FAILURE_INIT;
    struct err err = ERR_INIT;
    struct notes notes;
    struct bytes text;
    const char *path;

    WITH_GUEST(g);
    path = arena_printf(&a, "%s/state.json", g.config.state_dir);
    REQUIRE_OK(file_make_dirs(g.config.state_dir, 0700, &err) && file_write(path, bytes_of_string(newer), 0600, &err), err);
    session_init(&s, &g.config);
    REQUIRE_DONE(session_cycle(&s, &answer, &why), why);
    session_notes(&s, &notes);
    CHECK(notes_find(&notes, FAILURE_STATE_NEWER) && !notes_find(&notes, FAILURE_DISK_FULL));
    REQUIRE_OK(file_read_in(&a, path, 1000, &text, &err), err);
    CHECK_BYTES(text, bytes_of_string(newer));
}

TEST(a_damaged_state_file_is_noted_and_the_key_comes_back)
{
    struct report_answer answer;
    struct failure why = FAILURE_INIT;

    WITH_GUEST(g);
    for (int run = 0; run < 2; run++) {
        struct session s CLEANUP(session_done) = { 0 };
        char path[120];
        struct err err = ERR_INIT;

        guest_session(&g, &s);
        REQUIRE_DONE(session_cycle(&s, &answer, &why), why);
        CHECK_INT(strstr(g.stub.last_report, "STATE_CORRUPT") != NULL, run == 1);
        snprintf(path, sizeof path, "%s/ak.json", g.state_dir);
        REQUIRE_OK(file_write(path, BYTES_LIT("{\"schema\":1,"), 0600, &err), err);
    }
    CHECK_INT(g.stub.begins, 1); /* the certificate still fits: nothing was enrolled again */
}

TEST(a_second_agent_is_told_who_the_first_is)
{
    const struct run_options once = { .no_start_delay = true, .cycles = 1 };
    char lock[120];
    struct err err = ERR_INIT;

    WITH_GUEST(g);
    snprintf(lock, sizeof lock, "%s/lock", g.run_dir);
    REQUIRE_OK(file_make_dirs(g.run_dir, 0755, &err), err);
    REQUIRE(vtpm_run(&g.vtpm, "cd run && : >lock && (flock -x 9; echo held >held; sleep 5) 9>lock & for i in $(seq 50); do [ -e run/held ] "
                              "&& break; sleep 0.1; done"));
    CHECK_INT(run_daemon(&g.config, &once), RUN_EXIT_LOCKED);
}

TEST(a_platforms_key_is_used_as_it_is_and_waited_for_longer_each_time)
{
    static const unsigned pauses[] = { 60, 300, 900, 3600, 3600 };

    WITH_ATTESTING_SESSION(g, s);
    REQUIRE_DONE(session_enrol(&s, false, &why), why); /* plays the platform: key at 0x81000003, certificate in NV */
    session_done(&s);
    g.config.profile = "azure";
    g.config.state_dir = "";
    guest_session(&g, &s);
    REQUIRE_DONE(session_attest(&s, &a, &result, &why), why);
    CHECK_INT(g.stub.azure_attestations, 1); /* the profile's protocol */
    CHECK_INT(g.stub.begins, 1);
    CHECK_STRING(g.stub.problem, "");

    REQUIRE(vtpm_run(&g.vtpm, "tpm2_nvundefine -C o 0x01c101d0"));
    for (size_t i = 0; i < ARRAY_LEN(pauses); i++) {
        CHECK(!session_attest(&s, &a, &result, &why));
        CHECK_STRING(failure_name(why.id), "AK_CERT_PENDING");
        CHECK_INT(why.retry_after_seconds, pauses[i]);
    }
    REQUIRE(vtpm_run(&g.vtpm, plant)); /* another key, and no certificate of it: the platform is at work */
    CHECK(!session_attest(&s, &a, &result, &why));
    CHECK_STRING(failure_name(why.id), "PLATFORM_REKEY");
    s.rekey_since_ms -= INT64_C(25) * 3600 * 1000;
    CHECK(!session_attest(&s, &a, &result, &why));
    CHECK_STRING(failure_name(why.id), "AK_REPLACED");           /* but not for ever */
    REQUIRE(vtpm_run(&g.vtpm, "tpm2_readpublic -c 0x81000003")); /* and nothing was evicted */
}

TEST(auto_takes_a_key_for_a_platforms_only_when_its_issuer_is_one)
{
    static const struct {
        const char *issuers;
        enum ak_profile profile;
    } cases[] = { { NULL, AK_PROFILE_SELFHOSTED }, { "nobody; stub CA", AK_PROFILE_AZURE }, { "nobody", AK_PROFILE_SELFHOSTED } };
    struct session s CLEANUP(session_done) = { 0 };
    struct failure why = FAILURE_INIT;

    WITH_GUEST(g);
    guest_session(&g, &s);
    REQUIRE_DONE(session_enrol(&s, false, &why), why);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct ak_options options = { .profile = AK_PROFILE_AUTO, .platform_issuers = cases[i].issuers };
        struct tpm_device *tpm CLEANUP(tpm_device_close_at) = NULL;
        struct ak *ak CLEANUP(ak_close_at) = NULL;
        static const struct ak_record unknown;

        REQUIRE_DONE(tpm_device_open(g.vtpm.tcti, &tpm, &why), why);
        REQUIRE_DONE(ak_open(tpm, &options, &unknown, &ak, &why), why);
        CHECK_STRING(ak_profile_name(ak_profile(ak)), ak_profile_name(cases[i].profile));
    }
}

TEST(a_profile_that_was_asked_for_counts_no_more_when_nobody_asks)
{
    static const struct {
        enum ak_profile asked, then;
    } cases[] = { { AK_PROFILE_AZURELOCAL, AK_PROFILE_SELFHOSTED },
                  { AK_PROFILE_AZURE, AK_PROFILE_SELFHOSTED },
                  { AK_PROFILE_SELFHOSTED, AK_PROFILE_SELFHOSTED } };
    struct session s CLEANUP(session_done) = { 0 };
    struct failure why = FAILURE_INIT;

    WITH_GUEST(g);
    guest_session(&g, &s);
    REQUIRE_DONE(session_enrol(&s, false, &why), why);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const enum ak_profile turns[] = { cases[i].asked, AK_PROFILE_AUTO, AK_PROFILE_AUTO };
        struct ak_record record = s.state.ak;

        for (size_t t = 0; t < ARRAY_LEN(turns); t++) {
            const struct ak_options options = { .profile = turns[t] };
            struct tpm_device *tpm CLEANUP(tpm_device_close_at) = NULL;
            struct ak *ak CLEANUP(ak_close_at) = NULL;

            REQUIRE_DONE(tpm_device_open(g.vtpm.tcti, &tpm, &why), why);
            REQUIRE_DONE(ak_open(tpm, &options, &record, &ak, &why), why);
            CHECK_STRING(ak_profile_name(ak_profile(ak)), ak_profile_name(t ? cases[i].then : cases[i].asked));
            CHECK_BYTES(ak_name(ak), tpm_name_bytes(&s.state.ak.name));
            ak_remember(ak, &record);
        }
    }
}

TEST(a_key_of_the_owner_hierarchy_is_refused_whoever_provides_it)
{
    static const struct ak_record unknown;
    const struct ak_options options = { .profile = AK_PROFILE_AZURE };
    struct tpm_device *tpm CLEANUP(tpm_device_close_at) = NULL;
    struct ak *ak CLEANUP(ak_close_at) = NULL;
    struct failure why = FAILURE_INIT;

    WITH_GUEST(g);
    REQUIRE(vtpm_run(&g.vtpm, "tpm2_createprimary -C o -G rsa2048:rsassa-sha256:null "
                              "-a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|sign' -c k && "
                              "tpm2_evictcontrol -C o -c k 0x81000003 && tpm2_flushcontext -t"));
    REQUIRE_DONE(tpm_device_open(g.vtpm.tcti, &tpm, &why), why);
    CHECK(!ak_open(tpm, &options, &unknown, &ak, &why));
    CHECK_STRING(failure_name(why.id), "AK_REPLACED");
    CHECK(strstr(why.text, "endorsement hierarchy"));
}

TEST(a_key_that_is_replaced_between_opening_and_quoting_is_noticed)
{
    struct tpm_device *tpm CLEANUP(tpm_device_close_at) = NULL;
    struct ak *ak CLEANUP(ak_close_at) = NULL;
    struct arena a CLEANUP(arena_done) = { 0 };
    static const struct ak_options usual;
    static const struct ak_record unknown;
    struct failure why = FAILURE_INIT;
    struct quoted quoted;

    WITH_GUEST(g);
    REQUIRE_DONE(tpm_device_open(g.vtpm.tcti, &tpm, &why), why);
    REQUIRE_DONE(ak_open(tpm, &usual, &unknown, &ak, &why), why);
    REQUIRE_DONE(quote_take(tpm, ak, QUOTE_ALL_PCRS, BYTES_LIT("n"), NULL, &a, &quoted, &why), why);
    REQUIRE(tpm_call(tpm, request_evict_control(tpm_out(tpm), 0x81000003, 0x81000003), "evicting", NULL, &why));
    CHECK(!quote_take(tpm, ak, QUOTE_ALL_PCRS, BYTES_LIT("n"), NULL, &a, &quoted, &why));
    CHECK_STRING(failure_name(why.id), "AK_REPLACED");
    CHECK(strstr(why.text, "evicted"));
}

TEST(an_ecc_key_enrols_attests_and_signs_reports_but_not_for_azureguest)
{
    struct session s CLEANUP(session_done) = { 0 };
    struct report_answer answer;
    struct failure why = FAILURE_INIT;

    WITH_GUEST(g);
    g.config.ak_type = "ecc";
    guest_session(&g, &s);
    REQUIRE_DONE(session_cycle(&s, &answer, &why), why);
    REQUIRE_DONE(session_heartbeat(&s, "idle", NULL, &answer, &why), why);
    CHECK_STRING(g.stub.problem, "");
    CHECK_INT(s.state.ak.type, AK_P256);
    while (clock_now_ms() <= (int64_t)s.state.counter)
        continue; /* a heartbeat's counter is not kept on disk: another process begins at the time of day, and not within this millisecond */
    session_done(&s);
    guest_session(&g, &s); /* found again by its record */
    REQUIRE_DONE(session_cycle(&s, &answer, &why), why);
    CHECK_INT(g.stub.begins, 1);
    g.config.protocol = "azureguest";
    CHECK(!session_cycle(&s, &answer, &why));
    CHECK_STRING(failure_name(why.id), "BAD_SETTINGS");
}
