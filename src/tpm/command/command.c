#include "tpm/command/command.h"
#include <assert.h>

enum {
    ST_NO_SESSIONS = 0x8001,
    ST_SESSIONS = 0x8002,
    ST_RSP_COMMAND = 0x00c4, /* how a TPM 1.2 refuses, and a 2.0 one that refuses the tag */
    CONTINUE_SESSION = 1,
    SIZE_AT = 2, /* offset of the size in the header */
};

static const struct tpm_command commands[] = {
#define X(code_, name_, handles, auths, answers, slow_) \
    { .code = code_, .name = "TPM2_" #name_, .n_handles = handles, .n_auths = auths, .n_answers = answers, .slow = slow_ },
    TPM_COMMANDS(X)
#undef X
};

const struct tpm_command *tpm_command_find(uint32_t code)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (commands[i].code == code)
            return &commands[i];
    return NULL;
}

/* Part 1, 18.6.2: handle, nonce, attributes, HMAC or password. A policy session that is neither bound nor salted, and whose policy asks for no
 * authorisation value, has an empty key and therefore an empty HMAC (Part 1, 19.6.5). */
static void write_authorisation(struct writer *w, uint32_t session)
{
    write_u32be(w, session);
    write_u16be(w, 0);
    write_u8(w, CONTINUE_SESSION);
    write_u16be(w, 0);
}

void tpm_command_begin(struct writer *w, enum tpm_command_code code, const uint32_t *handles, const uint32_t *sessions)
{
    enum { AUTHORISATION_LEN = 9 };
    const struct tpm_command *command = tpm_command_find(code);

    assert(command);
    writer_reset(w);
    w->limit = TPM_MESSAGE_MAX;
    write_u16be(w, command->n_auths ? ST_SESSIONS : ST_NO_SESSIONS);
    write_u32be(w, 0);
    write_u32be(w, code);
    for (unsigned i = 0; i < command->n_handles; i++)
        write_u32be(w, handles[i]);
    if (command->n_auths)
        write_u32be(w, command->n_auths * AUTHORISATION_LEN);
    for (unsigned i = 0; i < command->n_auths; i++)
        write_authorisation(w, sessions[i]);
}

bool tpm_command_end(struct writer *w)
{
    if (!writer_ok(w) || w->len < TPM_HEADER_LEN)
        return false;
    for (unsigned i = 0; i < 4; i++)
        w->data[SIZE_AT + i] = (uint8_t)(w->len >> (24 - 8 * i));
    return true;
}

const struct tpm_command *tpm_command_of(struct bytes message, uint32_t *ret_flushed)
{
    struct reader r = reader_over(message);
    uint32_t size, code;
    uint16_t tag;

    *ret_flushed = 0;
    if (!read_u16be(&r, &tag) || !read_u32be(&r, &size) || !read_u32be(&r, &code))
        return NULL;
    if (code == TPM_CC_FlushContext && !read_u32be(&r, ret_flushed))
        *ret_flushed = 0;
    return tpm_command_find(code);
}

/* Part 1, 18.9: one for each authorisation of the command, with nothing in it that we could check. */
static bool read_acknowledgements(struct reader *r, unsigned n, struct err *err)
{
    for (unsigned i = 0; i < n; i++) {
        struct bytes nonce, hmac;
        uint8_t attributes;

        if (!read_u16be_prefixed(r, &nonce) || !read_u8(r, &attributes) || !read_u16be_prefixed(r, &hmac))
            return err_set(err, ERR_TRUNCATED, "session %u of the response at offset %zu", i, r->offset);
    }
    return true;
}

bool tpm_response_read(struct bytes message, const struct tpm_command *command, struct tpm_response *ret, struct err *err)
{
    struct reader r = reader_over(message);
    struct tpm_response response = { 0 };
    uint16_t tag;
    uint32_t size;

    if (!read_u16be(&r, &tag) || !read_u32be(&r, &size) || !read_u32be(&r, &response.rc))
        return err_set(err, ERR_TRUNCATED, "a response of %zu bytes; its header has %d", message.len, TPM_HEADER_LEN);
    if (size != message.len)
        return err_set(err, size > message.len ? ERR_TRUNCATED : ERR_MALFORMED, "a response of %zu bytes says that it has %u", message.len,
                       size);
    if (response.rc != 0) {
        if (!reader_done(&r))
            return err_set(err, ERR_MALFORMED, "%zu bytes after response code 0x%X", r.rest.len, response.rc);
        *ret = response;
        return true;
    }
    if (tag != (command->n_auths ? ST_SESSIONS : ST_NO_SESSIONS))
        return err_set(err, ERR_MALFORMED, tag == ST_RSP_COMMAND ? "a response with the tag of TPM 1.2" : "a response with tag 0x%04X",
                       tag);
    if (command->n_answers && !read_u32be(&r, &response.handle))
        return err_set(err, ERR_TRUNCATED, "the handle at offset %zu of the response", r.offset);
    if (!command->n_auths) {
        response.parameters = read_rest(&r);
    } else {
        if (!read_u32be(&r, &size) || !read_bytes(&r, size, &response.parameters))
            return err_set(err, ERR_TRUNCATED, "the parameters at offset %zu of the response", r.offset);
        if (!read_acknowledgements(&r, command->n_auths, err))
            return false;
        if (!reader_done(&r))
            return err_set(err, ERR_MALFORMED, "%zu bytes after the response's sessions", r.rest.len);
    }
    *ret = response;
    return true;
}
