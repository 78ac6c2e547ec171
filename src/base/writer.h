/* base/writer.h: the mirror image of reader.h: bytes appended to a buffer that grows.
 *
 * Errors are sticky: when memory or `limit` runs out the writer turns bad, further writes do nothing, and the
 * caller asks once, at the end, with writer_ok(). Zeroed storage is an empty, unlimited writer and is safe for
 * writer_done(). */
#pragma once
#include "base/bytes.h"

struct writer {
    uint8_t *data;
    size_t len;
    size_t capacity;
    size_t limit; /* in bytes; 0 means none */
    bool bad;
};

void writer_done(struct writer *w); /* frees; wipes nothing: use writer_done_secret for keys */
void writer_done_secret(struct writer *w);
void writer_reset(struct writer *w); /* keeps the buffer */

static inline bool writer_ok(const struct writer *w) { return !w->bad; }

static inline struct bytes writer_bytes(const struct writer *w) { return (struct bytes){ w->data, w->len }; }

/* Room for `more` bytes is made at once, exactly, where that is allowed: who knows how long it will be spares what growing costs. */
void writer_reserve(struct writer *w, size_t more);
/* `len` bytes for the caller to fill, all of them; NULL when the writer is or becomes bad. Valid until the next write. */
uint8_t *write_space(struct writer *w, size_t len);
void write_bytes(struct writer *w, struct bytes b);
void write_string(struct writer *w, const char *s);
void write_printf(struct writer *w, const char *fmt, ...) PRINTF_LIKE(2, 3);
void write_u8(struct writer *w, uint8_t value);
void write_u16le(struct writer *w, uint16_t value);
void write_u32le(struct writer *w, uint32_t value);
void write_u64le(struct writer *w, uint64_t value);
void write_u16be(struct writer *w, uint16_t value);
void write_u32be(struct writer *w, uint32_t value);
void write_u64be(struct writer *w, uint64_t value);
/* write_u16be_prefixed writes a TPM2B; longer than 65535 bytes turns the writer bad. */
void write_u16be_prefixed(struct writer *w, struct bytes b);

/* writer_take_string ends the buffer with a NUL and hands it over (free it); NULL if the writer is bad. */
char *writer_take_string(struct writer *w);
