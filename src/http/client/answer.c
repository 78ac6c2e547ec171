/* What every client has, whatever carries it. */
#include <strings.h>
#include "http/client/client.h"

const char *http_failure_slug(enum http_failure failure)
{
    static const char *const slugs[] = {
#define X(name, slug, number, meaning) slug,
        HTTP_FAILURES(X)
#undef X
    };
    return (size_t)failure < ARRAY_LEN(slugs) ? slugs[failure] : "local";
}

const char *http_failure_meaning(enum http_failure failure)
{
    static const char *const meanings[] = {
#define X(name, slug, number, meaning) meaning,
        HTTP_FAILURES(X)
#undef X
    };
    return (size_t)failure < ARRAY_LEN(meanings) ? meanings[failure] : "";
}

unsigned http_failure_number(enum http_failure failure)
{
    static const unsigned numbers[] = {
#define X(name, slug, number, meaning) number,
        HTTP_FAILURES(X)
#undef X
    };
    return (size_t)failure < ARRAY_LEN(numbers) ? numbers[failure] : 0;
}

void http_client_free_at(struct http_client **client)
{
    http_client_free(*client);
    *client = NULL;
}

struct bytes http_answer_header(const struct http_answer *answer, const char *name)
{
    for (size_t i = 0; i < answer->headers.n; i++)
        if (answer->headers.items[i].name.len == strlen(name) &&
            strncasecmp((const char *)answer->headers.items[i].name.data, name, strlen(name)) == 0)
            return answer->headers.items[i].value;
    return BYTES_NONE;
}

static bool is_line(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((text.data[i] < ' ' && text.data[i] != '\t') || text.data[i] == 0x7f)
            return false;
    return true;
}

bool http_call_check(const struct http_call *call, struct err *err)
{
    for (size_t i = 0; i < call->n_headers; i++)
        if (!is_line(call->headers[i].name) || !is_line(call->headers[i].value))
            return err_set(err, ERR_MALFORMED, "a header of the request holds a line break or another control character");
    return true;
}
