/* crypto/der.h: reading and writing DER (X.690), strictly: one encoding per value, definite minimal lengths, single-byte tags.
 *
 * Readers work on struct reader and do not move when they fail. They set no error; the decoder names the field. */
#pragma once
#include "base/reader.h"
#include "base/writer.h"

enum der_tag {
    DER_BOOLEAN = 0x01,
    DER_INTEGER = 0x02,
    DER_BIT_STRING = 0x03,
    DER_OCTET_STRING = 0x04,
    DER_NULL = 0x05,
    DER_OID = 0x06,
    DER_UTF8_STRING = 0x0c,
    DER_PRINTABLE_STRING = 0x13,
    DER_TELETEX_STRING = 0x14,
    DER_IA5_STRING = 0x16,
    DER_UTC_TIME = 0x17,
    DER_GENERALIZED_TIME = 0x18,
    DER_UNIVERSAL_STRING = 0x1c,
    DER_BMP_STRING = 0x1e,
    DER_SEQUENCE = 0x30,
    DER_SET = 0x31,
};
#define DER_CONTEXT(n)             (0x80 | (n))
#define DER_CONTEXT_CONSTRUCTED(n) (0xa0 | (n))

/* Any element. `ret_whole` (may be NULL) is the element with its header. */
MUST_CHECK bool der_read_any(struct reader *r, unsigned *ret_tag, struct bytes *ret_content, struct bytes *ret_whole);
/* One element of this tag: its content. */
MUST_CHECK bool der_read(struct reader *r, unsigned tag, struct bytes *ret_content);
MUST_CHECK bool der_read_into(struct reader *r, unsigned tag, struct reader *ret_inside);
bool der_next_is(const struct reader *r, unsigned tag);
/* INTEGER: the content checked for minimal form (may be negative). The unsigned form has no sign byte: big-endian, no leading
 * zeros, one zero byte for zero; negative ones are refused. */
MUST_CHECK bool der_read_integer(struct reader *r, struct bytes *ret);
MUST_CHECK bool der_read_unsigned(struct reader *r, struct bytes *ret);
MUST_CHECK bool der_read_small(struct reader *r, uint32_t *ret); /* 0 … 2^31-1 */
MUST_CHECK bool der_read_boolean(struct reader *r, bool *ret);
MUST_CHECK bool der_read_oid(struct reader *r, struct bytes *ret);
/* BIT STRING of whole bytes. */
MUST_CHECK bool der_read_bit_bytes(struct reader *r, struct bytes *ret);
/* BIT STRING of at most 16 named bits, trailing zero bits removed: bit i of *ret is the i-th named bit. */
MUST_CHECK bool der_read_named_bits(struct reader *r, unsigned *ret);
/* UTCTime or GeneralizedTime as RFC 5280 4.1.2.5 restricts them (Z, seconds, no fraction). */
MUST_CHECK bool der_read_time(struct reader *r, int64_t *ret_ms);

/* Writing: der_begin notes where an element starts, der_end puts its header in front of what was written since. */
size_t der_begin(struct writer *w);
void der_end(struct writer *w, size_t begin, unsigned tag);
void der_write(struct writer *w, unsigned tag, struct bytes content);
void der_write_unsigned(struct writer *w, struct bytes big_endian); /* leading zeros are dropped, a sign byte put */
void der_write_bit_bytes(struct writer *w, struct bytes b);
void der_write_time(struct writer *w, int64_t time_ms); /* UTCTime until 2049, then GeneralizedTime; seconds are cut */

/* "2.23.133.8.1" for the content of an OID; NULL: malformed, an arc beyond 64 bits, or no memory. */
struct arena;
MUST_CHECK char *der_oid_text(struct arena *a, struct bytes oid);
