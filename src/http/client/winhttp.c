/* http/client/client.h over WinHTTP. What the libcurl client knows from the kernel's view of its socket (MTU, a filter that reads the first record) is
 * not to be had here: those end as TIMEOUT and TLS_PROTO. */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include "base/base64.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/writer.h"
#include "http/client/date.h"
#include "http/client/proxy.h"
#include "http/client/winhttp_internal.h"
#include "x509/cert.h"
#include "x509/name.h"

enum {
    CONNECT_TIMEOUT_MS = 10 * 1000,
    TLS_TIMEOUT_MS = 10 * 1000,
    FIRST_BYTE_TIMEOUT_MS = 60 * 1000,
    TOTAL_TIMEOUT_MS = 120 * 1000,
    MAX_RESPONSE = 2 * 1024 * 1024,
    MAX_ANSWER_HEADERS = 128,
    ROOTS_MAX = 512,
    BUNDLE_MAX = 4 * 1024 * 1024,
    CHUNK = 16 * 1024,
};

/* ---- making one ------------------------------------------------------------------------------------------------------ */

static wchar_t *wide(struct arena *a, struct bytes text)
{
    int n = text.len && text.len < INT32_MAX ? MultiByteToWideChar(CP_UTF8, 0, (const char *)text.data, (int)text.len, NULL, 0) : 0;
    wchar_t *out = arena_array(a, (size_t)n + 1, sizeof *out);

    if (!out)
        return NULL;
    if (n > 0)
        MultiByteToWideChar(CP_UTF8, 0, (const char *)text.data, (int)text.len, out, n);
    out[n] = L'\0';
    return out;
}

static bool copy_text(char **to, const char *text)
{
    *to = text ? strdup(text) : NULL;
    return !text || *to;
}

static unsigned or_else(unsigned value, unsigned otherwise) { return value ? value : otherwise; }

static bool take_roots(struct http_client *client, struct bytes bundle, struct err *err)
{
    struct cert **certs = calloc(ROOTS_MAX, sizeof *certs);
    struct trust_entry *entries = calloc(ROOTS_MAX, sizeof *entries);
    size_t n = 0;
    bool taken = certs && entries;

    if (!taken)
        taken = err_set(err, ERR_NO_MEMORY, "no memory for CA certificates");
    else if (!cert_parse_bundle(bundle, certs, ROOTS_MAX, &n, err))
        taken = false;
    for (size_t i = 0; taken && i < n; i++)
        entries[i] = (struct trust_entry){ certs[i]->is_ca ? TRUST_CA : TRUST_LEAF, certs[i] };
    taken = taken && trust_store_new(entries, n, &client->roots, err);
    for (size_t i = 0; i < n; i++)
        cert_free(certs[i]);
    free(certs);
    free(entries);
    return taken;
}

static bool take_ca(struct http_client *client, const struct http_client_config *config, struct err *err)
{
    struct bytes content CLEANUP(file_free) = BYTES_NONE;

    if (config->ca_file && !file_read(config->ca_file, BUNDLE_MAX, &content, err))
        return false;
    if (config->ca_file)
        return take_roots(client, content, err) || err_within(err, "%s", config->ca_file);
    return config->ca_pem.len == 0 || take_roots(client, config->ca_pem, err);
}

static bool take_pins(struct http_client *client, const char *pins, struct err *err)
{
    for (size_t len; pins && *(pins += strspn(pins, ", ;\t")); pins += len) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct bytes text, pin = BYTES_NONE;
        uint8_t(*more)[32];
        struct err ignored;

        len = strcspn(pins, ", ;\t");
        text = (struct bytes){ (const uint8_t *)pins, len };
        if (bytes_starts_with(text, BYTES_LIT("sha256//")))
            text = bytes_slice(text, 8, text.len);
        if (!(text.len == 64
                  ? hex_decode(&a, text, &pin, &ignored)
                  : base64_decode(&a, BASE64_STANDARD, text, &pin, &ignored) || base64_decode(&a, BASE64_URL, text, &pin, &ignored)) ||
            pin.len != sizeof *client->pins)
            return err_set(err, ERR_MALFORMED, "a pin is the SHA-256 of a public key (64 hexadecimal digits, or base64), not \"%.*s\"",
                           len > 80 ? 80 : (int)len, pins);
        more = realloc(client->pins, (client->n_pins + 1) * sizeof *client->pins);
        if (!more)
            return err_set(err, ERR_NO_MEMORY, "no memory for pins");
        client->pins = more;
        memcpy(client->pins[client->n_pins++], pin.data, pin.len);
    }
    return true;
}

/* A session has one proxy, or none. TLS 1.2 at least. NULL: Windows says why. */
static HINTERNET open_session(struct arena *a, const char *user_agent, const char *proxy)
{
    DWORD protocols = WINHTTP_FLAG_SECURE_PROTOCOL_TLS1_2 | WINHTTP_FLAG_SECURE_PROTOCOL_TLS1_3;
    wchar_t *agent = wide(a, bytes_of_string(user_agent));
    wchar_t *named = proxy ? wide(a, bytes_of_string(proxy + strlen("http://"))) : WINHTTP_NO_PROXY_NAME;
    HINTERNET session = agent && (named || !proxy)
                            ? WinHttpOpen(agent, proxy ? WINHTTP_ACCESS_TYPE_NAMED_PROXY : WINHTTP_ACCESS_TYPE_NO_PROXY, named,
                                          WINHTTP_NO_PROXY_BYPASS, WINHTTP_FLAG_ASYNC)
                            : NULL;

    if (!session)
        return NULL;
    if (!WinHttpSetOption(session, WINHTTP_OPTION_SECURE_PROTOCOLS, &protocols, sizeof protocols))
        protocols = WINHTTP_FLAG_SECURE_PROTOCOL_TLS1_2; /* before Windows 11 */
    if (WinHttpSetOption(session, WINHTTP_OPTION_SECURE_PROTOCOLS, &protocols, sizeof protocols) &&
        WinHttpSetStatusCallback(session, exchange_callback, WINHTTP_CALLBACK_FLAG_ALL_NOTIFICATIONS, 0) != WINHTTP_INVALID_STATUS_CALLBACK)
        return session;
    WinHttpCloseHandle(session);
    return NULL;
}

/* The session for `proxy` (NULL: none): the one that is open, or another in its place. */
static bool choose_session(struct http_client *client, struct arena *a, const char *proxy)
{
    if (client->session && strcmp(client->session_proxy, proxy ? proxy : "") == 0)
        return true;
    if (client->session)
        WinHttpCloseHandle(client->session);
    client->session = open_session(a, client->user_agent, proxy);
    snprintf(client->session_proxy, sizeof client->session_proxy, "%s", proxy ? proxy : "");
    return client->session != NULL;
}

bool http_client_new(const struct http_client_config *config, struct http_client **ret, struct err *err)
{
    CLEANUP(http_client_free_at) struct http_client *client = calloc(1, sizeof *client);

    if (!client)
        return err_set(err, ERR_NO_MEMORY, "the HTTP client cannot be made: out of memory");
    if (config->unix_socket)
        return err_set(err, ERR_UNSUPPORTED, "there are no local sockets on Windows");
    if (config->cert_file || config->key_file)
        return err_set(err, ERR_UNSUPPORTED, "certificates of our own are not shown on Windows yet");
    client->connect_timeout_ms = or_else(config->connect_timeout_ms, CONNECT_TIMEOUT_MS);
    client->tls_timeout_ms = or_else(config->tls_timeout_ms, TLS_TIMEOUT_MS);
    client->first_byte_timeout_ms = or_else(config->first_byte_timeout_ms, FIRST_BYTE_TIMEOUT_MS);
    client->total_timeout_ms = or_else(config->total_timeout_ms, TOTAL_TIMEOUT_MS);
    client->max_response = config->max_response ? config->max_response : MAX_RESPONSE;
    client->trace.peer = &client->peer;
    if (!copy_text(&client->proxy, config->proxy) || !copy_text(&client->no_proxy, config->no_proxy) ||
        !copy_text(&client->proxy_credentials, config->proxy_credentials) ||
        !copy_text(&client->user_agent, config->user_agent ? config->user_agent : "trueboot/" TRUEBOOT_VERSION))
        return err_set(err, ERR_NO_MEMORY, "the HTTP client cannot be made: out of memory");
    if (!take_ca(client, config, err) || !take_pins(client, config->pins, err))
        return false;
    *ret = TAKE(client);
    return true;
}

void http_client_free(struct http_client *client)
{
    if (!client)
        return;
    if (client->session)
        WinHttpCloseHandle(client->session);
    tls_peer_reset(&client->peer);
    trust_store_free(client->roots);
    free(client->pins);
    free(client->proxy);
    free(client->no_proxy);
    free(client->user_agent);
    if (client->proxy_credentials)
        wipe(client->proxy_credentials, strlen(client->proxy_credentials));
    free(client->proxy_credentials);
    free(client);
}

const struct http_trace *http_client_trace(const struct http_client *client) { return &client->trace; }

/* ---- one call -------------------------------------------------------------------------------------------------------- */

static bool choose_proxy(struct http_client *client, const char *url, struct arena *a, const char **ret, struct err *err)
{
    struct proxy_settings settings = { .proxy = client->proxy, .no_proxy = client->no_proxy };

    proxy_environment(&settings);
    if (!proxy_choose(&settings, url, a, ret, &client->trace.dropped_proxy_credentials, err))
        return err_within(err, "%.*s", (int)strnlen(url, 100), url);
    snprintf(client->trace.proxy, sizeof client->trace.proxy, "%s", *ret ? *ret : "");
    return true;
}

static bool set_proxy_credentials(const struct http_client *client, struct arena *a, HINTERNET request)
{
    const char *colon = client->proxy_credentials ? strchr(client->proxy_credentials, ':') : NULL;
    wchar_t *user, *password;

    if (!colon)
        return true;
    user = wide(a, (struct bytes){ (const uint8_t *)client->proxy_credentials, (size_t)(colon - client->proxy_credentials) });
    password = wide(a, bytes_of_string(colon + 1));
    return user && password && WinHttpSetCredentials(request, WINHTTP_AUTH_TARGET_PROXY, WINHTTP_AUTH_SCHEME_BASIC, user, password, NULL);
}

static bool add_header(struct arena *a, HINTERNET request, struct bytes name, struct bytes value)
{
    const char *line = arena_printf(a, "%.*s: %.*s", BYTES_FMT(name), BYTES_FMT(value));
    wchar_t *text = line ? wide(a, bytes_of_string(line)) : NULL;

    return text && WinHttpAddRequestHeaders(request, text, (DWORD)-1, WINHTTP_ADDREQ_FLAG_ADD);
}

static bool add_headers(struct arena *a, HINTERNET request, const struct http_call *call)
{
    bool ok = add_header(a, request, BYTES_LIT("Accept"), BYTES_LIT("application/json"));

    if (call->body.len)
        ok = ok && add_header(a, request, BYTES_LIT("Content-Type"),
                              bytes_of_string(call->content_type ? call->content_type : "application/json"));
    for (size_t i = 0; i < call->n_headers && ok; i++)
        ok = add_header(a, request, call->headers[i].name, call->headers[i].value);
    return ok;
}

static bool set_options(struct exchange *x, struct arena *a, const char *proxy)
{
    DWORD never = WINHTTP_OPTION_REDIRECT_POLICY_NEVER, without = WINHTTP_DISABLE_COOKIES | WINHTTP_DISABLE_REDIRECTS;
    DWORD unknown_ca = SECURITY_FLAG_IGNORE_UNKNOWN_CA; /* judged by ourselves, before anything is sent: winhttp_exchange.c */

    return WinHttpSetOption(x->request, WINHTTP_OPTION_REDIRECT_POLICY, &never, sizeof never) &&
           WinHttpSetOption(x->request, WINHTTP_OPTION_DISABLE_FEATURE, &without, sizeof without) &&
           (!x->secure || !x->own_roots || WinHttpSetOption(x->request, WINHTTP_OPTION_SECURITY_FLAGS, &unknown_ca, sizeof unknown_ca)) &&
           (!proxy || set_proxy_credentials(x->client, a, x->request));
}

static bool open_request(struct exchange *x, struct arena *a, const struct http_call *call, const struct url_parts *url, const char *proxy,
                         HINTERNET *ret_connection)
{
    DWORD_PTR context = (DWORD_PTR)x;
    wchar_t *host = wide(a, url->host), *path = wide(a, url->path.len ? url->path : BYTES_LIT("/"));
    wchar_t *method = wide(a, bytes_of_string(call->method));

    if (!host || !path || !method || !choose_session(x->client, a, proxy))
        return false;
    *ret_connection = WinHttpConnect(x->client->session, host, (INTERNET_PORT)url->port, 0);
    x->request = *ret_connection ? WinHttpOpenRequest(*ret_connection, method, path, NULL, WINHTTP_NO_REFERER, WINHTTP_DEFAULT_ACCEPT_TYPES,
                                                      WINHTTP_FLAG_ESCAPE_DISABLE | (url->https ? WINHTTP_FLAG_SECURE : 0))
                                 : NULL;
    return x->request && WinHttpSetOption(x->request, WINHTTP_OPTION_CONTEXT_VALUE, &context, sizeof context) && set_options(x, a, proxy) &&
           add_headers(a, x->request, call);
}

/* The status line and the headers, as one text. */
static bool read_headers(HINTERNET request, struct arena *a, struct http_fields *ret)
{
    struct http_field *fields = ARENA_ARRAY(a, MAX_ANSWER_HEADERS, struct http_field);
    DWORD size = 0;
    wchar_t *raw;
    char *text;
    struct bytes rest;
    int n;

    WinHttpQueryHeaders(request, WINHTTP_QUERY_RAW_HEADERS_CRLF, WINHTTP_HEADER_NAME_BY_INDEX, NULL, &size, WINHTTP_NO_HEADER_INDEX);
    raw = size && size < CHUNK * 4 ? arena_alloc(a, size + sizeof *raw) : NULL;
    if (!fields || !raw ||
        !WinHttpQueryHeaders(request, WINHTTP_QUERY_RAW_HEADERS_CRLF, WINHTTP_HEADER_NAME_BY_INDEX, raw, &size, WINHTTP_NO_HEADER_INDEX))
        return false;
    n = WideCharToMultiByte(CP_UTF8, 0, raw, -1, NULL, 0, NULL, NULL);
    text = n > 0 ? arena_alloc(a, (size_t)n) : NULL;
    if (!text || WideCharToMultiByte(CP_UTF8, 0, raw, -1, text, n, NULL, NULL) <= 0)
        return false;
    *ret = (struct http_fields){ fields, 0 };
    for (rest = bytes_of_string(text); rest.len && ret->n < MAX_ANSWER_HEADERS;) {
        size_t end = bytes_find(rest, BYTES_LIT("\r\n"));
        struct bytes line = bytes_slice(rest, 0, end);
        size_t colon = bytes_find(line, BYTES_LIT(":"));

        if (colon != SIZE_MAX && !bytes_starts_with(line, BYTES_LIT("HTTP/")))
            fields[ret->n++] = (struct http_field){ bytes_slice(line, 0, colon), bytes_trim(bytes_slice(line, colon + 1, line.len)) };
        rest = end == SIZE_MAX ? BYTES_NONE : bytes_slice(rest, end + 2, rest.len);
    }
    return true;
}

static bool read_body(struct exchange *x, struct writer *body)
{
    uint8_t chunk[CHUNK]; /* WinHTTP writes into it until READ_COMPLETE or the handle is closed, which exchange_close waits for */

    do {
        x->available = 0;
        if (!WinHttpReadData(x->request, chunk, sizeof chunk, NULL)) {
            x->error = GetLastError();
            return false;
        }
        if (!exchange_wait(x)) {
            exchange_close(x);
            return false;
        }
        write_bytes(body, (struct bytes){ chunk, x->available });
    } while (x->available && writer_ok(body));
    return true;
}

static bool begin(struct exchange *x, BOOL begun)
{
    if (!begun && !x->error)
        x->error = GetLastError();
    return begun && exchange_wait(x);
}

static bool carry_out(struct exchange *x, struct arena *a, const struct http_call *call, struct writer *body, struct http_answer *ret)
{
    DWORD status = 0, size = sizeof status;

    if (!begin(x, WinHttpSendRequest(x->request, WINHTTP_NO_ADDITIONAL_HEADERS, 0, (void *)(uintptr_t)call->body.data,
                                     (DWORD)call->body.len, (DWORD)call->body.len, (DWORD_PTR)x)) ||
        !begin(x, WinHttpReceiveResponse(x->request, NULL)) || !read_body(x, body))
        return false;
    if (!WinHttpQueryHeaders(x->request, WINHTTP_QUERY_STATUS_CODE | WINHTTP_QUERY_FLAG_NUMBER, WINHTTP_HEADER_NAME_BY_INDEX, &status,
                             &size, WINHTTP_NO_HEADER_INDEX) ||
        !read_headers(x->request, a, &ret->headers)) {
        x->error = GetLastError();
        return false;
    }
    ret->status = status;
    return true;
}

static void take_date(struct http_trace *trace, const struct http_answer *answer)
{
    int64_t date_ms;

    if (http_date_parse(http_answer_header(answer, "Date"), &date_ms)) {
        trace->has_server_time = true;
        trace->server_ahead_ms = date_ms - clock_now_ms();
    }
}

/* ---- explaining ------------------------------------------------------------------------------------------------------ */

static const char *issuer_of(const struct tls_peer *peer, struct arena *a)
{
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct err ignored;
    const char *text = peer->n_chain && cert_parse(peer->chain[peer->n_chain - 1], &cert, &ignored) ? name_text(a, cert->issuer) : NULL;

    return text && *text ? text : "somebody unknown";
}

static void explain(const struct http_client *client, const struct exchange *x, const char *url, struct err *err)
{
    enum http_failure failure = client->trace.failure;
    enum err_code code = failure == HTTP_FAILURE_URL         ? ERR_MALFORMED
                         : failure == HTTP_FAILURE_TOO_LARGE ? ERR_LIMIT
                         : failure == HTTP_FAILURE_LOCAL     ? ERR_NO_MEMORY
                                                             : ERR_UNREACHABLE;
    struct arena a CLEANUP(arena_done) = { 0 };
    int shown = (int)(strcspn(url, "?") > 80 ? 80 : strcspn(url, "?"));

    if (failure == HTTP_FAILURE_TLS_UNTRUSTED && client->peer.n_chain)
        err_record(err, code, "%.*s: %s (issued by \"%.80s\"%s%.100s)", shown, url, http_failure_meaning(failure),
                   issuer_of(&client->peer, &a), x->refused ? "; " : "", x->refused ? x->why.text : "");
    else
        err_record(err, code, "%.*s: %s (Windows error %lu)", shown, url, http_failure_meaning(failure), (unsigned long)x->error);
}

static enum http_failure judge_answer(const struct http_answer *answer, const struct writer *body, const char *proxy)
{
    if (!writer_ok(body))
        return HTTP_FAILURE_TOO_LARGE;
    if (proxy && answer->status == 407)
        return HTTP_FAILURE_PROXY_AUTH;
    return HTTP_FAILURE_NONE;
}

static void exchange_done(struct exchange *x)
{
    exchange_close(x);
    CloseHandle(x->happened);
    CloseHandle(x->closed);
}

bool http_client_send(struct http_client *client, struct arena *a, const struct http_call *call, struct http_answer *ret,
                      enum http_failure *ret_failure, struct err *err)
{
    struct writer body CLEANUP(writer_done) = { .limit = client->max_response };
    enum http_failure ignored, *failure = ret_failure ? ret_failure : &ignored;
    struct exchange x = { .client = client, .why = ERR_INIT, .own_roots = client->roots != NULL, .began_ms = clock_monotonic_ms() };
    struct http_answer answer = { 0 };
    HINTERNET connection = NULL;
    const char *proxy = NULL;
    struct url_parts url;
    bool opened, done;

    client->trace = (struct http_trace){ .peer = &client->peer };
    client->peer.seen = false;
    *failure = HTTP_FAILURE_LOCAL;
    if (!http_call_check(call, err))
        return false;
    *failure = HTTP_FAILURE_URL;
    if (!url_split(call->url, &url))
        return err_set(err, ERR_MALFORMED, "%.100s: %s", call->url, http_failure_meaning(HTTP_FAILURE_URL));
    if (!choose_proxy(client, call->url, a, &proxy, err))
        return false;
    *failure = HTTP_FAILURE_LOCAL;
    x.secure = url.https;
    x.happened = CreateEventW(NULL, FALSE, FALSE, NULL);
    x.closed = CreateEventW(NULL, TRUE, FALSE, NULL);
    opened = x.happened && x.closed && open_request(&x, a, call, &url, proxy, &connection);
    if (!opened && !x.error)
        x.error = GetLastError();
    done = opened && carry_out(&x, a, call, &body, &answer);
    client->trace.port = url.port;
    client->trace.total_ms = (unsigned)(clock_monotonic_ms() - x.began_ms) + 1;
    *failure = client->trace.failure = done ? judge_answer(&answer, &body, proxy) : exchange_failure(&x, proxy != NULL);
    if (!x.request && !opened)
        SetEvent(x.closed); /* there was nothing to close */
    exchange_done(&x);
    if (connection)
        WinHttpCloseHandle(connection);
    if (*failure != HTTP_FAILURE_NONE || !done) {
        explain(client, &x, call->url, err);
        return false;
    }
    take_date(&client->trace, &answer);
    if (!arena_copy(a, writer_bytes(&body), &answer.body))
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    *ret = answer;
    return true;
}
