/* A TPM, an emulator or a resource manager that answers what no TPM does (guest-agent.md 2.1, 2.9; issue: bad input, TPM answers). Every shape is tried on
 * every command that enrolment and attestation use: the cycle fails with a class that is about the TPM, or does without that answer; nothing is left
 * loaded, no command is asked for ever, and the next cycle over a TPM that behaves works. */
#include <stdio.h>
#include "support/test.h"
#include "tpm/command/command.h"
#include "unit/agent/faulty_guest.h"

enum { HEADER = 10, COMMANDS_MAX = 200 };

static void put32(uint8_t *at, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(v >> (24 - 8 * i));
}

static void set_size(uint8_t *r, size_t size) { put32(r + 2, (uint32_t)size); }

static void nothing_at_all(uint8_t *r UNUSED, size_t size UNUSED, size_t *len) { *len = 0; }
static void one_byte(uint8_t *r UNUSED, size_t size UNUSED, size_t *len) { *len = 1; }
static void header_cut(uint8_t *r UNUSED, size_t size UNUSED, size_t *len) { *len = HEADER - 1; }
static void last_byte_missing(uint8_t *r UNUSED, size_t size UNUSED, size_t *len) { (*len)--; }

static void header_alone(uint8_t *r, size_t size UNUSED, size_t *len)
{
    *len = HEADER;
    set_size(r, HEADER);
}

static void short_and_consistent(uint8_t *r, size_t size UNUSED, size_t *len)
{
    if (*len > HEADER)
        (*len)--;
    set_size(r, *len);
}

static void a_byte_too_many(uint8_t *r, size_t size, size_t *len)
{
    if (*len < size)
        r[(*len)++] = 0;
}

static void a_byte_too_many_and_consistent(uint8_t *r, size_t size, size_t *len)
{
    a_byte_too_many(r, size, len);
    set_size(r, *len);
}

static void as_long_as_there_is_room(uint8_t *r, size_t size, size_t *len)
{
    memset(r + *len, 0xff, size - *len);
    *len = size;
    set_size(r, size);
}

static void size_zero(uint8_t *r, size_t size UNUSED, size_t *len UNUSED) { set_size(r, 0); }
static void size_without_end(uint8_t *r, size_t size UNUSED, size_t *len UNUSED) { put32(r + 2, UINT32_MAX); }
static void size_one_less(uint8_t *r, size_t size UNUSED, size_t *len) { set_size(r, *len - 1); }
static void size_one_more(uint8_t *r, size_t size UNUSED, size_t *len) { set_size(r, *len + 1); }
static void tag_of_tpm_1_2(uint8_t *r, size_t size UNUSED, size_t *len UNUSED) { r[0] = 0, r[1] = 0xc4; }
static void tag_of_a_command(uint8_t *r, size_t size UNUSED, size_t *len UNUSED) { r[0] = 0x80, r[1] = 0x23; }

/* "no sessions" of what had some, and the other way round */
static void tag_of_the_other_kind(uint8_t *r, size_t size UNUSED, size_t *len UNUSED) { r[1] ^= 3; }

static void no_handle(uint8_t *r, size_t size UNUSED, size_t *len)
{
    if (*len >= HEADER + 4)
        put32(r + HEADER, 0);
}

static void handle_of_nothing(uint8_t *r, size_t size UNUSED, size_t *len)
{
    if (*len >= HEADER + 4)
        put32(r + HEADER, UINT32_MAX);
}

static void handle_that_is_persistent(uint8_t *r, size_t size UNUSED, size_t *len)
{
    if (*len >= HEADER + 4)
        put32(r + HEADER, 0x81000001);
}

static void first_length_without_end(uint8_t *r, size_t size UNUSED, size_t *len)
{
    if (*len >= HEADER + 2)
        r[HEADER] = r[HEADER + 1] = 0xff;
}

static void parameters_without_end(uint8_t *r, size_t size UNUSED, size_t *len)
{
    if (*len >= HEADER + 8)
        memset(r + HEADER, 0xff, 8);
}

static void zeros_after_the_header(uint8_t *r, size_t size UNUSED, size_t *len)
{
    if (*len > HEADER)
        memset(r + HEADER, 0, *len - HEADER);
}

static void ones_after_the_header(uint8_t *r, size_t size UNUSED, size_t *len)
{
    if (*len > HEADER)
        memset(r + HEADER, 0xff, *len - HEADER);
}

static void a_code_that_nobody_knows(uint8_t *r, size_t size UNUSED, size_t *len)
{
    r[0] = 0x80, r[1] = 1;
    *len = HEADER;
    set_size(r, HEADER);
    put32(r + 6, 0x7fffffff);
}

static void refused_with_parameters(uint8_t *r, size_t size UNUSED, size_t *len UNUSED) { put32(r + 6, 0x101); }

#define SHAPE(name) \
    {               \
#name, name \
    }
static const struct {
    const char *name;
    void (*make)(uint8_t *response, size_t size, size_t *len);
} shapes[] = {
    SHAPE(nothing_at_all),
    SHAPE(one_byte),
    SHAPE(header_cut),
    SHAPE(header_alone),
    SHAPE(last_byte_missing),
    SHAPE(short_and_consistent),
    SHAPE(a_byte_too_many),
    SHAPE(a_byte_too_many_and_consistent),
    SHAPE(as_long_as_there_is_room),
    SHAPE(size_zero),
    SHAPE(size_without_end),
    SHAPE(size_one_less),
    SHAPE(size_one_more),
    SHAPE(tag_of_tpm_1_2),
    SHAPE(tag_of_a_command),
    SHAPE(tag_of_the_other_kind),
    SHAPE(no_handle),
    SHAPE(handle_of_nothing),
    SHAPE(handle_that_is_persistent),
    SHAPE(first_length_without_end),
    SHAPE(parameters_without_end),
    SHAPE(zeros_after_the_header),
    SHAPE(ones_after_the_header),
    SHAPE(a_code_that_nobody_knows),
    SHAPE(refused_with_parameters),
};

/* What may be said of a TPM that talks nonsense. AK_REPLACED and SEED_CHANGED: a public area that is another; the rest are its words. */
static bool is_about_the_tpm(const struct failure *why)
{
    static const enum failure_id fine[] = { FAILURE_TPM_UNUSABLE,    FAILURE_TPM_REFUSED,  FAILURE_TPM_MEMORY,    FAILURE_TPM_LOCKOUT,
                                            FAILURE_EH_DISABLED,     FAILURE_PCR_BANK,     FAILURE_PCR_UNSTABLE,  FAILURE_EK_UNUSABLE,
                                            FAILURE_AK_REPLACED,     FAILURE_SEED_CHANGED, FAILURE_ACTIVATE_FAIL, FAILURE_EK_CERT_MISMATCH,
                                            FAILURE_EK_CERT_MISSING, FAILURE_PCR_CHANGED };

    for (size_t i = 0; i < ARRAY_LEN(fine); i++)
        if (why->id == fine[i])
            return true;
    return false;
}

static bool knows(const uint32_t *codes, size_t n, uint32_t code)
{
    for (size_t i = 0; i < n; i++)
        if (codes[i] == code)
            return true;
    return false;
}

/* One cycle; `fresh`: of a machine that has to enrol first. */
static bool cycle(struct guest *g, bool fresh, struct failure *why)
{
    struct session s CLEANUP(session_done) = { 0 };
    struct report_answer answer;
    struct err err = ERR_INIT;

    *why = FAILURE_INIT;
    if (fresh && !state_erase(g->config.state_dir, &err))
        return false;
    guest_session(g, &s);
    return session_cycle(&s, &answer, why);
}

/* The commands of a cycle that nothing disturbs. */
static size_t commands_of(struct guest *g, bool fresh, uint32_t ret[static 64])
{
    struct failure why;
    size_t n = 0;

    if (!cycle(g, fresh, &why))
        return 0;
    for (unsigned i = 0; i < g->device.seen && i < ARRAY_LEN(g->device.codes); i++)
        if (g->device.codes[i] && !knows(ret, n, g->device.codes[i]))
            ret[n++] = g->device.codes[i];
    return n;
}

static void try_shape(struct guest *g, bool fresh, uint32_t command, size_t shape)
{
    bool before = test_failed(), done;
    struct failure why;

    g->plan.n_faults = 1;
    g->plan.faults[0] = (struct fault){ .kind = FAULT_SHAPE, .command = command, .shape = shapes[shape].make };
    g->stub.any_nonce = true;
    done = cycle(g, fresh, &why);
    if (!done)
        CHECK(is_about_the_tpm(&why));
    CHECK(g->device.seen < COMMANDS_MAX);
    CHECK(g->most.most_objects <= 2 && g->most.most_sessions <= 1);
    CHECK(!g->opened || g->device.closed);
    g->plan.n_faults = 0;
    g->most = (struct tpm_usage){ 0 };
    if (!before && test_failed())
        test_note("%s in answer to 0x%x%s: %s: %s", shapes[shape].name, (unsigned)command, fresh ? ", enrolling" : "", failure_name(why.id),
                  why.text);
}

static void every_shape(bool fresh)
{
    uint32_t codes[64];
    struct failure why;
    size_t n;

    WITH_GUEST(g);
    g.exclusive = true; /* a key whose handle was garbled stays loaded, and there is nobody but us to clear it away at the next start */
    n = commands_of(&g, fresh, codes);
    REQUIRE(n > 5);
    for (size_t c = 0; c < n; c++) {
        for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
            try_shape(&g, fresh, codes[c], i);
        CHECK(cycle(&g, fresh, &why)); /* and all is well again */
        if (why.id)
            test_note("after 0x%x: %s: %s", (unsigned)codes[c], failure_name(why.id), why.text);
    }
}

TEST(no_answer_of_a_tpm_breaks_an_attestation_for_good) { every_shape(false); }

TEST(no_answer_of_a_tpm_breaks_an_enrolment_for_good) { every_shape(true); }

TEST(a_tpm_that_asks_to_try_again_for_ever_is_given_up)
{
    static const uint32_t commands[] = { TPM_CC_Quote, TPM_CC_ReadPublic };
    struct failure why;

    WITH_GUEST(g);
    REQUIRE(cycle(&g, true, &why));
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        g.plan.n_faults = 1;
        g.plan.faults[0] = (struct fault){ .kind = FAULT_RC, .command = commands[i], .rc = TPM_RC_RETRY };
        CHECK(!cycle(&g, false, &why));
        CHECK_STRING(failure_name(why.id), "TPM_REFUSED");
        CHECK(g.device.seen < 40 && g.device.closed); /* five repetitions each time, and five times for a quote whose registers moved */
    }
    g.plan.n_faults = 0;
    CHECK(cycle(&g, false, &why));
}
