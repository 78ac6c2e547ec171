#include "agent/tpm_tcti.h"
#include "base/clock.h"
#include "base/reader.h"

enum {
    OWN_MAGIC_LOW = 0x74626d64,
    READ_DEADLINE_MS = 10 * 1000,
    CREATE_DEADLINE_MS = 120 * 1000,
    HEADER_LEN = 10,
};

static struct tpm_tcti *own(TSS2_TCTI_CONTEXT *context) { return (struct tpm_tcti *)context; }

/* TPM 2.0 Part 1, 18: tag, size, command code, then handles. */
static void note_command(struct tpm_tcti *t, const uint8_t *command, size_t size)
{
    struct reader r = reader_over((struct bytes){ command, size });
    uint16_t tag;
    uint32_t len;

    t->command = t->flushed = 0;
    if (!read_u16be(&r, &tag) || !read_u32be(&r, &len) || !read_u32be(&r, &t->command))
        return;
    if (t->command == TPM2_CC_FlushContext && !read_u32be(&r, &t->flushed))
        t->flushed = 0;
    t->usage.commands++;
}

static void raise_to(unsigned *most, unsigned now)
{
    if (now > *most)
        *most = now;
}

static void note_response(struct tpm_tcti *t, const uint8_t *response, size_t size)
{
    struct reader r = reader_over((struct bytes){ response, size });
    uint16_t tag;
    uint32_t len, rc;

    if (!read_u16be(&r, &tag) || !read_u32be(&r, &len) || !read_u32be(&r, &rc) || rc != TPM2_RC_SUCCESS)
        return;
    switch (t->command) {
    case TPM2_CC_CreatePrimary:
    case TPM2_CC_Load:
    case TPM2_CC_LoadExternal:
        raise_to(&t->usage.most_objects, ++t->usage.objects);
        break;
    case TPM2_CC_StartAuthSession:
        raise_to(&t->usage.most_sessions, ++t->usage.sessions);
        break;
    case TPM2_CC_FlushContext:
        if (t->flushed >> 24 == TPM2_HT_TRANSIENT && t->usage.objects)
            t->usage.objects--;
        if ((t->flushed >> 24 == TPM2_HT_POLICY_SESSION || t->flushed >> 24 == TPM2_HT_HMAC_SESSION) && t->usage.sessions)
            t->usage.sessions--;
        break;
    default:
        break;
    }
}

static TSS2_RC transmit(TSS2_TCTI_CONTEXT *context, size_t size, const uint8_t *command)
{
    struct tpm_tcti *t = own(context);

    note_command(t, command, size);
    t->deadline_ms = clock_monotonic_ms() +
                     (t->command == TPM2_CC_CreatePrimary || t->command == TPM2_CC_Create ? CREATE_DEADLINE_MS : READ_DEADLINE_MS);
    return Tss2_Tcti_Transmit(t->inner, size, command);
}

/* ESAPI's one-call functions wait for ever (timeout −1); what is passed down is what is left until the deadline. Expiry is an
 * I/O error, not TRY_AGAIN, or ESAPI would go on waiting. */
static TSS2_RC receive(TSS2_TCTI_CONTEXT *context, size_t *size, uint8_t *response, int32_t timeout)
{
    struct tpm_tcti *t = own(context);
    int64_t left = t->deadline_ms - clock_monotonic_ms();
    bool ours = timeout < 0 || timeout >= left;
    TSS2_RC rc;

    if (left < 0)
        left = 0;
    rc = Tss2_Tcti_Receive(t->inner, size, response, ours ? (int32_t)left : timeout);
    if (rc == TSS2_TCTI_RC_TRY_AGAIN && ours && clock_monotonic_ms() >= t->deadline_ms)
        return TSS2_TCTI_RC_IO_ERROR;
    if (rc == TSS2_RC_SUCCESS && response)
        note_response(t, response, *size);
    return rc;
}

static void finalize(TSS2_TCTI_CONTEXT *context) { (void)context; /* the device closes the inner one */ }

static TSS2_RC cancel(TSS2_TCTI_CONTEXT *context) { return Tss2_Tcti_Cancel(own(context)->inner); }

static TSS2_RC poll_handles(TSS2_TCTI_CONTEXT *context, TSS2_TCTI_POLL_HANDLE *handles, size_t *n)
{
    return Tss2_Tcti_GetPollHandles(own(context)->inner, handles, n);
}

static TSS2_RC set_locality(TSS2_TCTI_CONTEXT *context, uint8_t locality) { return Tss2_Tcti_SetLocality(own(context)->inner, locality); }

static TSS2_RC make_sticky(TSS2_TCTI_CONTEXT *context, TPM2_HANDLE *handle, uint8_t sticky)
{
    return Tss2_Tcti_MakeSticky(own(context)->inner, handle, sticky);
}

void tpm_tcti_init(struct tpm_tcti *t, TSS2_TCTI_CONTEXT *inner)
{
    *t = (struct tpm_tcti){
        .common = {
            .v1 = { .magic = OWN_MAGIC_LOW, .version = 2, .transmit = transmit, .receive = receive, .finalize = finalize,
                    .cancel = cancel, .getPollHandles = poll_handles, .setLocality = set_locality },
            .makeSticky = make_sticky,
        },
        .inner = inner,
    };
}
