#include "agent/tpm/device.h"
#include <stdlib.h>
#include <unistd.h>
#include "base/clock.h"
#include "crypto/random.h"

enum {
    READ_DEADLINE_MS = 10 * 1000,
    CREATE_DEADLINE_MS = 120 * 1000,
    PATIENCE_MS = 60 * 1000,      /* a hypervisor that moves the VM stops the TPM's commands meanwhile (9.4 MIGRATED) */
    FLUSH_PATIENCE_MS = 2 * 1000, /* what is not unloaded now goes with the device, or at the next start */
    LOST_DEADLINE_MS = 1000,
    OURS_MAX = 8, /* handles that we loaded; 3 are ever in use */
    FLUSH_TRIES = 4,
};

/* What the TPM would not unload: tried again before anything else is loaded. */
struct left_over {
    uint32_t handle; /* 0: free */
    unsigned tries;
};

struct tpm_device {
    struct tpm_transport *transport;
    struct tpm_usage usage;
    uint32_t ours[OURS_MAX]; /* 0: free */
    struct left_over left_over[OURS_MAX];
    struct tpm_facts facts;
    bool has_facts;
    bool lost; /* the last exchange was given up: until one succeeds nothing is waited for any more, and whoever cleans up is soon done */
    struct writer out;
    int64_t until_ms; /* 0: no limit but each command's own */
    uint8_t in[TPM_MESSAGE_MAX];
};

/* 2.9. Format-one codes are written as they come when the first handle, parameter or session is at fault. */
static const struct {
    uint32_t rc;
    enum failure_id failure;
} rc_failures[] = {
    /* clang-format off */
    { TPM_RC_INITIALIZE, FAILURE_TPM_UNUSABLE },
    { TPM_RC_FAILURE, FAILURE_TPM_UNUSABLE },
    { TPM_RC_AUTH_TYPE, FAILURE_INTERNAL }, /* a key used in a way that its attributes forbid */
    { TPM_RC_AUTH_UNAVAILABLE, FAILURE_INTERNAL },
    { TPM_RC_DISABLED, FAILURE_EH_DISABLED },
    { TPM_RC_HIERARCHY, FAILURE_EH_DISABLED },
    { TPM_RC_HIERARCHY | TPM_RC_H(1), FAILURE_EH_DISABLED },
    { TPM_RC_INTEGRITY | TPM_RC_P(1), FAILURE_ACTIVATE_FAIL },
    { TPM_RC_POLICY_FAIL | TPM_RC_S(1), FAILURE_ACTIVATE_FAIL },
    { TPM_RC_VALUE | TPM_RC_P(2), FAILURE_ACTIVATE_FAIL },
    { TPM_RC_LOCKOUT, FAILURE_TPM_LOCKOUT },
    { TPM_RC_OBJECT_MEMORY, FAILURE_TPM_MEMORY },
    { TPM_RC_SESSION_MEMORY, FAILURE_TPM_MEMORY },
    { TPM_RC_MEMORY, FAILURE_TPM_MEMORY },
    { TPM_RC_SESSION_HANDLES, FAILURE_TPM_MEMORY },
    { TPM_RC_OBJECT_HANDLES, FAILURE_TPM_MEMORY },
}; /* clang-format on */

enum failure_id tpm_rc_failure(uint32_t rc)
{
    uint32_t own = tpm_rc_own(rc);

    if (!own)
        return FAILURE_TPM_UNUSABLE; /* a resource manager's own trouble */
    for (size_t i = 0; i < ARRAY_LEN(rc_failures); i++)
        if (rc_failures[i].rc == own)
            return rc_failures[i].failure;
    return FAILURE_TPM_REFUSED;
}

bool tpm_refused(struct failure *why, const char *what, uint32_t rc)
{
    char text[TPM_RC_TEXT_LEN];

    tpm_rc_text(rc, text);
    failure_set(why, tpm_rc_failure(rc), "%s: the TPM answers %s", what, text);
    why->tpm_rc = rc;
    return false;
}

bool tpm_wants_password(uint32_t rc) { return tpm_rc_base(rc) == TPM_RC_BAD_AUTH || tpm_rc_base(rc) == TPM_RC_AUTH_FAIL; }

bool tpm_name_password(struct failure *why, enum failure_id id)
{
    if (!tpm_wants_password(why->tpm_rc))
        return false;
    why->id = id;
    return failure_within(why, "%s", failure_meaning(id));
}

bool tpm_garbled(struct failure *why, const char *what, const struct err *err)
{
    failure_from(why, FAILURE_TPM_UNUSABLE, err);
    return failure_within(why, "%s: the TPM's answer", what);
}

/* One exchange. */

static bool is_session(uint32_t handle) { return handle >> 24 == TPM_HT_POLICY_SESSION || handle >> 24 == TPM_HT_HMAC_SESSION; }

static bool is_ours(const struct tpm_device *tpm, uint32_t handle)
{
    for (size_t i = 0; i < OURS_MAX; i++)
        if (tpm->ours[i] == handle)
            return true;
    return false;
}

static void count_load(struct tpm_device *tpm, uint32_t handle)
{
    unsigned *now = is_session(handle) ? &tpm->usage.sessions : &tpm->usage.objects;
    unsigned *most = is_session(handle) ? &tpm->usage.most_sessions : &tpm->usage.most_objects;

    if (++*now > *most)
        *most = *now;
    for (size_t i = 0; i < OURS_MAX; i++)
        if (tpm->left_over[i].handle == handle)
            tpm->left_over[i].handle = 0; /* it was not there any more */
    for (size_t i = 0; i < OURS_MAX; i++) {
        if (!tpm->ours[i]) {
            tpm->ours[i] = handle;
            return;
        }
    }
}

static void count_flush(struct tpm_device *tpm, uint32_t handle)
{
    for (size_t i = 0; i < OURS_MAX; i++) {
        if (tpm->ours[i] == handle) {
            tpm->ours[i] = 0;
            *(is_session(handle) ? &tpm->usage.sessions : &tpm->usage.objects) -= 1;
            return;
        }
    }
}

static bool make_room_meanwhile(struct tpm_device *tpm, struct failure *why);

static int64_t deadline_of(const struct tpm_device *tpm, const struct tpm_command *command, int64_t now_ms)
{
    int64_t own = now_ms + (tpm->lost ? LOST_DEADLINE_MS : command->slow ? CREATE_DEADLINE_MS : READ_DEADLINE_MS);

    return tpm->until_ms && tpm->until_ms < own ? tpm->until_ms : own;
}

static int64_t patience_of(const struct tpm_device *tpm, const struct tpm_command *command)
{
    return tpm->lost ? 0 : command->code == TPM_CC_FlushContext ? FLUSH_PATIENCE_MS : PATIENCE_MS;
}

/* Sends what is in `out` until there is an answer, or the trouble is of the lasting kind, or patience is at its end. */
static bool carry(struct tpm_device *tpm, const struct tpm_command *command, size_t *ret_len, struct failure *why)
{
    int64_t started_ms = clock_monotonic_ms(), now_ms = started_ms;
    unsigned pause_ms = 50;
    struct err err;
    bool done;

    for (;;) {
        err = ERR_INIT;
        done = tpm->transport->transmit(tpm->transport, writer_bytes(&tpm->out), deadline_of(tpm, command, now_ms), tpm->in, sizeof tpm->in,
                                        ret_len, &err);
        tpm->usage.commands++;
        now_ms = clock_monotonic_ms();
        if (done || err.code != ERR_IO || now_ms - started_ms + pause_ms > patience_of(tpm, command) ||
            (tpm->until_ms && now_ms >= tpm->until_ms))
            break;
        usleep(pause_ms * 1000);
        if (command->n_answers && !make_room_meanwhile(tpm, why)) /* what was made may be there: only the answer got lost */
            return false;
        now_ms = clock_monotonic_ms();
        pause_ms = pause_ms < 3200 ? pause_ms * 2 : pause_ms;
    }
    tpm->usage.waited_ms += now_ms - started_ms;
    tpm->lost = !done;
    return done ? true : failure_from(why, FAILURE_TPM_UNUSABLE, &err);
}

static bool exchange(struct tpm_device *tpm, struct tpm_response *ret, struct failure *why)
{
    uint32_t flushed;
    const struct tpm_command *command = tpm_command_of(writer_bytes(&tpm->out), &flushed);
    struct err err = ERR_INIT;
    size_t len = 0;

    if (!command)
        return failure_set(why, FAILURE_INTERNAL, "a command that is not in our table");
    if (!carry(tpm, command, &len, why))
        return failure_within(why, "%s", command->name);
    if (!tpm_response_read((struct bytes){ tpm->in, len }, command, ret, &err))
        return tpm_garbled(why, command->name, &err);
    if (ret->rc == TPM_RC_SUCCESS && command->n_answers)
        count_load(tpm, ret->handle);
    if (ret->rc == TPM_RC_SUCCESS && flushed)
        count_flush(tpm, flushed);
    return true;
}

/* Repetition. */

enum busy { BUSY_NOT, BUSY_WAIT, BUSY_FULL };

static enum busy busy_of(uint32_t rc)
{
    static const uint32_t wait[] = {
        TPM_RC_INITIALIZE, TPM_RC_RETRY, TPM_RC_YIELDED, TPM_RC_TESTING, TPM_RC_NV_RATE, TPM_RC_NV_UNAVAILABLE
    };
    uint32_t own = tpm_rc_own(rc);

    if (rc != TPM_RC_SUCCESS && tpm_rc_failure(rc) == FAILURE_TPM_MEMORY)
        return BUSY_FULL;
    for (size_t i = 0; i < ARRAY_LEN(wait); i++)
        if (own == wait[i])
            return BUSY_WAIT;
    return BUSY_NOT;
}

/* Unloads everything of a kind that is not in use by us. False only when the TPM does not answer at all: should it refuse, the command that
 * wants room will say so. */
static bool flush_strangers(struct tpm_device *tpm, uint32_t first, struct failure *why)
{
    struct tpm_response r;
    struct answer_handles list;
    struct err err;

    if (!request_get_capability(&tpm->out, TPM_CAP_HANDLES, first, ANSWER_HANDLES_MAX))
        return failure_set(why, FAILURE_NO_MEMORY, "out of memory");
    if (!exchange(tpm, &r, why))
        return false;
    if (r.rc != TPM_RC_SUCCESS || !answer_handles(r.parameters, &list, &err))
        return true;
    for (size_t i = 0; i < list.n; i++)
        if (!is_ours(tpm, list.handle[i]) && request_flush_context(&tpm->out, list.handle[i]) && !exchange(tpm, &r, why))
            return false;
    return true;
}

/* Nobody else can be using what is loaded in an exclusive device (2.1). */
static bool make_room(struct tpm_device *tpm, struct failure *why)
{
    enum { SESSION_FIRST = TPM_HT_HMAC_SESSION << 24 };

    return !tpm->transport->exclusive ||
           (flush_strangers(tpm, (uint32_t)TPM_HT_TRANSIENT << 24, why) && flush_strangers(tpm, SESSION_FIRST, why));
}

/* Making room needs the buffer of the command that has to be repeated. */
static bool make_room_meanwhile(struct tpm_device *tpm, struct failure *why)
{
    struct writer command = tpm->out;
    bool done;

    tpm->out = (struct writer){ 0 };
    done = make_room(tpm, why);
    writer_done(&tpm->out);
    tpm->out = command;
    return done;
}

void tpm_device_limit(struct tpm_device *tpm, int64_t until_ms) { tpm->until_ms = until_ms; }

struct writer *tpm_out(struct tpm_device *tpm) { return &tpm->out; }

static void leave_over(struct tpm_device *tpm, uint32_t handle)
{
    for (size_t i = 0; i < OURS_MAX; i++) {
        if (!tpm->left_over[i].handle) {
            tpm->left_over[i] = (struct left_over){ .handle = handle, .tries = 1 };
            return;
        }
    }
}

/* Two objects and one session are the most that we ever hold (2.1), also where a TPM said no when it was told to unload one. */
static void flush_left_over(struct tpm_device *tpm)
{
    struct writer command = tpm->out;
    struct tpm_response r;
    struct failure ignored;

    tpm->out = (struct writer){ 0 };
    for (size_t i = 0; i < OURS_MAX && !tpm->lost; i++) {
        struct left_over *left = &tpm->left_over[i];

        while (left->handle && !tpm->lost) {
            if ((request_flush_context(&tpm->out, left->handle) && exchange(tpm, &r, &ignored) && r.rc == TPM_RC_SUCCESS) ||
                ++left->tries >= FLUSH_TRIES)
                left->handle = 0;
        }
    }
    writer_done(&tpm->out);
    tpm->out = command;
}

static bool loads(const struct tpm_device *tpm)
{
    uint32_t flushed;
    const struct tpm_command *command = tpm_command_of(writer_bytes(&tpm->out), &flushed);

    return command && command->n_answers;
}

bool tpm_try(struct tpm_device *tpm, bool written, struct tpm_response *ret, struct failure *why)
{
    static const unsigned pause_ms[] = { 50, 100, 200, 400, 800 };

    if (!written)
        return failure_set(why, FAILURE_INTERNAL, "a command that does not fit into a message");
    if (loads(tpm))
        flush_left_over(tpm);
    for (unsigned attempt = 0;; attempt++) {
        enum busy busy;

        if (!exchange(tpm, ret, why))
            return false;
        busy = busy_of(ret->rc);
        if (busy == BUSY_NOT || attempt == ARRAY_LEN(pause_ms))
            return true;
        if (busy == BUSY_FULL && !make_room_meanwhile(tpm, why))
            return false;
        usleep(pause_ms[attempt] * 1000);
        tpm->usage.waited_ms += pause_ms[attempt];
    }
}

bool tpm_call(struct tpm_device *tpm, bool written, const char *what, struct tpm_response *ret, struct failure *why)
{
    struct tpm_response response;

    if (!tpm_try(tpm, written, &response, why))
        return false;
    if (response.rc != TPM_RC_SUCCESS)
        return tpm_refused(why, what, response.rc);
    if (ret)
        *ret = response;
    return true;
}

bool tpm_still_works(struct tpm_device *tpm)
{
    struct tpm_response r;
    struct failure ignored;

    return tpm_try(tpm, request_read_clock(&tpm->out), &r, &ignored) && r.rc == TPM_RC_SUCCESS;
}

void tpm_flush(struct tpm_device *tpm, uint32_t *handle)
{
    struct failure ignored;

    if (*handle && !tpm_call(tpm, request_flush_context(&tpm->out, *handle), "TPM2_FlushContext", NULL, &ignored))
        leave_over(tpm, *handle);
    *handle = 0;
}

/* Opening. */

bool tpm_device_open_over(struct tpm_transport *transport, struct tpm_device **ret, struct failure *why)
{
    struct tpm_device *tpm CLEANUP(tpm_device_close_at) = calloc(1, sizeof *tpm);

    if (!tpm) {
        transport->close(transport);
        return failure_set(why, FAILURE_NO_MEMORY, "out of memory");
    }
    tpm->transport = transport;
    if (!make_room(tpm, why))
        return false;
    *ret = TAKE(tpm);
    return true;
}

bool tpm_device_open(const char *tcti, struct tpm_device **ret, struct failure *why)
{
    struct tpm_transport *transport;

    return tpm_transport_open(tcti, &transport, why) && tpm_device_open_over(transport, ret, why);
}

void tpm_device_close(struct tpm_device *tpm)
{
    if (!tpm)
        return;
    tpm->transport->close(tpm->transport);
    wipe(tpm->in, sizeof tpm->in);
    writer_done(&tpm->out);
    free(tpm);
}

void tpm_device_close_at(struct tpm_device **tpm) { tpm_device_close(*tpm); }

const char *tpm_device_name(const struct tpm_device *tpm) { return tpm->transport->name; }

struct tpm_usage tpm_device_usage(const struct tpm_device *tpm) { return tpm->usage; }

/* Objects. */

static bool keep_object(struct bytes encoded, const char *what, struct tpm_object *ret, struct failure *why)
{
    struct err err = ERR_INIT;

    if (encoded.len > sizeof ret->encoded)
        return failure_set(why, FAILURE_TPM_REFUSED, "%s: a public area of %zu bytes", what, encoded.len);
    memcpy(ret->encoded, encoded.data, encoded.len);
    ret->encoded_len = encoded.len;
    return tpm_public_decode_2b((struct bytes){ ret->encoded, ret->encoded_len }, &ret->pub, &err) &&
                   tpm_public_name(&ret->pub, &ret->name, &err)
               ? true
               : tpm_garbled(why, what, &err);
}

bool tpm_read_public(struct tpm_device *tpm, uint32_t handle, bool *ret_found, struct tpm_object *ret, struct failure *why)
{
    static const char what[] = "TPM2_ReadPublic";
    struct tpm_response r;
    struct bytes encoded, qualified;
    struct err err = ERR_INIT;

    *ret_found = false;
    if (!tpm_try(tpm, request_read_public(&tpm->out, handle), &r, why))
        return false;
    if (tpm_rc_base(r.rc) == TPM_RC_HANDLE)
        return true;
    if (r.rc != TPM_RC_SUCCESS)
        return tpm_refused(why, what, r.rc);
    if (!answer_read_public(r.parameters, &encoded, &qualified, &err))
        return tpm_garbled(why, what, &err);
    *ret_found = true;
    ret->qualified.len = qualified.len <= sizeof ret->qualified.value ? qualified.len : 0;
    memcpy(ret->qualified.value, qualified.data ? qualified.data : (const uint8_t *)"", ret->qualified.len);
    return keep_object(encoded, what, ret, why);
}

bool tpm_create_primary(struct tpm_device *tpm, uint32_t hierarchy, const struct tpm_public *template, const char *what,
                        uint32_t *ret_handle, struct tpm_object *ret, struct failure *why)
{
    struct tpm_response r = { 0 };
    struct bytes encoded;
    struct err err = ERR_INIT;

    if (!tpm_call(tpm, request_create_primary(&tpm->out, hierarchy, template), what, &r, why))
        return hierarchy == TPM_RH_ENDORSEMENT && tpm_name_password(why, FAILURE_EH_PASSWORD);
    *ret_handle = r.handle;
    ret->qualified.len = 0;
    if (answer_create_primary(r.parameters, &encoded, &err) ? keep_object(encoded, what, ret, why) : tpm_garbled(why, what, &err))
        return true;
    tpm_flush(tpm, ret_handle);
    return false;
}

bool tpm_start_policy(struct tpm_device *tpm, enum digest_algorithm algorithm, uint32_t *ret, struct failure *why)
{
    uint8_t nonce[16];
    struct tpm_response r = { 0 };
    struct err err = ERR_INIT;

    if (!random_bytes(nonce, sizeof nonce, &err))
        return failure_from(why, FAILURE_INTERNAL, &err);
    if (!tpm_call(tpm, request_start_policy_session(&tpm->out, algorithm, nonce), "TPM2_StartAuthSession", &r, why))
        return false;
    *ret = r.handle;
    return true;
}

bool tpm_facts_read(struct tpm_device *tpm, struct tpm_facts *ret, struct failure *why)
{
    if (!tpm->has_facts && !tpm_facts_ask(tpm, &tpm->facts, why))
        return false;
    tpm->has_facts = true;
    *ret = tpm->facts;
    return true;
}

bool tpm_facts_now(struct tpm_device *tpm, struct tpm_facts *ret, struct failure *why)
{
    if (tpm->has_facts && !tpm_facts_ask_lockout(tpm, &tpm->facts, why))
        return false;
    return tpm_facts_read(tpm, ret, why);
}

void tpm_facts_give(struct tpm_device *tpm, const struct tpm_facts *facts)
{
    tpm->facts = *facts;
    tpm->has_facts = true;
}
