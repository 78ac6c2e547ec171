/* Each response code of guest-agent.md 2.9 at each command where it means something: what the agent does then, and what it says. The rest of the TPM is real. */
#include <stdio.h>
#include "support/test.h"
#include "tpm/command/command.h"
#include "unit/agent/faulty_guest.h"

enum way {
    ATTEST,    /* a machine that is enrolled attests */
    ENROL,     /* one that is not, and whose certificate is nowhere */
    STRANGE,   /* the same, at a server that asks an operator about TPMs without endorsement certificates */
    AZURE,     /* a platform's key */
    SEALED,    /* AzureGuest: the token is sealed to an ephemeral key */
    OPEN_AGAIN /* the attestation key is not persistent any more */
};

enum { FOR_EVER = 0 };

struct row {
    uint32_t rc, command;
    enum way way;
    unsigned times;    /* that the code comes; FOR_EVER */
    const char *code;  /* of the failure; NONE: it goes on */
    const char *note;  /* told with the report; NULL: none is asked for */
    unsigned commands; /* of this kind that came with that code; 0: not counted */
};

#define RETRIES 6 /* the first time, and five more */

static const struct row rows[] = {
    /* clang-format off */
    /* INITIALIZE: five times more, then it is unusable */
    { 0x100, TPM_CC_Quote,              ATTEST,     FOR_EVER, "TPM_UNUSABLE",  NULL, RETRIES },
    { 0x100, TPM_CC_ReadPublic,         ATTEST,     FOR_EVER, "TPM_UNUSABLE",  NULL, RETRIES },
    { 0x100, TPM_CC_ActivateCredential, ENROL,      FOR_EVER, "TPM_UNUSABLE",  NULL, RETRIES },
    { 0x100, TPM_CC_Quote,              ATTEST,     5,        "NONE",          NULL, 5 },
    /* FAILURE: for good, at once */
    { 0x101, TPM_CC_Quote,              ATTEST,     FOR_EVER, "TPM_UNUSABLE",  NULL, 1 },
    { 0x101, TPM_CC_CreatePrimary,      OPEN_AGAIN, FOR_EVER, "TPM_UNUSABLE",  NULL, 1 },
    { 0x101, TPM_CC_Sign,               ATTEST,     FOR_EVER, "TPM_UNUSABLE",  NULL, 1 },
    /* the endorsement hierarchy is off */
    { 0x120, TPM_CC_CreatePrimary,      OPEN_AGAIN, FOR_EVER, "EH_DISABLED",   NULL, 1 },
    { 0x185, TPM_CC_CreatePrimary,      OPEN_AGAIN, FOR_EVER, "EH_DISABLED",   NULL, 1 },
    { 0x085, TPM_CC_CreatePrimary,      OPEN_AGAIN, FOR_EVER, "EH_DISABLED",   NULL, 1 },
    { 0x185, TPM_CC_PolicySecret,       ENROL,      FOR_EVER, "EH_DISABLED",   NULL, 1 },
    { 0x185, TPM_CC_Hash,               ATTEST,     FOR_EVER, "EH_DISABLED",   NULL, 1 },
    /* our mistakes */
    { 0x124, TPM_CC_ActivateCredential, ENROL,      FOR_EVER, "INTERNAL",      NULL, 1 },
    { 0x12f, TPM_CC_RSA_Decrypt,        SEALED,     FOR_EVER, "INTERNAL",      NULL, 1 },
    /* a register moved: from the reading of the registers on, three times a cycle (9.3) */
    { 0x128, TPM_CC_RSA_Decrypt,        SEALED,     FOR_EVER, "PCR_CHANGED",   NULL, 3 },
    { 0x99d, TPM_CC_RSA_Decrypt,        SEALED,     FOR_EVER, "PCR_CHANGED",   NULL, 3 },
    { 0x1c4, TPM_CC_PolicyPCR,          SEALED,     FOR_EVER, "PCR_CHANGED",   NULL, 3 },
    { 0x128, TPM_CC_RSA_Decrypt,        SEALED,     2,        "NONE",          NULL, 2 },
    { 0x99d, TPM_CC_RSA_Decrypt,        SEALED,     1,        "NONE",          NULL, 1 },
    { 0x1c4, TPM_CC_PolicyPCR,          SEALED,     1,        "NONE",          NULL, 1 },
    /* an index that was never written, and one that takes neither authorisation, hold nothing */
    { 0x14a, TPM_CC_NV_Read,            AZURE,      FOR_EVER, "AK_CERT_PENDING", NULL, 0 },
    { 0x14a, TPM_CC_NV_Read,            STRANGE, FOR_EVER, "AWAITS_APPROVAL", NULL, 0 },
    { 0x149, TPM_CC_NV_Read,            AZURE,      FOR_EVER, "AK_CERT_PENDING", NULL, 0 },
    { 0x148, TPM_CC_NV_Read,            STRANGE, FOR_EVER, "AWAITS_APPROVAL", NULL, 0 },
    { 0x149, TPM_CC_NV_Read,            AZURE,      1,        "NONE",          NULL, 1 }, /* the other authorisation */
    { 0x148, TPM_CC_NV_Read,            AZURE,      1,        "NONE",          NULL, 1 },
    { 0x18b, TPM_CC_NV_Read,            STRANGE, FOR_EVER, "AWAITS_APPROVAL", NULL, 0 }, /* gone meanwhile */
    /* no room: the file serves */
    { 0x14b, TPM_CC_NV_DefineSpace,     ENROL,      FOR_EVER, "NONE",          "NV_TOO_SMALL", 1 },
    { 0x2d5, TPM_CC_NV_DefineSpace,     ENROL,      FOR_EVER, "NONE",          "NV_TOO_SMALL", 1 },
    { 0x14c, TPM_CC_NV_DefineSpace,     ENROL,      FOR_EVER, "NONE",          "TPM_REFUSED", 1 },
    /* occupied: compared, and the next handle taken */
    { 0x14c, TPM_CC_EvictControl,       OPEN_AGAIN, 1,        "NONE",          NULL, 1 },
    { 0x14c, TPM_CC_EvictControl,       OPEN_AGAIN, FOR_EVER, "NONE",          NULL, 2 },
    /* absent */
    { 0x18b, TPM_CC_NV_ReadPublic,      AZURE,      FOR_EVER, "AK_CERT_PENDING", NULL, 0 },
    { 0x18b, TPM_CC_ReadPublic,         AZURE,      FOR_EVER, "AK_MISSING",    NULL, 1 },
    { 0x18b, TPM_CC_ReadPublic,         OPEN_AGAIN, 1,        "NONE",          NULL, 1 },
    /* a credential for another key: once more */
    { 0x1df, TPM_CC_ActivateCredential, ENROL,      FOR_EVER, "ACTIVATE_FAIL", NULL, 2 },
    { 0x1df, TPM_CC_ActivateCredential, ENROL,      1,        "NONE",          NULL, 1 },
    { 0x99d, TPM_CC_ActivateCredential, ENROL,      FOR_EVER, "ACTIVATE_FAIL", NULL, 2 },
    { 0x2c4, TPM_CC_ActivateCredential, ENROL,      1,        "NONE",          NULL, 1 },
    /* no slots: our own are given back, five times more */
    { 0x902, TPM_CC_CreatePrimary,      OPEN_AGAIN, FOR_EVER, "TPM_MEMORY",    NULL, RETRIES },
    { 0x903, TPM_CC_StartAuthSession,   ENROL,      FOR_EVER, "TPM_MEMORY",    NULL, RETRIES },
    { 0x904, TPM_CC_Quote,              ATTEST,     FOR_EVER, "TPM_MEMORY",    NULL, RETRIES },
    { 0x905, TPM_CC_StartAuthSession,   ENROL,      FOR_EVER, "TPM_MEMORY",    NULL, RETRIES },
    { 0x906, TPM_CC_CreatePrimary,      OPEN_AGAIN, FOR_EVER, "TPM_MEMORY",    NULL, RETRIES },
    { 0x902, TPM_CC_CreatePrimary,      OPEN_AGAIN, 5,        "NONE",          NULL, 5 },
    { 0x903, TPM_CC_StartAuthSession,   ENROL,      5,        "NONE",          NULL, 5 },
    /* a resource manager says the same with its layer in front */
    { 0xb0902, TPM_CC_CreatePrimary,    OPEN_AGAIN, 5,        "NONE",          NULL, 5 },
    /* locked out */
    { 0x921, TPM_CC_ActivateCredential, ENROL,      FOR_EVER, "TPM_LOCKOUT",   NULL, 1 },
    { 0x921, TPM_CC_Quote,              ATTEST,     FOR_EVER, "TPM_LOCKOUT",   NULL, 1 },
    /* busy */
    { 0x922, TPM_CC_Quote,              ATTEST,     FOR_EVER, "TPM_REFUSED",   NULL, RETRIES },
    { 0x908, TPM_CC_Quote,              ATTEST,     FOR_EVER, "TPM_REFUSED",   NULL, RETRIES },
    { 0x90a, TPM_CC_Sign,               ATTEST,     5,        "NONE",          NULL, 5 },
    { 0x920, TPM_CC_NV_DefineSpace,     ENROL,      5,        "NONE",          NULL, 5 },
    { 0x923, TPM_CC_NV_Write,           ENROL,      5,        "NONE",          NULL, 5 },
    { 0x922, TPM_CC_PCR_Read,           OPEN_AGAIN, 5,        "NONE",          NULL, 5 },
    /* what has no row */
    { 0x143, TPM_CC_Quote,              ATTEST,     FOR_EVER, "TPM_REFUSED",   NULL, 1 },
    { 0x9a2, TPM_CC_Quote,              ATTEST,     FOR_EVER, "TPM_REFUSED",   NULL, 1 },
    /* clang-format on */
};

/* As a platform provides it: the key where ours lies, with its certificate in NV. */
static void arrange(struct guest *g, struct session *s, enum way way)
{
    if (way == ENROL || way == STRANGE) {
        CHECK(vtpm_run(&g->vtpm, "tpm2_nvundefine -C o 0x01c101d0"));
        state_forget_certificate(&s->state);
        s->watch.identity_checked = false;
    }
    if (way == STRANGE)
        g->stub.begin_answer = "202";
    if (way == AZURE)
        g->config.profile = "azure";
    if (way == SEALED)
        g->config.protocol = "azureguest";
    if (way == OPEN_AGAIN) {
        CHECK(vtpm_run(&g->vtpm, "tpm2_evictcontrol -C o -c 0x81000003"));
        s->memory = (struct tpm_memory){ 0 };
    }
}

static void run_row(const struct row *row)
{
    struct session s CLEANUP(session_done) = { 0 };
    struct report_answer answer;
    struct failure why = FAILURE_INIT;
    bool done = strcmp(row->code, "NONE") == 0;
    unsigned came;

    WITH_GUEST(g);
    g.exclusive = true;
    guest_session(&g, &s);
    REQUIRE_DONE(session_cycle(&s, &answer, &why), why);
    g.stub.any_nonce = true;
    arrange(&g, &s, row->way);
    faulty_add(&g.plan, (struct fault){ .kind = FAULT_RC, .command = row->command, .rc = row->rc, .times = row->times });
    why = FAILURE_INIT;
    CHECK_INT(session_cycle(&s, &answer, &why), done);
    if (!done)
        CHECK_STRING(failure_name(why.id), row->code);
    if (!done && strcmp(failure_name(why.id), row->code) != 0)
        test_note("%s", why.text);
    if (row->way == STRANGE)
        CHECK(g.stub.last_begin && strstr(g.stub.last_begin, "\"ekCerts\":[]"));
    came = g.device.faults[0].matched;
    if (row->times && came > row->times)
        came = row->times; /* the rest was answered by the TPM */
    if (row->commands)
        CHECK_INT(came, row->commands);
    CHECK(came > 0);
    if (row->note)
        CHECK(g.stub.last_report && strstr(g.stub.last_report, row->note));
    CHECK(g.most.most_objects <= 2 && g.most.most_sessions <= 1);
    CHECK(g.device.objects == 0 && g.device.sessions == 0); /* whatever happened, nothing stays loaded */
    CHECK(g.device.closed);
    g.stub.begin_answer = NULL;
    g.plan.n_faults = 0; /* and the next cycle goes, where the TPM does */
    CHECK(session_cycle(&s, &answer, &why));
}

TEST(each_response_code_has_its_action_at_each_command)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool before = test_failed();

        run_row(&rows[i]);
        if (!before && test_failed())
            test_note("row %zu: 0x%03x at %s, %u times: %s", i, rows[i].rc, tpm_command_find(rows[i].command)->name, rows[i].times,
                      rows[i].code);
    }
}

/* 2.9 LOCKOUT: the attestation key is exempt, activation goes through a policy; both with a TPM that really is locked out. */
TEST(a_locked_out_tpm_attests_and_enrols_all_the_same)
{
    static const char lock_out[] =
        "tpm2_createprimary -C o -p secret -c p.ctx && tpm2_evictcontrol -C o -c p.ctx 0x81000100 && tpm2_flushcontext -t; "
        "for i in 1 2 3 4 5; do tpm2_create -C 0x81000100 -P wrong -u u -r r; done; true";
    struct report_answer answer;
    struct failure why = FAILURE_INIT;

    WITH_GUEST(g);
    CHECK(vtpm_run(&g.vtpm, lock_out));
    for (int again = 0; again < 2; again++) {
        struct session s CLEANUP(session_done) = { 0 };

        g.config.protocol = again ? "azureguest" : "tpm";
        g.stub.any_nonce = true;
        guest_session(&g, &s);
        REQUIRE_DONE(session_cycle(&s, &answer, &why), why);
        CHECK(g.stub.last_report && strstr(g.stub.last_report, "TPM_LOCKOUT"));
    }
    CHECK_INT(g.stub.activations, 1);
}

static void check_store(struct tpm_device *tpm, struct faulty *f, const char *holds, const char *wanted, bool done)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct failure why = FAILURE_INIT;
    struct bytes there;
    bool present;

    f->n_faults = 0;
    (void)!tpm_nv_remove(tpm, 0x01c101d0, &why);
    CHECK(tpm_nv_store(tpm, 0x01c101d0, bytes_of_string(holds), &why));
    f->faults[0] = (struct fault){ .kind = FAULT_RC, .command = TPM_CC_NV_ReadPublic, .rc = 0x18b, .times = 1 };
    f->faults[1] = (struct fault){ .kind = FAULT_RC, .command = TPM_CC_NV_DefineSpace, .rc = 0x14c, .times = 1 };
    f->n_faults = 2;
    why = FAILURE_INIT;
    CHECK_INT(tpm_nv_store(tpm, 0x01c101d0, bytes_of_string(wanted), &why), done);
    f->n_faults = 0;
    CHECK(tpm_nv_read(tpm, 0x01c101d0, 100, &a, &present, &there, &why) && present);
    CHECK_BYTES(there, bytes_of_string(holds)); /* not overwritten */
}

TEST(an_index_that_is_there_after_all_is_compared_and_not_overwritten)
{
    struct tpm_device *tpm CLEANUP(tpm_device_close_at) = NULL;
    struct tpm_transport *inner;
    struct failure why = FAILURE_INIT;
    struct faulty f;

    WITH_GUEST(g);
    REQUIRE_DONE(tpm_transport_open(g.vtpm.tcti, &inner, &why), why);
    faulty_init(&f, inner);
    REQUIRE_DONE(tpm_device_open_over(&f.transport, &tpm, &why), why);
    check_store(tpm, &f, "the same", "the same", true);
    check_store(tpm, &f, "another!", "the same", false);
    check_store(tpm, &f, "longer than it", "the same", false);
}
