/* base/reader.h: reading untrusted bytes without ever stepping outside them.
 *
 * A read that fails does not move, so `offset` names the field that did not fit. Getters return bool and
 * set no error: the decoder that calls them knows which field it was reading. */
#pragma once
#include "base/bytes.h"

struct reader {
    struct bytes rest; /* what is left */
    size_t offset;     /* of rest.data from the start of the input; for messages */
};

static inline struct reader reader_over(struct bytes input) { return (struct reader){ input, 0 }; }

static inline bool reader_done(const struct reader *r) { return r->rest.len == 0; }

MUST_CHECK bool read_bytes(struct reader *r, size_t len, struct bytes *ret);
/* read_sub hands out a reader over the next `len` bytes; its offsets count from r's own start. */
MUST_CHECK bool read_sub(struct reader *r, size_t len, struct reader *ret);
MUST_CHECK bool read_skip(struct reader *r, size_t len);
struct bytes read_rest(struct reader *r);

MUST_CHECK bool read_u8(struct reader *r, uint8_t *ret);
MUST_CHECK bool read_u16le(struct reader *r, uint16_t *ret);
MUST_CHECK bool read_u32le(struct reader *r, uint32_t *ret);
MUST_CHECK bool read_u64le(struct reader *r, uint64_t *ret);
MUST_CHECK bool read_u16be(struct reader *r, uint16_t *ret);
MUST_CHECK bool read_u32be(struct reader *r, uint32_t *ret);
MUST_CHECK bool read_u64be(struct reader *r, uint64_t *ret);

/* Length-prefixed bytes, as TPM2B structures are. Nothing moves when the body does not fit. */
MUST_CHECK bool read_u16be_prefixed(struct reader *r, struct bytes *ret);
MUST_CHECK bool read_u32le_prefixed(struct reader *r, struct bytes *ret);
