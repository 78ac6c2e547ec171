/* audit/line.h: one record of the audit log: a line of JSON that carries its own digest and that of the record before it.
 *
 *     {"seq":17,MEMBERS,"prev":"HEX","hash":"HEX"}\n
 *
 * `hash` is SHA-256, in hex, over the line's text up to (without) `,"hash":`. `prev` is the hash of record 16; of the first record it is 64
 * zeros. So whoever changes a byte of a record must make its hash anew, and then every record after it. */
#pragma once
#include <stdint.h>
#include "base/bytes.h"
#include "base/err.h"
#include "base/writer.h"

enum { AUDIT_HASH_TEXT_LEN = 65 };
extern const char audit_no_hash[AUDIT_HASH_TEXT_LEN]; /* 64 zeros */

/* `members`: JSON members without braces, at least one. */
void audit_line_write(struct writer *w, int64_t seq, struct bytes members, const char *prev, char ret_hash[static AUDIT_HASH_TEXT_LEN]);

struct audit_line {
    int64_t seq;
    char prev[AUDIT_HASH_TEXT_LEN], hash[AUDIT_HASH_TEXT_LEN];
};

/* audit_line_read checks shape and hash of a line (without its newline). MALFORMED: it is none; UNTRUSTED: its content does not match its hash. */
MUST_CHECK bool audit_line_read(struct bytes line, struct audit_line *ret, struct err *err);
/* The two hashes that a line which does not hold may have had: what it says, and what its text gives; "" where neither can be made out. */
void audit_line_guess(struct bytes line, char ret_said[static AUDIT_HASH_TEXT_LEN], char ret_computed[static AUDIT_HASH_TEXT_LEN]);
