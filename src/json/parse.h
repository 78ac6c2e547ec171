/* json/parse.h: strict RFC 8259 parser. One pass, no recursion deeper than asked for, every error with its place. */
#pragma once
#include "json/value.h"

struct json_options {
    unsigned max_depth;     /* 0: LIMIT_JSON_DEPTH */
    bool refuse_duplicates; /* of member names in one object; for signed payloads and resource bodies */
    bool allow_trailing;    /* stop after the first value; *ret_used says where (record-separated files) */
};

/* json_parse reads one value that fills `text` (white space around it aside). `text` must outlive the value. A byte order
 * mark, invalid UTF-8, lone surrogates, unescaped control characters and numbers beyond a double are refused. The error names line
 * and column; it is ERR_TRUNCATED when only the end is missing. json_parse_prefix always allows what follows the value; *ret_used
 * counts the bytes up to the value's end. */
MUST_CHECK bool json_parse(struct arena *a, struct bytes text, const struct json_options *options /* may be NULL */,
                           const struct json **ret, struct err *err);
MUST_CHECK bool json_parse_prefix(struct arena *a, struct bytes text, const struct json_options *options, const struct json **ret,
                                  size_t *ret_used, struct err *err);
