#include "tpm/command/answer.h"

static bool truncated(const struct reader *r, const char *what, struct err *err)
{
    return err_set(err, ERR_TRUNCATED, "%s at offset %zu of the response's parameters", what, r->offset);
}

static bool done(const struct reader *r, struct err *err)
{
    return reader_done(r) ? true : err_set(err, ERR_MALFORMED, "%zu bytes after the response's parameters", r->rest.len);
}

/* Part 2, 9.2 TPMI_YES_NO. */
static bool read_yes_no(struct reader *r, bool *ret, const char *what, struct err *err)
{
    uint8_t value;

    if (!read_u8(r, &value))
        return truncated(r, what, err);
    if (value > 1)
        return err_set(err, ERR_MALFORMED, "%s is %u", what, value);
    *ret = value == 1;
    return true;
}

static bool read_capability(struct reader *r, enum tpm_capability wanted, bool *ret_more, struct err *err)
{
    uint32_t capability;

    if (!read_yes_no(r, ret_more, "moreData", err))
        return false;
    if (!read_u32be(r, &capability))
        return truncated(r, "the capability", err);
    return capability == wanted ? true : err_set(err, ERR_MALFORMED, "capability %u in answer to %d", capability, wanted);
}

static bool read_count(struct reader *r, uint32_t most, const char *what, uint32_t *ret, struct err *err)
{
    if (!read_u32be(r, ret))
        return truncated(r, what, err);
    return *ret <= most ? true : err_set(err, ERR_LIMIT, "%s: %u, at most %u", what, *ret, most);
}

bool answer_handles(struct bytes parameters, struct answer_handles *ret, struct err *err)
{
    struct reader r = reader_over(parameters);
    uint32_t n;

    if (!read_capability(&r, TPM_CAP_HANDLES, &ret->more, err) || !read_count(&r, ANSWER_HANDLES_MAX, "number of handles", &n, err))
        return false;
    for (ret->n = 0; ret->n < n; ret->n++)
        if (!read_u32be(&r, &ret->handle[ret->n]))
            return truncated(&r, "a handle", err);
    return done(&r, err);
}

bool answer_properties(struct bytes parameters, struct answer_properties *ret, struct err *err)
{
    struct reader r = reader_over(parameters);
    uint32_t n;

    if (!read_capability(&r, TPM_CAP_TPM_PROPERTIES, &ret->more, err) ||
        !read_count(&r, ANSWER_PROPERTIES_MAX, "number of properties", &n, err))
        return false;
    for (ret->n = 0; ret->n < n; ret->n++)
        if (!read_u32be(&r, &ret->item[ret->n].property) || !read_u32be(&r, &ret->item[ret->n].value))
            return truncated(&r, "a property", err);
    return done(&r, err);
}

bool answer_pcr_banks(struct bytes parameters, struct pcr_selection *ret, struct err *err)
{
    struct reader r = reader_over(parameters);
    bool more;

    return read_capability(&r, TPM_CAP_PCRS, &more, err) && read_pcr_selection(&r, ret, err) && done(&r, err);
}

bool answer_2b(struct bytes parameters, struct bytes *ret, struct err *err)
{
    struct reader r = reader_over(parameters);

    return read_u16be_prefixed(&r, ret) ? done(&r, err) : truncated(&r, "a TPM2B", err);
}

bool answer_nothing(struct bytes parameters, struct err *err)
{
    struct reader r = reader_over(parameters);

    return done(&r, err);
}

bool answer_test_result(struct bytes parameters, uint32_t *ret_rc, struct err *err)
{
    struct reader r = reader_over(parameters);
    struct bytes data;

    return read_u16be_prefixed(&r, &data) && read_u32be(&r, ret_rc) ? done(&r, err) : truncated(&r, "the test's result", err);
}

/* Part 2, 10.11.1 TPMS_TIME_INFO. */
bool answer_read_clock(struct bytes parameters, struct tpm_clock_info *ret, struct err *err)
{
    struct reader r = reader_over(parameters);
    uint64_t time_ms;

    if (!read_u64be(&r, &time_ms) || !read_u64be(&r, &ret->clock_ms) || !read_u32be(&r, &ret->reset_count) ||
        !read_u32be(&r, &ret->restart_count))
        return truncated(&r, "the clock", err);
    return read_yes_no(&r, &ret->safe, "the clock's safe flag", err) && done(&r, err);
}

/* Objects. */

static bool read_public_2b(struct reader *r, struct bytes *ret, struct tpm_public *ret_public, struct err *err)
{
    const uint8_t *start = r->rest.data;
    struct bytes area;

    if (!read_u16be_prefixed(r, &area))
        return truncated(r, "a public area", err);
    *ret = (struct bytes){ start, 2 + area.len };
    return tpm_public_decode(area, ret_public, err);
}

static bool read_own_name(struct reader *r, const struct tpm_public *pub, struct err *err)
{
    struct tpm_name want;
    struct bytes name;

    if (!read_u16be_prefixed(r, &name))
        return truncated(r, "a Name", err);
    if (!tpm_public_name(pub, &want, err))
        return false;
    return bytes_equal(name, tpm_name_bytes(&want)) ? true
                                                    : err_set(err, ERR_MALFORMED, "the object's Name is not that of its public area");
}

bool answer_read_public(struct bytes parameters, struct bytes *ret_public_2b, struct bytes *ret_qualified_name, struct err *err)
{
    struct reader r = reader_over(parameters);
    struct tpm_public pub;

    if (!read_public_2b(&r, ret_public_2b, &pub, err) || !read_own_name(&r, &pub, err))
        return false;
    return read_u16be_prefixed(&r, ret_qualified_name) ? done(&r, err) : truncated(&r, "the qualified Name", err);
}

bool answer_create_primary(struct bytes parameters, struct bytes *ret_public_2b, struct err *err)
{
    struct reader r = reader_over(parameters);
    struct bytes creation, hash, ticket;
    struct tpm_public pub;
    uint16_t tag;
    uint32_t hierarchy;

    if (!read_public_2b(&r, ret_public_2b, &pub, err))
        return false;
    if (!read_u16be_prefixed(&r, &creation) || !read_u16be_prefixed(&r, &hash) || !read_u16be(&r, &tag) || !read_u32be(&r, &hierarchy) ||
        !read_u16be_prefixed(&r, &ticket))
        return truncated(&r, "what the key's creation is about", err);
    return read_own_name(&r, &pub, err) && done(&r, err);
}

bool answer_context_save(struct bytes parameters, struct bytes *ret_context, struct err *err)
{
    struct reader r = reader_over(parameters);
    uint32_t handle, hierarchy;
    uint64_t sequence;
    struct bytes blob;

    if (!read_u64be(&r, &sequence) || !read_u32be(&r, &handle) || !read_u32be(&r, &hierarchy) || !read_u16be_prefixed(&r, &blob))
        return truncated(&r, "a TPMS_CONTEXT", err);
    if (!done(&r, err))
        return false;
    *ret_context = parameters;
    return true;
}

bool answer_nv_read_public(struct bytes parameters, struct nv_public *ret, struct err *err)
{
    struct reader r = reader_over(parameters), inside;
    struct bytes area, name;
    uint16_t name_algorithm;

    if (!read_u16be_prefixed(&r, &area) || !read_u16be_prefixed(&r, &name))
        return truncated(&r, "an NV index's public area", err);
    inside = reader_over(area);
    if (!read_u32be(&inside, &ret->index) || !read_u16be(&inside, &name_algorithm) || !read_u32be(&inside, &ret->attributes) ||
        !read_u16be_prefixed(&inside, &ret->policy) || !read_u16be(&inside, &ret->size))
        return truncated(&inside, "a field of an NV index's public area", err);
    ret->name_algorithm = digest_from_tpm_id(name_algorithm);
    return done(&inside, err) && done(&r, err);
}

/* Registers. */

static unsigned count_bits(uint32_t mask)
{
    unsigned n = 0;

    for (; mask; mask &= mask - 1)
        n++;
    return n;
}

bool answer_pcr_read(struct bytes parameters, struct answer_pcrs *ret, struct err *err)
{
    struct reader r = reader_over(parameters);
    uint32_t counter, n;

    if (!read_u32be(&r, &counter))
        return truncated(&r, "the update counter", err);
    if (!read_pcr_selection(&r, &ret->selection, err) || !read_count(&r, LIMIT_PCRS, "number of register values", &n, err))
        return false;
    if (ret->selection.n_banks > 1)
        return err_set(err, ERR_MALFORMED, "registers of %zu banks; one was asked for", ret->selection.n_banks);
    if (n != (ret->selection.n_banks ? count_bits(ret->selection.banks[0].mask) : 0))
        return err_set(err, ERR_MALFORMED, "%u register values, but the selection names others", n);
    for (ret->n = 0; ret->n < n; ret->n++)
        if (!read_u16be_prefixed(&r, &ret->value[ret->n]))
            return truncated(&r, "a register's value", err);
    return done(&r, err);
}

/* Signatures. */

static bool check_signature(struct bytes signature, struct err *err)
{
    struct tpm_signature decoded;

    return tpm_signature_decode(signature, &decoded, err);
}

bool answer_attest(struct bytes parameters, struct bytes *ret_attest, struct bytes *ret_signature, struct err *err)
{
    struct reader r = reader_over(parameters);

    if (!read_u16be_prefixed(&r, ret_attest))
        return truncated(&r, "the attestation", err);
    *ret_signature = read_rest(&r);
    return check_signature(*ret_signature, err);
}

bool answer_sign(struct bytes parameters, struct bytes *ret_signature, struct err *err)
{
    *ret_signature = parameters;
    return check_signature(parameters, err);
}

bool answer_hash(struct bytes parameters, struct bytes *ret_digest, struct bytes *ret_ticket, struct err *err)
{
    struct reader r = reader_over(parameters), inside;
    struct bytes digest;
    uint16_t tag;
    uint32_t hierarchy;

    if (!read_u16be_prefixed(&r, ret_digest))
        return truncated(&r, "the digest", err);
    *ret_ticket = read_rest(&r);
    inside = reader_over(*ret_ticket);
    if (!read_u16be(&inside, &tag) || !read_u32be(&inside, &hierarchy) || !read_u16be_prefixed(&inside, &digest))
        return truncated(&inside, "the hash ticket", err);
    return done(&inside, err);
}
