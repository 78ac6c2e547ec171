/* store/sql.h: rows of the database to plain structs and back, by tables of fields. Private to src/store. */
#pragma once
#include "store/backend.h"

enum field_kind { FIELD_TEXT, FIELD_INTEGER, FIELD_BOOLEAN, FIELD_BYTES, FIELD_NAME /* an enum, stored by its name */ };

struct field {
    enum field_kind kind;
    size_t offset;
    const char *const *names; /* of FIELD_NAME, in the enum's order; ends with NULL */
};

/* One struct: its fields in the order of the statements' columns and parameters. */
struct record {
    const char *what; /* "VM": for errors */
    const struct field *fields;
    size_t n;
    size_t size;
};

#define RECORD(what_, type, fields_)                         \
    {                                                        \
        (what_), (fields_), ARRAY_LEN(fields_), sizeof(type) \
    }

struct sql_value sql_integer(int64_t value);
struct sql_value sql_text(const char *text);    /* NULL is SQL NULL */
struct sql_value sql_bytes(struct bytes value); /* never NULL: no bytes are an empty value */
/* The first n fields of a row as parameters. */
void sql_fields(const struct record *record, const void *row, size_t n, struct sql_value *params);

MUST_CHECK bool sql_write(struct store *store, enum statement statement, const struct sql_value *params, size_t n, int64_t *ret_changes,
                          struct err *err);
/* Exactly one row, into *ret: NOT_FOUND ("there is no such VM") without one. */
MUST_CHECK bool sql_get(struct store *store, struct arena *a, enum statement statement, const struct sql_value *params, size_t n,
                        const struct record *record, void *ret, struct err *err);
/* All rows as an array in the arena. */
MUST_CHECK bool sql_list(struct store *store, struct arena *a, enum statement statement, const struct sql_value *params, size_t n,
                         const struct record *record, const void **ret, size_t *ret_n, struct err *err);
/* The first column of the only row; sql_get_integer wants one to be there. NOT_FOUND carries `what`. */
MUST_CHECK bool sql_get_integer(struct store *store, enum statement statement, const struct sql_value *params, size_t n, int64_t *ret,
                                struct err *err);
MUST_CHECK bool sql_get_value(struct store *store, struct arena *a, enum statement statement, const struct sql_value *params, size_t n,
                              const char *what, struct bytes *ret, struct err *err);

/* Rules that rows share: MALFORMED, LIMIT. */
MUST_CHECK bool check_vm_uuid(const char *vm, struct err *err);
MUST_CHECK bool check_hex(const char *what, const char *text, size_t len /* in digits; 0: any even number up to 256 */, struct err *err);
MUST_CHECK bool check_text(const char *what, const char *text, size_t max, struct err *err); /* present, UTF-8, 1 to max bytes */
MUST_CHECK bool check_page(size_t limit, struct err *err);

/* claims: texts that belong to one VM at most ("name:web1", "ak:000b…"): one table that any sharding keeps unique.
 * claim_take gives the claim to `vm` unless another has it: CONFLICT, with that VM in ret_owner (may be NULL). */
enum { CLAIM_TEXT_MAX = 288 };
MUST_CHECK bool claim_take(struct store *store, const char *kind, const char *text, const char *vm, char *ret_owner, struct err *err);
MUST_CHECK bool claim_drop(struct store *store, const char *kind, const char *text, const char *vm, struct err *err);
/* NOT_FOUND: nobody has it. */
MUST_CHECK bool claim_owner(struct store *store, const char *kind, const char *text, char ret_vm[static UUID_TEXT_LEN], struct err *err);
void claim_text(const char *kind, const char *text, char out[static CLAIM_TEXT_MAX]); /* ASCII letters of names in lower case */
