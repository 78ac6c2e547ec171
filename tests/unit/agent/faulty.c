#include "unit/agent/faulty.h"
#include "base/clock.h"

static bool answer_rc(uint32_t rc, const struct tpm_command *command, uint8_t *response, size_t *ret_len)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    bool sessions = !rc && command && command->n_auths;

    write_u16be(&w, sessions ? 0x8002 : 0x8001);
    write_u32be(&w, 0);
    write_u32be(&w, rc);
    if (!rc && command && command->n_answers)
        write_u32be(&w, command->code == TPM_CC_StartAuthSession ? 0x03000000 : 0x80000000);
    if (sessions)
        write_u32be(&w, 0);
    for (unsigned i = 0; sessions && i < command->n_auths; i++)
        write_bytes(&w, BYTES_LIT("\0\0\1\0\0"));
    if (!tpm_command_end(&w))
        return false;
    memcpy(response, w.data, w.len);
    *ret_len = w.len;
    return true;
}

static void count(struct faulty *f, struct bytes command, struct bytes response)
{
    uint32_t flushed;
    const struct tpm_command *known = tpm_command_of(command, &flushed);
    struct tpm_response r;
    struct err err;

    if (!f->most || !known || !tpm_response_read(response, known, &r, &err) || r.rc)
        return;
    f->objects += known->code == TPM_CC_CreatePrimary;
    f->sessions += known->code == TPM_CC_StartAuthSession;
    f->objects -= flushed >> 24 == TPM_HT_TRANSIENT && f->objects;
    f->sessions -= flushed && flushed >> 24 != TPM_HT_TRANSIENT && f->sessions;
    if (f->objects > f->most->most_objects)
        f->most->most_objects = f->objects;
    if (f->sessions > f->most->most_sessions)
        f->most->most_sessions = f->sessions;
}

static bool pass(struct faulty *f, struct bytes command, int64_t deadline_ms, uint8_t *response, size_t size, size_t *ret_len,
                 struct err *err)
{
    uint32_t flushed;

    if (!f->inner)
        return answer_rc(0, tpm_command_of(command, &flushed), response, ret_len);
    if (!f->inner->transmit(f->inner, command, deadline_ms, response, size, ret_len, err))
        return false;
    count(f, command, (struct bytes){ response, *ret_len });
    return true;
}

static bool extend(struct faulty *f, unsigned pcr, struct err *err)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    uint8_t response[TPM_MESSAGE_MAX];
    struct digest with;
    size_t len;

    digest_fill(&with, DIGEST_SHA256, 0x5a);
    return request_pcr_extend(&w, pcr, &with) &&
           pass(f, writer_bytes(&w), clock_monotonic_ms() + 10000, response, sizeof response, &len, err);
}

static struct fault *due(struct faulty *f, uint32_t code)
{
    for (size_t i = 0; i < f->n_faults; i++) {
        struct fault *fault = &f->faults[i];

        if (fault->command && fault->command != code)
            continue;
        if (fault->matched++ < fault->skip || (fault->times && fault->matched > fault->skip + fault->times))
            continue;
        return fault;
    }
    return NULL;
}

static bool transmit(struct tpm_transport *transport, struct bytes command, int64_t deadline_ms, uint8_t *response, size_t size,
                     size_t *ret_len, struct err *err)
{
    struct faulty *f = (struct faulty *)transport;
    uint32_t flushed;
    const struct tpm_command *known = tpm_command_of(command, &flushed);
    const struct fault *fault = due(f, known ? known->code : 0);

    if (f->seen < ARRAY_LEN(f->codes))
        f->codes[f->seen] = known ? known->code : 0;
    f->seen++;
    f->last_deadline_ms = deadline_ms - clock_monotonic_ms();
    switch (fault ? fault->kind : (enum fault_kind) - 1) {
    case FAULT_RC:
        return answer_rc(fault->rc, known, response, ret_len);
    case FAULT_IO:
        return err_set(err, ERR_IO, "the exchange failed on purpose");
    case FAULT_LOST:
        return pass(f, command, deadline_ms, response, size, ret_len, err) && err_set(err, ERR_IO, "the answer was lost on purpose");
    case FAULT_TIMEOUT:
        return err_set(err, ERR_UNREACHABLE, "the TPM does not answer in time");
    case FAULT_GONE:
        return err_set(err, ERR_NOT_FOUND, "the device went away on purpose");
    case FAULT_CUT:
        if (!pass(f, command, deadline_ms, response, size, ret_len, err))
            return false;
        *ret_len /= 2;
        return true;
    case FAULT_GARBLED:
        if (!pass(f, command, deadline_ms, response, size, ret_len, err))
            return false;
        response[fault->rc % *ret_len] ^= 0x41;
        return true;
    case FAULT_SHAPE:
        if (!pass(f, command, deadline_ms, response, size, ret_len, err))
            return false;
        fault->shape(response, size, ret_len);
        return true;
    case FAULT_EXTEND:
        return extend(f, fault->pcr, err) && pass(f, command, deadline_ms, response, size, ret_len, err);
    case FAULT_HOOK:
        f->hook(f->context);
        return pass(f, command, deadline_ms, response, size, ret_len, err);
    default:
        return pass(f, command, deadline_ms, response, size, ret_len, err);
    }
}

static void close_faulty(struct tpm_transport *transport)
{
    struct faulty *f = (struct faulty *)transport;

    if (f->inner)
        f->inner->close(f->inner);
    f->inner = NULL;
    f->closed = true;
}

void faulty_init(struct faulty *f, struct tpm_transport *inner)
{
    *f = (struct faulty){ .transport = { .transmit = transmit, .close = close_faulty, .name = "faulty" }, .inner = inner };
}

void faulty_add(struct faulty *f, struct fault fault)
{
    if (f->n_faults < FAULTS_MAX)
        f->faults[f->n_faults++] = fault;
}
