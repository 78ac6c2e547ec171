#include "base/limits.h"
#include "crypto/der.h"
#include "crypto/pem.h"
#include "x509/cert.h"

#define PEM_BEGIN BYTES_LIT("-----BEGIN CERTIFICATE-----")

bool cert_parse_pem(struct bytes pem, struct cert **ret, struct err *err)
{
    CLEANUP(arena_done) struct arena a = { 0 };
    struct bytes der;

    return pem_next(&a, &pem, "CERTIFICATE", &der, err) && cert_parse(der, ret, err);
}

/* DER begins with a SEQUENCE, PEM with text: '0' is both, so the armour decides. */
static bool is_pem(struct bytes content)
{
    return bytes_find(content, PEM_BEGIN) != SIZE_MAX && !(content.len > 1 && content.data[0] == DER_SEQUENCE && content.data[1] >= 0x80);
}

bool cert_parse_any(struct bytes content, struct cert **ret, struct err *err)
{
    return is_pem(content) ? cert_parse_pem(content, ret, err) : cert_parse(content, ret, err);
}

/* The first element, if it is a SEQUENCE. */
static bool first_sequence(struct bytes content, struct bytes *ret)
{
    struct reader r = reader_over(content);
    unsigned tag;
    struct bytes inside;

    return der_read_any(&r, &tag, &inside, ret) && tag == DER_SEQUENCE;
}

static bool next_of_bundle(struct arena *a, bool pem, struct bytes *rest, struct bytes *ret_der, struct err *err)
{
    if (pem)
        return pem_next(a, rest, "CERTIFICATE", ret_der, err);
    if (rest->len == 0)
        return err_set(err, ERR_NOT_FOUND, "no certificate");
    if (!first_sequence(*rest, ret_der))
        return err_set(err, ERR_MALFORMED, "not a certificate in DER, nor PEM text");
    *rest = bytes_slice(*rest, ret_der->len, rest->len);
    return true;
}

bool cert_parse_bundle(struct bytes content, struct cert **ret, size_t max, size_t *ret_n, struct err *err)
{
    CLEANUP(arena_done) struct arena a = { 0 };
    bool pem = is_pem(content);
    struct err next_err = ERR_INIT;
    struct bytes der;
    size_t n = 0;

    while (next_of_bundle(&a, pem, &content, &der, &next_err)) {
        if (n == max) {
            err_set(&next_err, ERR_LIMIT, "more than %zu certificates", max);
            break;
        }
        if (!cert_parse(der, &ret[n], &next_err)) {
            err_within(&next_err, "certificate %zu of the bundle", n + 1);
            break;
        }
        n++;
    }
    if (next_err.code == ERR_NOT_FOUND && n > 0) {
        *ret_n = n;
        return true;
    }
    while (n-- > 0)
        cert_free(ret[n]);
    *err = next_err;
    return false;
}

bool cert_trim(struct bytes padded, struct bytes *ret_der, struct err *err)
{
    struct bytes der, padding;

    if (!first_sequence(padded, &der))
        return err_set(err, ERR_MALFORMED, "no certificate at the start of the %zu bytes", padded.len);
    if (der.len > LIMIT_CERT_BYTES)
        return err_set(err, ERR_LIMIT, "certificate of %zu bytes; at most %d are read", der.len, LIMIT_CERT_BYTES);
    padding = bytes_slice(padded, der.len, padded.len);
    if (!bytes_are_all(padding, 0x00) && !bytes_are_all(padding, 0xff))
        return err_set(err, ERR_MALFORMED, "what follows the certificate of %zu bytes is not padding", der.len);
    *ret_der = der;
    return true;
}

struct bytes cert_trim_bundle(struct bytes padded)
{
    struct bytes rest = padded, der;

    while (first_sequence(rest, &der))
        rest = bytes_slice(rest, der.len, rest.len);
    return bytes_are_all(rest, 0x00) || bytes_are_all(rest, 0xff) ? bytes_slice(padded, 0, padded.len - rest.len) : padded;
}
