/* Many attestations, half of them with random faults between agent and TPM: nothing may be left behind.
 *
 * TRUEBOOT_ATTESTATIONS says how many (50), TRUEBOOT_SEED where chance begins: without one every run has the same faults, so that a build that passes
 * once does not fail the next time. Whoever looks for defects gives it seeds. The agent runs in a child of its own, so that what is measured is the
 * agent and not the server. */
#include <dirent.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "support/test.h"
#include "unit/agent/faulty_guest.h"

static uint64_t chance_state;

static uint32_t chance(uint32_t below)
{
    chance_state = chance_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(chance_state >> 33) % below;
}

static struct fault random_fault(void)
{
    static const enum fault_kind kinds[] = { FAULT_RC,      FAULT_RC,   FAULT_RC,  FAULT_IO,      FAULT_LOST,
                                             FAULT_TIMEOUT, FAULT_GONE, FAULT_CUT, FAULT_GARBLED, FAULT_EXTEND };
    static const uint32_t codes[] = { 0x922, 0x908, 0x90a, 0x920, 0x923, 0x100, 0x902, 0x903, 0x101, 0x185,
                                      0x128, 0x12f, 0x14a, 0x18b, 0x1c4, 0x1df, 0x2d5, 0x99d, 0x921 };
    static const uint32_t commands[] = { 0,
                                         0,
                                         TPM_CC_Quote,
                                         TPM_CC_ReadPublic,
                                         TPM_CC_PCR_Read,
                                         TPM_CC_CreatePrimary,
                                         TPM_CC_Hash,
                                         TPM_CC_Sign,
                                         TPM_CC_RSA_Decrypt,
                                         TPM_CC_StartAuthSession,
                                         TPM_CC_Certify,
                                         TPM_CC_FlushContext,
                                         TPM_CC_PolicyPCR,
                                         TPM_CC_GetCapability,
                                         TPM_CC_NV_ReadPublic };
    struct fault fault = { .kind = kinds[chance(ARRAY_LEN(kinds))],
                           .command = commands[chance(ARRAY_LEN(commands))],
                           .skip = chance(4),
                           .times = 1 + chance(2),
                           .pcr = chance(2) ? 7 : 10 };

    fault.rc = fault.kind == FAULT_RC ? codes[chance(ARRAY_LEN(codes))] : chance(300);
    return fault;
}

static unsigned open_files(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned n = 0;

    while (folder && readdir(folder))
        n++;
    if (folder)
        closedir(folder);
    return n;
}

static bool count_loaded(struct tpm_transport *t, uint32_t first, size_t *ret)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    uint8_t response[TPM_MESSAGE_MAX];
    struct answer_handles list;
    struct tpm_response r;
    struct err err;
    size_t len;

    if (!request_get_capability(&w, TPM_CAP_HANDLES, first, ANSWER_HANDLES_MAX) ||
        !t->transmit(t, writer_bytes(&w), INT64_MAX, response, sizeof response, &len, &err) ||
        !tpm_response_read((struct bytes){ response, len }, tpm_command_find(TPM_CC_GetCapability), &r, &err) || r.rc ||
        !answer_handles(r.parameters, &list, &err))
        return false;
    *ret = list.n;
    return true;
}

/* Asked past the agent: what the TPM itself holds. */
static bool tpm_is_empty(const struct guest *g)
{
    struct tpm_transport *t;
    struct failure why;
    size_t objects = 1, sessions = 1;
    bool asked;

    if (!tpm_transport_open(g->vtpm.tcti, &t, &why))
        return false;
    asked = count_loaded(t, 0x80000000, &objects) && count_loaded(t, 0x02000000, &sessions);
    t->close(t);
    return asked && !objects && !sessions;
}

static int complain(const char *what, unsigned i)
{
    fprintf(stderr, "# attestation %u: %s\n", i, what);
    return 1;
}

/* Exclusive, as /dev/tpm0 is: what a fault leaves behind is found at the next opening. */
static int attest_often(struct guest *g, unsigned n)
{
    struct session s CLEANUP(session_done) = { 0 };
    size_t bytes_before = 0;
    unsigned files_before = 0, accepted = 0, faulty = 0;

    guest_session(g, &s);
    g->exclusive = true;
    for (unsigned i = 0; i < n; i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct attest_result result;
        struct failure why = FAILURE_INIT;
        bool clean = i < 10 || i + 2 >= n || chance(2) == 0;

        g->config.protocol = i == 0 || chance(2) ? "tpm" : "azureguest";
        g->plan.n_faults = 0;
        for (unsigned f = 0; !clean && f < 1 + chance(2); f++)
            faulty_add(&g->plan, random_fault());
        faulty += !clean;
        if (session_attest(&s, &a, &result, &why))
            accepted++;
        else if (clean) {
            fprintf(stderr, "# %s: %s\n", failure_name(why.id), why.text);
            return complain("failed without a fault", i);
        }
        if (g->most.most_objects > 2 || g->most.most_sessions > 1)
            return complain("more than two objects or one session", i);
        if (clean && !tpm_is_empty(g))
            return complain("something is left in the TPM", i);
        if (i == 9) {
            files_before = open_files();
            bytes_before = mallinfo2().uordblks;
        }
        if (i >= 9 && open_files() != files_before)
            return complain("an open file more or less", i);
    }
    fprintf(stderr, "# %u attestations, %u with faults, %u accepted; %lld bytes more than after the tenth\n", n, faulty, accepted,
            (long long)mallinfo2().uordblks - (long long)bytes_before);
    return mallinfo2().uordblks > bytes_before + 16 * 1024 ? complain("memory grew", n) : 0;
}

/* A fork copies the allocator's locks as they are, and AddressSanitizer's allocator frees none of them in the child: no thread of the server's may be
 * inside it. They allocate while they begin, and then sleep until somebody calls. */
static bool others_sleep(void)
{
    DIR *tasks = opendir("/proc/self/task");
    bool sleep = tasks != NULL;

    for (struct dirent *task; tasks && (task = readdir(tasks));) {
        char path[300], stat[200] = "";
        FILE *f;

        if (task->d_name[0] == '.' || atoi(task->d_name) == getpid())
            continue;
        snprintf(path, sizeof path, "/proc/self/task/%s/stat", task->d_name);
        if ((f = fopen(path, "r"))) {
            sleep &= fgets(stat, sizeof stat, f) && strrchr(stat, ')') && strrchr(stat, ')')[2] == 'S';
            fclose(f);
        }
    }
    if (tasks)
        closedir(tasks);
    return sleep;
}

static bool server_is_idle(void)
{
    unsigned in_a_row = 0;

    for (unsigned tries = 0; tries < 1000 && in_a_row < 10; tries++) {
        usleep(10 * 1000);
        in_a_row = others_sleep() ? in_a_row + 1 : 0;
    }
    return in_a_row == 10;
}

TEST(nothing_is_left_behind_by_many_attestations_with_faults)
{
    const char *number = getenv("TRUEBOOT_ATTESTATIONS"), *seed = getenv("TRUEBOOT_SEED");
    int status = 0;
    pid_t child;

    WITH_GUEST(g);
    chance_state = seed ? strtoull(seed, NULL, 10) : 27657; /* which once found something */
    test_note("TRUEBOOT_SEED=%llu", (unsigned long long)chance_state);
    g.stub.any_nonce = true;
    REQUIRE(server_is_idle());
    child = fork();
    if (child == 0)
        exit(attest_often(&g, number ? (unsigned)strtoul(number, NULL, 10) : 50));
    REQUIRE(child > 0 && waitpid(child, &status, 0) == child);
    CHECK_INT(status, 0); /* what the server had to refuse, a signature that was garbled on its way, is no leak */
}
