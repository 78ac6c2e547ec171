/* Input: an expression, a NUL, a JSON text. Both are hostile. What parses runs within its budget to a value that can be written, or
 * fails with a kind, a sentence and a place in the expression; running it twice gives the same. */
#include "fuzz.h"
#include "jmespath/jmespath.h"
#include "json/parse.h"
#include "json/write.h"

static void check_error(struct arena *a, struct bytes text, const struct jmespath_error *error)
{
    ENSURE(error->text[0] && error->offset <= text.len);
    ENSURE(jmespath_error_show(a, text, error));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
    size_t len = nul ? (size_t)(nul - data) : size;
    struct bytes text = { data, len }, json = nul ? (struct bytes){ nul + 1, size - len - 1 } : BYTES_LIT("{\"a\":[1,{\"b\":\"c\"}]}");
    struct jmespath_budget first = { .steps = 20000 }, second = first;
    struct jmespath_error error = { 0 };
    const struct jmespath_expr *expr;
    const struct json *value, *result, *again;
    struct err err = ERR_INIT;
    bool found;

    if (!jmespath_parse(&a, text, &expr, &error)) {
        check_error(&a, text, &error);
        return 0;
    }
    if (!json_parse(&a, json, NULL, &value, &err))
        return 0;
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
