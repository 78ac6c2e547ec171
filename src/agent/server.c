#include "agent/server.h"
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "http/client.h"
#include "json/parse.h"

struct server {
    struct http_client *http;
    char *endpoint; /* without the slash at its end */
    int64_t clock_ahead_ms;
};

bool server_open(const struct server_config *config, struct server **ret, struct failure *why)
{
    struct server *server CLEANUP(server_close_at) = calloc(1, sizeof *server);
    struct http_client_config http = {
        .ca_file = config->ca_file,
        .ca_pem = config->ca_pem,
        .proxy = config->proxy,
        .user_agent = "trueboot-agent/" TRUEBOOT_VERSION,
        .connect_timeout_ms = config->connect_timeout_seconds * 1000,
        .total_timeout_ms = config->total_timeout_seconds * 1000,
    };
    struct err err = ERR_INIT;
    size_t len;

    if (!config->endpoint || !*config->endpoint)
        return failure_set(why, FAILURE_NO_ENDPOINT, "no server is configured: set attest.endpoint");
    if (!server || !(server->endpoint = strdup(config->endpoint)))
        return failure_set(why, FAILURE_NO_MEMORY, "out of memory");
    for (len = strlen(server->endpoint); len && server->endpoint[len - 1] == '/'; len--)
        server->endpoint[len - 1] = 0;
    if (!http_client_new(&http, &server->http, &err))
        return failure_from(why, FAILURE_TLS, &err);
    *ret = TAKE(server);
    return true;
}

void server_close(struct server *server)
{
    if (!server)
        return;
    http_client_free(server->http);
    free(server->endpoint);
    free(server);
}

void server_close_at(struct server **server) { server_close(*server); }

char *server_path(const struct server *server, struct arena *a, const char *path)
{
    const char *host = strstr(server->endpoint, "://");
    const char *own = host ? strchr(host + 3, '/') : NULL;

    return arena_printf(a, "%s%s", own ? own : "", path);
}

static const struct {
    enum http_failure http;
    enum failure_id failure;
} transport_failures[] = {
    { HTTP_FAILURE_URL, FAILURE_NO_ENDPOINT },      { HTTP_FAILURE_PROXY_AUTH, FAILURE_PROXY_AUTH },
    { HTTP_FAILURE_TLS_UNTRUSTED, FAILURE_TLS },    { HTTP_FAILURE_TLS_NAME, FAILURE_TLS },
    { HTTP_FAILURE_TLS_TIME, FAILURE_TLS },         { HTTP_FAILURE_CA_FILE, FAILURE_TLS },
    { HTTP_FAILURE_TOO_LARGE, FAILURE_BAD_ANSWER }, { HTTP_FAILURE_LOCAL, FAILURE_NO_MEMORY },
};

static enum failure_id failure_of(enum http_failure http)
{
    for (size_t i = 0; i < ARRAY_LEN(transport_failures); i++)
        if (transport_failures[i].http == http)
            return transport_failures[i].failure;
    return FAILURE_UNREACHABLE;
}

/* IMF-fixdate of RFC 9110, 5.6.7: "Sat, 21 Nov 2026 22:17:45 GMT". */
static bool parse_date(struct bytes text, int64_t *ret_ms)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    unsigned day, year, hour, minute, second;
    char copy[32], month[4];
    const char *m;

    if (text.len != 29)
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = 0;
    if (sscanf(copy + 5, "%2u %3s %4u %2u:%2u:%2u", &day, month, &year, &hour, &minute, &second) != 6 || strlen(month) != 3)
        return false;
    m = strstr(months, month);
    if (!m || (m - months) % 3 || day < 1 || day > 31 || year < 1970 || hour > 23 || minute > 59 || second > 60)
        return false;
    *ret_ms = ((clock_days_from_date((int)year, (int)(m - months) / 3 + 1, (int)day) * 24 + hour) * 60 + minute) * 60000 + second * 1000;
    return true;
}

static void note_date(struct server *server, const struct http_answer *answer)
{
    int64_t date_ms, ahead;

    if (!parse_date(http_answer_header(answer, "Date"), &date_ms))
        return;
    ahead = date_ms - clock_now_ms();
    server->clock_ahead_ms = ahead > -30000 && ahead < 30000 ? 0 : ahead;
}

static unsigned retry_after(const struct http_answer *answer)
{
    struct bytes text = http_answer_header(answer, "Retry-After");
    unsigned seconds = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || seconds > 86400)
            return 0; /* a date: our own pause will do */
        seconds = seconds * 10 + (unsigned)(text.data[i] - '0');
    }
    return seconds;
}

static void read_error(struct server_answer *answer)
{
    const struct json *error = json_get_no_case(answer->json, "error");

    answer->code = json_text(json_get_no_case(error, "code"), BYTES_NONE);
    answer->message = json_text(json_get_no_case(error, "message"), BYTES_NONE);
    answer->inner = json_text(json_get(json_get(error, "innererror"), "code"), BYTES_NONE);
}

bool server_post(struct server *server, const char *path, struct bytes body, const char *authorization, struct arena *a,
                 struct server_answer *ret, struct failure *why)
{
    struct http_field header = { BYTES_LIT("Authorization"), BYTES_NONE };
    struct http_call call = { .method = "POST", .body = body, .url = arena_printf(a, "%s%s", server->endpoint, path) };
    struct http_answer answer;
    enum http_failure failure;
    struct err err = ERR_INIT;

    if (!call.url)
        return failure_set(why, FAILURE_NO_MEMORY, "out of memory");
    if (authorization) {
        header.value = bytes_of_string(authorization);
        call.headers = &header;
        call.n_headers = 1;
    }
    if (!http_client_send(server->http, a, &call, &answer, &failure, &err))
        return failure_from(why, failure_of(failure), &err);
    note_date(server, &answer);
    *ret = (struct server_answer){ .status = answer.status, .retry_after_seconds = retry_after(&answer) };
    if (answer.body.len && !json_parse(a, answer.body, NULL, &ret->json, &err))
        ret->json = NULL;
    if (ret->status >= 300)
        read_error(ret);
    return true;
}

int64_t server_clock_ahead_ms(const struct server *server) { return server->clock_ahead_ms; }

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
        return status >= 500 ? FAILURE_SERVER_TROUBLE : FAILURE_BAD_ANSWER;
    }
}

bool server_refusal(const struct server_answer *answer, struct failure *why)
{
    if (answer->code.len || answer->message.len)
        failure_set(why, failure_of_status(answer->status), "%.*s: %.*s", BYTES_FMT(bytes_slice(answer->code, 0, 80)),
                    BYTES_FMT(bytes_slice(answer->message, 0, 300)));
    else
        failure_set(why, failure_of_status(answer->status), "the server answers HTTP %u", answer->status);
    why->retry_after_seconds = answer->retry_after_seconds;
    return false;
}
