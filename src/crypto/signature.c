#include "crypto/signature.h"
#include "crypto/der.h"

static bool put(struct bytes integer, size_t len, uint8_t *out)
{
    if (integer.len > len)
        return false;
    memset(out, 0, len - integer.len);
    memcpy(out + len - integer.len, integer.data, integer.len);
    return true;
}

bool signature_from_der(enum ec_curve curve, struct bytes der, uint8_t ret_raw[static SIGNATURE_EC_RAW_MAX], size_t *ret_len,
                        struct err *err)
{
    struct reader outer = reader_over(der), r;
    size_t len = ec_curve_len(curve);
    struct bytes first, second;

    if (len == 0)
        return err_set(err, ERR_UNSUPPORTED, "ECDSA signature of an unknown curve");
    if (!der_read_into(&outer, DER_SEQUENCE, &r) || !reader_done(&outer) || !der_read_unsigned(&r, &first) ||
        !der_read_unsigned(&r, &second) || !reader_done(&r) || !put(first, len, ret_raw) || !put(second, len, ret_raw + len))
        return err_set(err, ERR_MALFORMED, "ECDSA signature is not a DER sequence of two integers of the curve's length");
    *ret_len = 2 * len;
    return true;
}

bool signature_to_der(enum ec_curve curve, struct bytes raw, uint8_t ret_der[static SIGNATURE_EC_DER_MAX], size_t *ret_len, struct err *err)
{
    size_t len = ec_curve_len(curve), n = 0;
    struct writer w = { .limit = SIGNATURE_EC_DER_MAX };

    if (len == 0 || raw.len != 2 * len)
        return err_set(err, ERR_MALFORMED, "ECDSA signature of %zu bytes; the curve's have %zu", raw.len, 2 * len);
    n = der_begin(&w);
    der_write_unsigned(&w, bytes_slice(raw, 0, len));
    der_write_unsigned(&w, bytes_slice(raw, len, len));
    der_end(&w, n, DER_SEQUENCE);
    if (!writer_ok(&w)) {
        writer_done(&w);
        return err_set(err, ERR_NO_MEMORY, "ECDSA signature");
    }
    memcpy(ret_der, w.data, w.len);
    *ret_len = w.len;
    writer_done(&w);
    return true;
}
