/* Input: an expression, a NUL, a JSON text. Both are hostile. What parses runs within its budget to a value that can be written, or
 * fails with a kind, a sentence and a place in the expression; running it twice gives the same. */
#include "fuzz.h"
#include "jmespath/jmespath.h"
#include "json/parse.h"
#include "json/write.h"

/* Of both parsers; what evaluation takes is bounded by its steps, and each step may make one value of the input's size at most. */
enum { BYTES_PER_BYTE = 256, FIXED = 16 * 1024 };

static void check_error(struct arena *a, struct bytes text, const struct jmespath_error *error)
{
    ENSURE(error->text[0] && error->offset <= text.len);
    ENSURE(jmespath_error_show(a, text, error));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena a;
    const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
    size_t len = nul ? (size_t)(nul - data) : size;
    struct bytes text = { data, len }, json = nul ? (struct bytes){ nul + 1, size - len - 1 } : BYTES_LIT("{\"a\":[1,{\"b\":\"c\"}]}");
    struct jmespath_budget first = { .steps = 20000 }, second = first;
    struct jmespath_error error = { 0 };
    const struct jmespath_expr *expr;
    const struct json *value, *result, *again;
    struct err err = ERR_INIT;
    bool found;

    arena_reset(&a);
    if (!jmespath_parse(&a, text, &expr, &error)) {
        ENSURE(a.used <= BYTES_PER_BYTE * size + FIXED);
        check_error(&a, text, &error);
        return 0;
    }
    if (!json_parse(&a, json, NULL, &value, &err)) {
        ENSURE(err.code != ERR_NONE && err.text[0]);
        return 0;
    }
    ENSURE(a.used <= BYTES_PER_BYTE * size + FIXED);
    found = jmespath_search(&a, expr, value, &first, &result, &error);
    if (!found)
        check_error(&a, text, &error);
    ENSURE(jmespath_search(&a, expr, value, &second, &again, &error) == found && first.steps == second.steps);
    if (found) {
        ENSURE(json_to_string(&a, result, JSON_COMPACT));
        ENSURE(json_equal(result, again));
    }
    return 0;
}
