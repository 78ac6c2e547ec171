/* Each check of `diagnose` that the agent makes, failing for its own reason: TPM, keys, logs, end to end. What passes is test_diagnose.c's. */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "agent/diagnose/diagnose.h"
#include "base/clock.h"
#include "base/file.h"
#include "support/eventlog_builder.h"
#include "support/test.h"
#include "unit/agent/faulty_guest.h"

/* A TPM that says something else about itself: one property of its answers is another. */
struct boaster {
    struct tpm_transport transport; /* first */
    struct tpm_transport *inner;
    uint32_t property, value;
};

static void put_u32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (24 - 8 * i));
}

static bool boast(struct tpm_transport *t, struct bytes command, int64_t deadline_ms, uint8_t *response, size_t size, size_t *ret_len,
                  struct err *err)
{
    struct boaster *b = (struct boaster *)t;
    uint8_t tag[4];
    size_t at;

    if (!b->inner->transmit(b->inner, command, deadline_ms, response, size, ret_len, err))
        return false;
    put_u32(tag, b->property);
    at = b->property ? bytes_find((struct bytes){ response, *ret_len }, BYTES_OF(tag)) : SIZE_MAX;
    if (at != SIZE_MAX && at + 8 <= *ret_len)
        put_u32(response + at + 4, b->value);
    return true;
}

static void stop_boasting(struct tpm_transport *t) { ((struct boaster *)t)->inner->close(((struct boaster *)t)->inner); }

struct row {
    enum check check;
    enum result result;
    const char *says; /* a word of what was measured */
    const char *tools;
    struct fault fault;
    void (*arrange)(struct guest *g, struct agent_state *state);
    uint32_t property, value; /* what the TPM boasts of */
};

static void power_cycle(struct guest *g, struct agent_state *state UNUSED) { vtpm_power_cycle(&g->vtpm); }

static void no_certificate(struct guest *g UNUSED, struct agent_state *state) { state_forget_certificate(state); }

static void certificate_of(struct guest *g, struct agent_state *state, const struct pubkey *key, int64_t at_ms)
{
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct err err = ERR_INIT;

    REQUIRE_OK(ca_issue_ak(g->stub.ca, VTPM_UUID, key, at_ms, &cert, &err), err);
    state_forget_certificate(state);
    write_bytes(&state->ak_cert, cert->der);
}

static void expired(struct guest *g, struct agent_state *state) { certificate_of(g, state, g->stub.ak, clock_now_ms() - 3650 * CA_DAY_MS); }

static void expires_soon(struct guest *g, struct agent_state *state)
{
    certificate_of(g, state, g->stub.ak, clock_now_ms() - CA_AK_VALIDITY_MS + 20 * CA_DAY_MS);
}

static void of_the_future(struct guest *g, struct agent_state *state)
{
    certificate_of(g, state, g->stub.ak, clock_now_ms() + 10 * CA_DAY_MS);
}

static void of_another_key(struct guest *g, struct agent_state *state)
{
    certificate_of(g, state, privkey_public(g->stub.token_key), clock_now_ms());
}

static void wants_an_iak(struct guest *g, struct agent_state *state UNUSED) { g->config.iak = "require"; }

static void no_certificate_at_all(struct guest *g UNUSED, struct agent_state *state)
{
    state_forget_certificate(state);
    write_string(&state->ak_cert, "rubbish");
}

static void speaks_azureguest(struct guest *g, struct agent_state *state)
{
    g->config.protocol = "azureguest";
    power_cycle(g, state);
}

static void look_again_after(struct guest *g, struct agent_state *state, const char *name, const char *content)
{
    char path[160];
    struct err err = ERR_INIT;

    snprintf(path, sizeof path, "%s/%s", g->state_dir, name);
    REQUIRE_OK(file_write(path, bytes_of_string(content), 0600, &err), err);
    state_done(state);
    state_look(state, g->config.state_dir);
}

static void damaged_record(struct guest *g, struct agent_state *state) { look_again_after(g, state, "ak.json", "{"); }
static void damaged_progress(struct guest *g, struct agent_state *state) { look_again_after(g, state, "state.json", "[]"); }
static void newer_record(struct guest *g, struct agent_state *state) { look_again_after(g, state, "ak.json", "{\"schema\":99}"); }

#define NO_EK_CERTS "tpm2_nvundefine -C p 0x01c00002 && tpm2_nvundefine -C p 0x01c00016"
#define OWN_EK_CERT                                                                                                                      \
    " && tpm2_nvdefine -C o -s $(wc -c <der) -a 'ownerread|ownerwrite|authread|authwrite|no_da' 0x01c00002 && tpm2_nvwrite -C o -i der " \
    "0x01c00002"
#define IAK_CERT                                                                                                                         \
    " && tpm2_nvdefine -C o -s $(wc -c <der) -a 'ownerread|ownerwrite|authread|authwrite|no_da' 0x01c90100 && tpm2_nvwrite -C o -i der " \
    "0x01c90100"

static const char lock_out[] =
    "tpm2_createprimary -C o -p secret -c p.ctx && tpm2_evictcontrol -C o -c p.ctx 0x81000100 && tpm2_flushcontext -t; "
    "for i in 1 2 3 4 5; do echo x >x; tpm2_rsadecrypt -c 0x81000100 -p wrong x; tpm2_create -C 0x81000100 -P wrong -u u -r r; done; true";
static const char plant[] = "tpm2_evictcontrol -C o -c 0x81000003 && "
                            "tpm2_createprimary -C e -G rsa2048:rsassa-sha256:null "
                            "-a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|sign' -c planted && "
                            "tpm2_evictcontrol -C o -c planted 0x81000003 && tpm2_flushcontext -t";

enum { PT_NV_INDEX_MAX = 0x117 };

static const struct row rows[] = {
    { CHECK_TPM_VERSION, RESULT_FAIL, "0x101", .fault = { .kind = FAULT_RC, .rc = 0x101, .command = TPM_CC_GetCapability } },
    { CHECK_TPM_VERSION, RESULT_FAIL, "TPM_UNUSABLE", .fault = { .kind = FAULT_TIMEOUT } },
    { CHECK_TPM_VERSION, RESULT_FAIL, "TPM_UNUSABLE", .fault = { .kind = FAULT_CUT } },
    { CHECK_TPM_BANKS, RESULT_FAIL, "sha1", .tools = "tpm2_pcrallocate sha1:all+sha256:none", .arrange = power_cycle },
    { CHECK_TPM_LOCKOUT, RESULT_WARN, "locked out", .tools = lock_out },
    { CHECK_TPM_SLOTS, RESULT_WARN, "1 transient", .tools = "tpm2_createprimary -C o && tpm2_createprimary -C o" },
    { CHECK_TPM_NV, RESULT_WARN, "1000 bytes", .property = PT_NV_INDEX_MAX, .value = 1000 },
    { CHECK_TPM_HIERARCHIES, RESULT_FAIL, "endorsement off", .tools = "tpm2_hierarchycontrol -C p ehEnable clear" },
    { CHECK_TPM_CLOCK, RESULT_FAIL, "0x143", .fault = { .kind = FAULT_RC, .rc = 0x143, .command = TPM_CC_ReadClock } },
    { CHECK_TPM_BANKS, RESULT_WARN, "SHA-384 is quoted", .tools = "tpm2_pcrallocate sha384:all+sha256:none", .arrange = power_cycle },
    { CHECK_TRIAL_KEY, RESULT_SKIP, "AzureGuest", .tools = "tpm2_pcrallocate sha384:all+sha256:none", .arrange = power_cycle },
    { CHECK_TPM_BANKS, RESULT_FAIL, "PCR_BANK", .tools = "tpm2_pcrallocate sha384:all+sha256:none", .arrange = speaks_azureguest },
    { CHECK_TRIAL_KEY, RESULT_FAIL, "PCR_BANK", .tools = "tpm2_pcrallocate sha384:all+sha256:none", .arrange = speaks_azureguest },
    { CHECK_TPM_HIERARCHIES, RESULT_WARN, "owner off", .tools = "tpm2_hierarchycontrol -C p shEnable clear" },
    { CHECK_EK_CERT, RESULT_PASS, "0x01C00002", .tools = "tpm2_hierarchycontrol -C p shEnable clear" },
    { CHECK_EK_CERT, RESULT_PASS, "0x01C00002", .tools = "tpm2_changeauth -c owner secret" },
    { CHECK_TPM_HIERARCHIES, RESULT_WARN, "owner on with a password", .tools = "tpm2_changeauth -c owner secret" },
    { CHECK_TPM_HIERARCHIES, RESULT_WARN, "endorsement on with a password", .tools = "tpm2_changeauth -c endorsement secret" },
    { CHECK_AK, RESULT_FAIL, "EH_PASSWORD", .tools = "tpm2_evictcontrol -C o -c 0x81000003 && tpm2_changeauth -c endorsement secret" },
    { CHECK_EK_CERT, RESULT_WARN, "public hash is 000b:", .tools = NO_EK_CERTS },
    { CHECK_AK, RESULT_WARN, "no longer at 0x81000003", .tools = "tpm2_evictcontrol -C o -c 0x81000003" },
    { CHECK_AK, RESULT_WARN, "no longer at 0x81000003", .tools = "tpm2_clear -c p" },
    { CHECK_AK, RESULT_WARN, "ak.json is damaged", .arrange = damaged_record },
    { CHECK_AK, RESULT_WARN, "state.json is damaged", .arrange = damaged_progress },
    { CHECK_AK, RESULT_WARN, "newer", .arrange = newer_record },
    { CHECK_EK_CERT, RESULT_FAIL, "0x01C00002", .tools = NO_EK_CERTS " && printf '\\60\\3\\2\\1\\1' >der" OWN_EK_CERT },
    { CHECK_EK_CERT, RESULT_FAIL, "EK_CERT_MISMATCH", .tools = "tpm2_nvread -C o 0x01c00016 >der && " NO_EK_CERTS OWN_EK_CERT },
    { CHECK_IAK, RESULT_WARN, "0x01C90100", .tools = "printf '\\60\\3\\2\\1\\1' >der" IAK_CERT },
    { CHECK_IAK, RESULT_WARN, "another key than", .tools = "tpm2_nvread -C o 0x01c00016 >der" IAK_CERT },
    { CHECK_IAK, RESULT_FAIL, "enroll.iak = require", .arrange = wants_an_iak },
    { CHECK_AK, RESULT_FAIL, "AK_REPLACED", .tools = plant },
    { CHECK_AK, RESULT_FAIL, "EH_DISABLED", .tools = "tpm2_evictcontrol -C o -c 0x81000003 && tpm2_hierarchycontrol -C p ehEnable clear" },
    { CHECK_AK_CERT, RESULT_FAIL, "20", .arrange = expired },
    { CHECK_AK_CERT, RESULT_WARN, "20", .arrange = expires_soon },
    { CHECK_AK_CERT, RESULT_FAIL, "20", .arrange = of_the_future },
    { CHECK_AK_CERT, RESULT_FAIL, "AK_REPLACED", .arrange = of_another_key },
    { CHECK_AK_CERT, RESULT_FAIL, "state folder", .arrange = no_certificate_at_all },
    { CHECK_AK_CERT, RESULT_WARN, "not enrolled", .tools = "tpm2_nvundefine -C o 0x01c101d0", .arrange = no_certificate },
    { CHECK_TRIAL_QUOTE, RESULT_FAIL, "0x143", .fault = { .kind = FAULT_RC, .rc = 0x143, .command = TPM_CC_Quote } },
    { CHECK_TRIAL_QUOTE, RESULT_FAIL, "PCR_UNSTABLE", .fault = { .kind = FAULT_EXTEND, .command = TPM_CC_Quote, .pcr = 10 } },
    { CHECK_TRIAL_KEY, RESULT_FAIL, "0x143", .fault = { .kind = FAULT_RC, .rc = 0x143, .command = TPM_CC_Certify } },
    { CHECK_TRIAL_KEY, RESULT_FAIL, "0x2C2", .fault = { .kind = FAULT_RC, .rc = 0x2c2, .command = TPM_CC_CreatePrimary } },
    { CHECK_TRIAL_KEY, RESULT_FAIL, "PCR_CHANGED", .fault = { .kind = FAULT_EXTEND, .command = TPM_CC_RSA_Decrypt, .pcr = 7 } },
    { CHECK_TRIAL_KEY, RESULT_FAIL, "0x143", .fault = { .kind = FAULT_RC, .rc = 0x143, .command = TPM_CC_RSA_Decrypt } },
};

static bool found_in(const struct diagnosis *d, const struct row *row)
{
    for (size_t i = 0; i < d->n; i++) {
        const struct checked *c = &d->items[i];

        if (c->check == row->check && c->result == row->result && strstr(c->measured, row->says))
            return c->remedy || c->result == RESULT_PASS || c->result == RESULT_SKIP; /* what is wrong comes with what to do */
    }
    return false;
}

static void open_and_look(struct guest *g, const struct row *row, struct agent_state *state, struct diagnosis *d)
{
    struct diagnose_findings *found = ARENA_NEW(&g->arena, struct diagnose_findings);
    struct boaster b = { .transport = { .transmit = boast, .close = stop_boasting }, .property = row->property, .value = row->value };
    struct tpm_device *tpm CLEANUP(tpm_device_close_at) = NULL;
    struct faulty faulty;
    struct failure why = FAILURE_INIT;

    REQUIRE(found != NULL);
    REQUIRE_DONE(tpm_transport_open(g->vtpm.tcti, &b.inner, &why), why);
    snprintf(b.transport.name, sizeof b.transport.name, "boaster");
    faulty_init(&faulty, &b.transport);
    if (row->fault.kind || row->fault.rc)
        faulty_add(&faulty, row->fault);
    REQUIRE_DONE(tpm_device_open_over(&faulty.transport, &tpm, &why), why);
    diagnose_tpm_over(d, tpm, &g->config, state, true, found);
}

static void run_row(const struct row *row)
{
    struct session session CLEANUP(session_done) = { 0 };
    struct agent_state state;
    struct report_answer answer;
    struct failure why = FAILURE_INIT;
    struct diagnosis d;

    WITH_GUEST(g);
    session_init(&session, &g.config);
    REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
    state_look(&state, g.config.state_dir);
    if (row->tools)
        CHECK(vtpm_run(&g.vtpm, row->tools));
    if (row->arrange)
        row->arrange(&g, &state);
    diagnosis_init(&d, &g.arena, "test", 60);
    open_and_look(&g, row, &state, &d);
    CHECK(found_in(&d, row));
    if (!found_in(&d, row))
        for (size_t i = 0; i < d.n; i++)
            test_note("%s %s %s", check_row(d.items[i].check)->id, result_name(d.items[i].result), d.items[i].measured);
    for (enum check c = CHECK_TPM_VERSION; c <= CHECK_TRIAL_KEY; c++)
        CHECK(diagnosis_find(&d, c, NULL) != NULL); /* none is left out */
    state_done(&state);
}

TEST(each_check_of_tpm_and_keys_fails_for_its_own_reason)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool before = test_failed();

        run_row(&rows[i]);
        if (!before && test_failed())
            test_note("row %zu: %s %s \"%s\"", i, check_row(rows[i].check)->id, result_name(rows[i].result), rows[i].says);
    }
}

TEST(a_tpm_that_hangs_is_given_up_in_time)
{
    struct agent_config config;
    struct arena a CLEANUP(arena_done) = { 0 };
    struct diagnose_findings *found = ARENA_NEW(&a, struct diagnose_findings);
    struct tpm_device *tpm CLEANUP(tpm_device_close_at) = NULL;
    struct agent_state state;
    struct failure why = FAILURE_INIT;
    struct faulty faulty;
    struct diagnosis d;

    config_defaults(&config);
    state_look(&state, "");
    faulty_init(&faulty, NULL);
    faulty_add(&faulty, (struct fault){ .kind = FAULT_TIMEOUT });
    REQUIRE(found && tpm_device_open_over(&faulty.transport, &tpm, &why));
    diagnosis_init(&d, &a, "test", 6);
    diagnose_tpm_over(&d, tpm, &config, &state, true, found);
    CHECK(faulty.last_deadline_ms <= 3000); /* half of what there is: the network wants some, too */
    CHECK(faulty.seen <= 2);                /* who did not answer once is not asked for everything */
    state_done(&state);
}

/* Logs. */

static void look_at_logs(struct guest *g, const struct pcr_set *pcrs, struct diagnosis *d)
{
    struct diagnose_findings *found = ARENA_NEW(&g->arena, struct diagnose_findings);

    REQUIRE(found != NULL);
    if (pcrs) {
        found->pcrs = *pcrs;
        found->has_pcrs = true;
    }
    diagnosis_init(d, &g->arena, "test", 60);
    diagnose_logs(d, &g->config, found);
}

static void expect(const struct diagnosis *d, enum check check, enum result result, const char *says)
{
    const struct checked *c = diagnosis_find(d, check, NULL);

    CHECK(c && c->result == result && strstr(c->measured, says) && (result == RESULT_PASS || result == RESULT_SKIP || c->remedy));
    if (test_failed())
        test_note("%s: %s: %s", check_row(check)->id, c ? result_name(c->result) : "not run", c ? c->measured : "");
}

/* Two events of the time before TPM 2.0: register 0, EV_POST_CODE, a SHA-1 digest, four bytes. */
static const uint8_t sha1_log[] = { 0,  0,  0,  0,  1, 0,  0,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16,
                                    17, 18, 19, 20, 4, 0,  0,  0,  65, 66, 67, 68, 0,  0,  0,  0,  1, 0,  0,  0,  1,  2,  3,  4,
                                    5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 4, 0,  0,  0,  65, 66, 67, 68 };

TEST(each_check_of_the_logs_fails_for_its_own_reason)
{
    struct log_builder b CLEANUP(log_builder_done) = { 0 };
    struct pcr_set pcrs = { .n_banks = 1 };
    struct bytes log, cut;
    struct err err = ERR_INIT;
    struct diagnosis d;
    char path[120];

    WITH_GUEST(g);
    pcrs.banks[0].algorithm = DIGEST_SHA256;
    for (unsigned i = 0; i < 24; i++)
        pcrs.banks[0].value[i].algorithm = DIGEST_SHA256;
    pcrs.banks[0].present = 0xffffff;

    look_at_logs(&g, &pcrs, &d);
    expect(&d, CHECK_LOG_FIRMWARE, RESULT_FAIL, "missing");
    expect(&d, CHECK_LOG_REPLAY, RESULT_SKIP, "no log");
    expect(&d, CHECK_LOG_IMA, RESULT_SKIP, "ima.enable");

    log_builder_begin(&b, (enum digest_algorithm[]){ DIGEST_SHA256 }, 1);
    log_add(&b, 2, EVENT_TYPE(EV_IPL), BYTES_LIT("what this TPM never measured"));
    log = log_builder_bytes(&b);
    CHECK(guest_log(&g, &log));
    look_at_logs(&g, &pcrs, &d);
    expect(&d, CHECK_LOG_FIRMWARE, RESULT_PASS, g.log_path);
    expect(&d, CHECK_LOG_REPLAY, RESULT_FAIL, "registers 2");
    look_at_logs(&g, NULL, &d);
    expect(&d, CHECK_LOG_REPLAY, RESULT_SKIP, "no register values");

    cut = bytes_slice(log, 0, log.len - 5);
    CHECK(guest_log(&g, &cut));
    look_at_logs(&g, &pcrs, &d);
    expect(&d, CHECK_LOG_FIRMWARE, RESULT_FAIL, "LOG_TRUNCATED");

    cut = BYTES_LIT("");
    CHECK(guest_log(&g, &cut));
    look_at_logs(&g, &pcrs, &d);
    expect(&d, CHECK_LOG_FIRMWARE, RESULT_FAIL, "LOG_EMPTY");
    log_builder_done(&b);
    b = (struct log_builder){ 0 };
    log_builder_begin(&b, (enum digest_algorithm[]){ DIGEST_SHA1, DIGEST_SHA256 }, 2);
    cut = log_builder_bytes(&b);
    CHECK(guest_log(&g, &cut));
    look_at_logs(&g, &pcrs, &d);
    expect(&d, CHECK_LOG_FIRMWARE, RESULT_FAIL, "LOG_EMPTY"); /* a header is no event */
    expect(&d, CHECK_LOG_REPLAY, RESULT_SKIP, "no event");
    cut = BYTES_LIT("what lies here is a text of some length, and by no means a log that any firmware wrote");
    CHECK(guest_log(&g, &cut));
    look_at_logs(&g, &pcrs, &d);
    expect(&d, CHECK_LOG_FIRMWARE, RESULT_FAIL, "events");
    CHECK(strstr(diagnosis_find(&d, CHECK_LOG_FIRMWARE, NULL)->remedy, "no firmware's log"));
    cut = (struct bytes){ sha1_log, sizeof sha1_log };
    CHECK(guest_log(&g, &cut));
    look_at_logs(&g, &pcrs, &d);
    expect(&d, CHECK_LOG_FIRMWARE, RESULT_WARN, "LOG_SHA1");
    expect(&d, CHECK_LOG_REPLAY, RESULT_SKIP, "quoted bank");
    CHECK(unlink(g.log_path) == 0 && mkfifo(g.log_path, 0600) == 0);
    look_at_logs(&g, &pcrs, &d);
    expect(&d, CHECK_LOG_FIRMWARE, RESULT_FAIL, "LOG_EMPTY"); /* nobody writes to it, and nobody waits for it */

    g.config.ima = true;
    snprintf(path, sizeof path, "%s/ima", g.vtpm.dir);
    g.config.ima_log = path;
    look_at_logs(&g, &pcrs, &d);
    expect(&d, CHECK_LOG_IMA, RESULT_WARN, "no list");
    REQUIRE_OK(file_write(path,
                          BYTES_LIT("10 0000000000000000000000000000000000000000 ima-ng sha256:"
                                    "0000000000000000000000000000000000000000000000000000000000000000 /etc/x\n"),
                          0600, &err),
               err);
    look_at_logs(&g, &pcrs, &d);
    expect(&d, CHECK_LOG_IMA, RESULT_WARN, "1 violation");
}

/* Nobody who reads a diagnosis has a list of failures at hand. Notes stop nothing: they come after AK_CERT_EXPIRED. */
TEST(each_failure_that_stops_something_has_a_remedy_of_one_line)
{
    for (enum failure_id id = FAILURE_NONE + 1; id < FAILURE_AK_CERT_EXPIRED; id++) {
        const char *text = diagnose_remedy(id);

        CHECK(text && *text && strlen(text) < 240 && !strchr(text, '\n'));
        if (!text)
            test_note("%s has none", failure_name(id));
    }
    CHECK(diagnose_remedy(FAILURE_NO_MEMORY) && diagnose_remedy(FAILURE_INTERNAL) && diagnose_remedy(FAILURE_CANCELLED));
}

/* End to end. */

static void refuses(struct guest *g) { g->stub.refuse_evidence = true; }
static void forgets(struct guest *g) { g->stub.forget_identity = true; }
static void wants_no_tokens(struct guest *g) { g->stub.refuse_tokens = true; }
static void is_elsewhere(struct guest *g) { g->config.report_endpoint = "https://127.0.0.1:9"; }
static void takes_all(struct guest *g) { (void)g; }

TEST(what_a_server_refuses_is_told_apart_attestation_and_report)
{
    static const struct {
        void (*arrange)(struct guest *g);
        enum result attest, report;
        const char *says;
    } cases[] = {
        { takes_all, RESULT_PASS, RESULT_PASS, "nothing was recorded" }, { refuses, RESULT_FAIL, RESULT_SKIP, "no token" },
        { forgets, RESULT_FAIL, RESULT_FAIL, "IDENTITY_UNKNOWN" },       { wants_no_tokens, RESULT_PASS, RESULT_FAIL, "REPORT_REFUSED" },
        { is_elsewhere, RESULT_FAIL, RESULT_FAIL, "CONNECT_REFUSED" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct session session CLEANUP(session_done) = { 0 };
        struct report_answer answer;
        struct failure why = FAILURE_INIT;
        struct diagnosis d;
        unsigned begins;

        WITH_GUEST(g);
        session_init(&session, &g.config);
        REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
        session_done(&session);
        session_init(&session, &g.config);
        begins = g.stub.begins;
        cases[i].arrange(&g);
        g.stub.any_nonce = cases[i].arrange == forgets || cases[i].arrange == is_elsewhere;
        diagnosis_init(&d, &g.arena, "test", 60);
        diagnose_attest(&d, &g.config);
        CHECK_INT(diagnosis_find(&d, CHECK_ATTEST, NULL)->result == RESULT_FAIL,
                  cases[i].attest == RESULT_FAIL && cases[i].arrange == refuses);
        expect(&d, CHECK_REPORT, cases[i].report, cases[i].says);
        CHECK_INT(g.stub.begins, begins); /* nobody was enrolled */
        CHECK(cases[i].report != RESULT_PASS || (g.stub.last_report && strstr(g.stub.last_report, "\"dryRun\":true")));
    }
}
