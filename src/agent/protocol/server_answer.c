/* What a server's answer says: its JSON, its error in whatever shape, its refusal as one of our failures (guest-agent.md 3.8, 8.5). */
#include "agent/protocol/server.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "http/client/date.h"
#include "json/parse.h"

enum { EXCERPT_LEN = 80, BARE_TOKEN_MIN = 64 };

unsigned server_retry_after(struct bytes text, struct bytes date, int64_t now_ms)
{
    enum { LONGEST = 86400 };
    unsigned seconds = 0;
    int64_t then_ms;

    if (http_date_parse(text, &then_ms)) {
        (void)!http_date_parse(date, &now_ms);
        return then_ms <= now_ms ? 0 : then_ms - now_ms > LONGEST * INT64_C(1000) ? LONGEST : (unsigned)((then_ms - now_ms + 999) / 1000);
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return 0;
        seconds = seconds * 10 + (unsigned)(text.data[i] - '0');
        if (seconds > LONGEST)
            seconds = LONGEST; /* and still a number, however many digits follow */
    }
    return seconds;
}

static unsigned retry_after(const struct http_answer *answer)
{
    if (!http_answer_header(answer, "Retry-After").len)
        return 0;
    return server_retry_after(http_answer_header(answer, "Retry-After"), http_answer_header(answer, "Date"), clock_now_ms());
}

/* Errors. */

static struct bytes text_of(const struct json *v, const char *name) { return json_text(json_get_no_case(v, name), BYTES_NONE); }

static struct bytes either(struct bytes first, struct bytes second) { return first.len ? first : second; }

/* {"error":{…}}; a list of such; or the same two members without a frame around them. */
static void read_error(struct server_answer *answer)
{
    const struct json *error = json_get_no_case(answer->json, "error");

    if (error && error->type == JSON_ARRAY)
        error = error->array.n ? error->array.items[0] : NULL;
    if (!error)
        error = answer->json;
    if (error && error->type == JSON_STRING) { /* RFC 6749, 5.2 */
        answer->code = error == answer->json ? BYTES_NONE : error->string;
        answer->message =
            error == answer->json ? error->string : either(text_of(answer->json, "error_description"), text_of(answer->json, "message"));
        return;
    }
    answer->code = either(text_of(error, "code"), text_of(error, "title"));
    answer->message = either(text_of(error, "message"), text_of(error, "detail"));
    answer->inner = json_text(json_get(json_get(error, "innererror"), "code"), BYTES_NONE);
}

/* The first printable characters say whose words they are. */
static char *excerpt_of(struct arena *a, struct bytes body)
{
    char text[EXCERPT_LEN + 1];
    size_t n = 0;

    for (size_t i = 0; i < body.len && n < EXCERPT_LEN; i++)
        if (body.data[i] >= 0x20 && body.data[i] < 0x7f)
            text[n++] = (char)body.data[i];
    text[n] = 0;
    return arena_printf(a, "%s", text);
}

/* What is not JSON is not from our server: a proxy's or a portal's page (8.5). What begins as JSON is quoted by nobody: it may hold a token. */
static bool foreign_answer(const struct http_answer *answer, struct bytes text, struct bytes elsewhere, struct arena *a,
                           const struct err *parsing, struct failure *why)
{
    struct bytes coding = http_answer_header(answer, "Content-Encoding");

    if (coding.len && !bytes_equal_no_case(coding, "identity"))
        failure_set(
            why, FAILURE_BAD_ANSWER,
            "HTTP %u with a body in the coding \"%.*s\", which was not asked for: switch compression off in the server, or in what stands "
            "in front of it",
            answer->status, BYTES_FMT(bytes_slice(coding, 0, 20)));
    else if (elsewhere.len)
        failure_set(
            why, FAILURE_PROXY_BLOCK,
            "HTTP %u points to %.*s, where nothing is sent: a portal or filter answers instead of the server, or the server has moved",
            answer->status, BYTES_FMT(bytes_slice(elsewhere, 0, 200)));
    else if (text.len && (text.data[0] == '{' || text.data[0] == '['))
        failure_set(why, answer->status >= 500 ? FAILURE_SERVER_TROUBLE : FAILURE_BAD_ANSWER, "HTTP %u with JSON that cannot be used: %s",
                    answer->status, parsing->text);
    else
        failure_set(
            why, FAILURE_PROXY_BLOCK,
            "HTTP %u with something that is not JSON: a proxy, filter or portal answers instead of the server; put the address on its "
            "allow-list; it says: %s",
            answer->status, excerpt_of(a, text) ?: "");
    why->retry_after_seconds = retry_after(answer);
    return false;
}

/* 3.4: some give the token without an object around it, and without quotes. It is base64url of JSON, which begins with "{": with an "e". */
static const struct json *bare_token(struct arena *a, struct bytes text)
{
    if (text.len < BARE_TOKEN_MIN || text.data[0] != 'e')
        return NULL;
    for (size_t i = 0; i < text.len; i++)
        if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=", text.data[i]) || !text.data[i])
            return NULL;
    return json_string(a, text);
}

bool server_answer_read(const struct http_answer *answer, struct arena *a, struct server_answer *ret, struct failure *why)
{
    struct bytes text = bytes_trim(utf8_without_mark(answer->body));
    struct err err = ERR_INIT;

    *ret = (struct server_answer){ .status = answer->status, .retry_after_seconds = retry_after(answer) };
    if (answer->status >= 300 && answer->status < 400) {
        struct bytes to = http_answer_header(answer, "Location");

        if (bytes_find(to, BYTES_LIT("@")) == SIZE_MAX) /* it is shown */
            ret->elsewhere = bytes_slice(to, 0, bytes_find(to, BYTES_LIT("?")));
    }
    if (answer->body.len && !json_parse(a, text, NULL, &ret->json, &err)) {
        ret->json = answer->status == 200 ? bare_token(a, text) : NULL;
        if (!ret->json && answer->status != 404) /* whoever says 404, and in whatever words: it is not the place (3.8) */
            return foreign_answer(answer, text, ret->elsewhere, a, &err, why);
        if (!ret->json)
            ret->message = bytes_of_string(excerpt_of(a, text) ?: "");
    }
    if (ret->status >= 300 && ret->json)
        read_error(ret);
    return true;
}

/* Refusals. */

static enum failure_id failure_of_status(unsigned status)
{
    switch (status) {
    case 400:
        return FAILURE_REFUSED;
    case 401:
    case 403:
        return FAILURE_NOT_AUTHORISED;
    case 404:
        return FAILURE_WRONG_ENDPOINT;
    case 407:
        return FAILURE_PROXY_AUTH;
    case 408:
    case 429:
        return FAILURE_SERVER_TROUBLE;
    default:
        return status >= 500 ? FAILURE_SERVER_TROUBLE : FAILURE_BAD_ANSWER; /* redirections that are not followed, too */
    }
}

bool server_refusal(const struct server_answer *answer, struct failure *why)
{
    enum failure_id id = failure_of_status(answer->status);
    struct bytes code = bytes_slice(answer->code, 0, 80), message = bytes_slice(answer->message, 0, 300);

    if (code.len && message.len)
        failure_set(why, id, "%.*s: %.*s", BYTES_FMT(code), BYTES_FMT(message));
    else if (code.len || message.len)
        failure_set(why, id, "the server answers HTTP %u: %.*s", answer->status, BYTES_FMT(either(code, message)));
    else if (answer->elsewhere.len)
        failure_set(why, id, "the server answers HTTP %u and points to %.*s, where nothing is sent: is that its address now?",
                    answer->status, BYTES_FMT(bytes_slice(answer->elsewhere, 0, 200)));
    else
        failure_set(why, id, "the server answers HTTP %u", answer->status);
    why->retry_after_seconds = answer->retry_after_seconds;
    return false;
}
