#define _GNU_SOURCE
#include "agent/protocol/server.h"
#include "agent/files/secret_file.h"
#include "http/client/proxy.h"
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/file.h"
#include "http/client/client.h"

enum { CREDENTIALS_MAX = 1024, HOPS_MAX = 1 };

struct server {
    struct http_client *http;
    char *endpoint; /* without the slash at its end */
    char *dump_file;
    int64_t clock_ahead_ms;
};

/* "user:password", in a file that nobody else may read (8.5: credentials come only from protected places). */
static bool read_credentials(const char *path, struct arena *a, const char **ret, struct failure *why)
{
    struct err err = ERR_INIT;
    struct bytes text;

    *ret = NULL;
    if (!path || !*path)
        return true;
    if (!secret_file_check("net.proxy_credentials_file", path, FAILURE_PROXY_AUTH, why))
        return false;
    if (!file_read_in(a, path, CREDENTIALS_MAX, &text, &err)) /* where it lies is nobody's business: this ends up in reports */
        return failure_set(why, FAILURE_PROXY_AUTH, "net.proxy_credentials_file cannot be read: %s", err_slug(err.code));
    text = bytes_trim(text);
    if (bytes_find(text, BYTES_LIT(":")) == SIZE_MAX || bytes_find(text, BYTES_LIT("\n")) != SIZE_MAX)
        return failure_set(why, FAILURE_PROXY_AUTH, "net.proxy_credentials_file does not hold user:password");
    *ret = arena_string(a, text);
    return *ret ? true : failure_set(why, FAILURE_NO_MEMORY, "out of memory");
}

static bool check_certificate(const struct server_config *config, struct failure *why)
{
    if (!config->cert_file != !config->key_file)
        return failure_set(why, FAILURE_BAD_SETTINGS, "net.client_cert_file and net.client_key_file go together: one is missing");
    return !config->key_file || secret_file_check("net.client_key_file", config->key_file, FAILURE_TLS, why);
}

struct server_config server_config_of(const struct agent_config *config, const char *endpoint)
{
    return (struct server_config){ .endpoint = endpoint,
                                   .ca_file = config->ca_file,
                                   .ca_pem = config->ca_file ? BYTES_NONE : config->ca_pem,
                                   .proxy = config->proxy,
                                   .no_proxy = config->no_proxy,
                                   .proxy_credentials_file = config->proxy_credentials_file,
                                   .pins = config->pins,
                                   .dump_dir = config->dump_evidence ? config->state_dir : NULL,
                                   .insecure_loopback = config->insecure_loopback,
                                   .connect_timeout_seconds = config->timeout_connect_seconds,
                                   .tls_timeout_seconds = config->timeout_tls_seconds,
                                   .first_byte_timeout_seconds = config->timeout_first_byte_seconds,
                                   .total_timeout_seconds = config->timeout_total_seconds };
}

bool server_http_client(const struct server_config *config, struct http_client **ret, struct failure *why)
{
    struct arena a CLEANUP(arena_done_secret) = { 0 };
    struct http_client_config http = {
        .ca_file = config->ca_file,
        .ca_pem = config->ca_pem,
        .cert_file = config->cert_file,
        .key_file = config->key_file,
        .proxy = config->proxy,
        .no_proxy = config->no_proxy,
        .pins = config->pins,
        .kept_seconds = LIMIT_HTTP_KEPT_SECONDS,
        .user_agent = "trueboot-agent/" TRUEBOOT_VERSION,
        .connect_timeout_ms = config->connect_timeout_seconds * 1000,
        .tls_timeout_ms = config->tls_timeout_seconds * 1000,
        .first_byte_timeout_ms = config->first_byte_timeout_seconds * 1000,
        .total_timeout_ms = config->total_timeout_seconds * 1000,
    };
    struct err err = ERR_INIT;
    bool made;

    if (!check_certificate(config, why) || !read_credentials(config->proxy_credentials_file, &a, &http.proxy_credentials, why))
        return false;
    made = http_client_new(&http, ret, &err);
    if (http.proxy_credentials)
        wipe((void *)(uintptr_t)http.proxy_credentials, strlen(http.proxy_credentials));
    return made ? true : failure_from(why, FAILURE_TLS, &err);
}

/* 3.1: what is sent must not be read or changed on its way; plain HTTP is for a server on this very machine, and only when it is asked for. */
bool server_check_address(const struct server_config *config, struct failure *why)
{
    struct url_parts parts;

    if (!config->endpoint || !*config->endpoint)
        return failure_set(why, FAILURE_NO_ENDPOINT, "no server is configured: set attest.endpoint in agent.conf, or give --endpoint");
    if (!url_split(config->endpoint, &parts) || parts.user.len)
        return failure_set(why, FAILURE_NO_ENDPOINT, "the server's address is not https://HOST[:PORT][/PATH]");
    return parts.https || (config->insecure_loopback && proxy_is_excepted(config->endpoint, "127.0.0.0/8,::1,localhost")) ||
           failure_set(why, FAILURE_NO_ENDPOINT, "%.200s is not https: evidence and tokens go over nothing else", config->endpoint);
}

char *server_base(struct arena *a, const char *address)
{
    static const struct bytes calls[] = { { (const uint8_t *)"/attest/Tpm", 11 }, { (const uint8_t *)"/attest/AzureGuest", 18 } };
    struct bytes text = bytes_of_string(address), path = bytes_slice(text, 0, bytes_find(text, BYTES_LIT("?")));

    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        if (bytes_ends_with(path, calls[i]))
            text = bytes_slice(path, 0, path.len - calls[i].len);
    while (text.len && text.data[text.len - 1] == '/')
        text.len--;
    return arena_string(a, text);
}

bool server_open(const struct server_config *config, struct server **ret, struct failure *why)
{
    struct server *server CLEANUP(server_close_at) = calloc(1, sizeof *server);
    struct arena a CLEANUP(arena_done) = { 0 };
    const char *base;

    if (!server_check_address(config, why))
        return false;
    base = server_base(&a, config->endpoint);
    if (!server || !base || !(server->endpoint = strdup(base)))
        return failure_set(why, FAILURE_NO_MEMORY, "out of memory");
    if (config->dump_dir && asprintf(&server->dump_file, "%s/" SERVER_EVIDENCE_FILE, config->dump_dir) < 0) {
        server->dump_file = NULL;
        return failure_set(why, FAILURE_NO_MEMORY, "out of memory");
    }
    if (!server_http_client(config, &server->http, why))
        return false;
    *ret = TAKE(server);
    return true;
}

void server_close(struct server *server)
{
    if (!server)
        return;
    http_client_free(server->http);
    free(server->endpoint);
    free(server->dump_file);
    free(server);
}

void server_keep_evidence(const struct server *server, struct bytes body)
{
    struct err ignored = ERR_INIT;

    if (server->dump_file)
        (void)!file_replace(server->dump_file, body, 0600, &ignored);
}

void server_close_at(struct server **server) { server_close(*server); }

const char *server_endpoint(const struct server *server) { return server->endpoint; }

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
    { HTTP_FAILURE_URL, FAILURE_NO_ENDPOINT },
    { HTTP_FAILURE_DNS, FAILURE_DNS },
    { HTTP_FAILURE_CONNECT_TIMEOUT, FAILURE_CONNECT_TIMEOUT },
    { HTTP_FAILURE_PROXY_AUTH, FAILURE_PROXY_AUTH },
    { HTTP_FAILURE_CONNECT_REFUSED, FAILURE_CONNECT_REFUSED },
    { HTTP_FAILURE_PROXY_BLOCK, FAILURE_PROXY_BLOCK },
    { HTTP_FAILURE_TLS_UNTRUSTED, FAILURE_TLS_UNTRUSTED },
    { HTTP_FAILURE_TLS_NAME, FAILURE_TLS_NAME },
    { HTTP_FAILURE_TLS_TIME, FAILURE_TLS_TIME },
    { HTTP_FAILURE_TLS_PROTO, FAILURE_TLS_PROTO },
    { HTTP_FAILURE_MTU, FAILURE_MTU },
    { HTTP_FAILURE_TIMEOUT, FAILURE_TIMEOUT },
    { HTTP_FAILURE_CA_FILE, FAILURE_TLS },
    { HTTP_FAILURE_CLIENT_CERT, FAILURE_TLS },
    { HTTP_FAILURE_TOO_LARGE, FAILURE_BAD_ANSWER },
    { HTTP_FAILURE_LOCAL, FAILURE_NO_MEMORY },
};

enum failure_id server_failure_of(enum http_failure http)
{
    for (size_t i = 0; i < ARRAY_LEN(transport_failures); i++)
        if (transport_failures[i].http == http)
            return transport_failures[i].failure;
    return FAILURE_UNREACHABLE;
}

static void note_date(struct server *server)
{
    const struct http_trace *trace = http_client_trace(server->http);
    int64_t ahead = trace->server_ahead_ms;

    if (!trace->has_server_time)
        return;
    server->clock_ahead_ms = ahead > -30000 && ahead < 30000 ? 0 : ahead;
}

/* 3.8: a redirection is followed within the same server only, and by https; NULL: it is none of that kind, and stays an answer. */
static const char *another_place(const struct server *server, const struct http_answer *answer, struct arena *a)
{
    struct bytes to = http_answer_header(answer, "Location");
    const char *address = arena_string(a, to);
    struct url_parts ours, theirs;

    if ((answer->status != 301 && answer->status != 302 && answer->status != 307 && answer->status != 308) || !to.len || !address ||
        !url_split(server->endpoint, &ours))
        return NULL;
    if (to.data[0] == '/' && (to.len < 2 || to.data[1] != '/')) {
        size_t origin = (size_t)(strstr(server->endpoint, "://") - server->endpoint) + 3;

        origin += strcspn(server->endpoint + origin, "/?");
        return arena_printf(a, "%.*s%s", (int)origin, server->endpoint, address);
    }
    return url_split(address, &theirs) && theirs.https == ours.https && theirs.port == ours.port && !theirs.user.len &&
                   bytes_equal_no_case(theirs.host, arena_string(a, ours.host) ?: "")
               ? address
               : NULL;
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
    for (unsigned hops = 0;; hops++) {
        const char *elsewhere;

        if (!http_client_send(server->http, a, &call, &answer, &failure, &err))
            return failure_from(why,
                                failure == HTTP_FAILURE_URL && !hops ? FAILURE_BAD_SETTINGS /* ours was looked at: it is the proxy's */
                                                                     : server_failure_of(failure),
                                &err);
        elsewhere = hops < HOPS_MAX ? another_place(server, &answer, a) : NULL;
        if (!elsewhere)
            break;
        call.url = elsewhere;
    }
    if (answer.status == 407)
        return failure_set(why, FAILURE_PROXY_AUTH,
                           "the proxy answers HTTP 407: it wants credentials; put user:password into net.proxy_credentials_file");
    note_date(server);
    return server_answer_read(&answer, a, ret, why);
}

int64_t server_clock_ahead_ms(const struct server *server) { return server->clock_ahead_ms; }

void server_note_skew(const struct server *server, struct notes *notes)
{
    enum { WORTH_A_NOTE_S = 120, WORTH_A_HINT_S = 300 };
    int64_t ahead_s = server ? server->clock_ahead_ms / 1000 : 0, off_s = ahead_s < 0 ? -ahead_s : ahead_s;

    if (off_s > WORTH_A_NOTE_S)
        notes_add(notes, FAILURE_CLOCK_SKEW, "this machine's clock is %lld s %s the server's%s", (long long)off_s,
                  ahead_s > 0 ? "behind" : "ahead of",
                  off_s > WORTH_A_HINT_S ? ": certificates may look expired or not yet valid (6408); set the clock" : "");
}
