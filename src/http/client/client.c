#define _GNU_SOURCE
#include "http/client/client.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include "base/base64.h"
#include "base/clock.h"
#include "base/hex.h"
#include "crypto/secret.h"
#include "http/client/date.h"
#include "http/client/internal.h"
#include "http/client/proxy.h"

enum {
    CONNECT_TIMEOUT_MS = 10 * 1000,
    TLS_TIMEOUT_MS = 10 * 1000,
    FIRST_BYTE_TIMEOUT_MS = 60 * 1000,
    TOTAL_TIMEOUT_MS = 120 * 1000,
    MAX_RESPONSE = 2 * 1024 * 1024,
    MAX_ANSWER_HEADERS = 128,
    PIN_LEN = 32,
    UPLOAD_LEAST = 16 * 1024, /* libcurl takes no less */
    UPLOAD_MOST = 64 * 1024,
    HEAD_ROOM = 4 * 1024, /* for a request's own head */
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_ready;

/* libcurl copies credentials and headers with tokens, keeps the proxy's as long as a connection, and does not wipe what it gives back: so what it
 * copies lies where secrets lie, as long as it is small, and everything is wiped for it. */
static void *malloc_guarded(size_t size)
{
    enum { SMALL = 256 };

    return size <= SMALL ? secret_alloc(size) : malloc(size);
}

static void free_wiped(void *p)
{
    if (p)
        secret_free(p, secret_size(p));
}

static void *realloc_wiped(void *p, size_t size)
{
    size_t had = p ? secret_size(p) : 0;
    void *moved;

    if (p && size <= had && size > had / 2)
        return p;
    moved = malloc_guarded(size);
    if (!moved)
        return NULL;
    if (p)
        memcpy(moved, p, had < size ? had : size);
    free_wiped(p);
    return moved;
}

static void init_curl(void)
{
    curl_ready = curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc_guarded, free_wiped, realloc_wiped, secret_text, calloc);
}

/* ---- making one ---------------------------------------------------------------------------------------------------- */

/* NULL stays NULL; false: no memory. */
static bool copy_text(char **to, const char *text)
{
    *to = text ? strdup(text) : NULL;
    return !text || *to;
}

static unsigned or_else(unsigned value, unsigned otherwise) { return value ? value : otherwise; }

static bool copy_config(struct http_client *client, const struct http_client_config *config)
{
    if (config->ca_pem.len > 0) {
        client->ca_pem = (struct curl_blob){ malloc(config->ca_pem.len), config->ca_pem.len, CURL_BLOB_NOCOPY };
        if (!client->ca_pem.data)
            return false;
        memcpy(client->ca_pem.data, config->ca_pem.data, config->ca_pem.len);
    }
    client->connect_timeout_ms = or_else(config->connect_timeout_ms, CONNECT_TIMEOUT_MS);
    client->tls_timeout_ms = or_else(config->tls_timeout_ms, TLS_TIMEOUT_MS);
    client->first_byte_timeout_ms = or_else(config->first_byte_timeout_ms, FIRST_BYTE_TIMEOUT_MS);
    client->total_timeout_ms = or_else(config->total_timeout_ms, TOTAL_TIMEOUT_MS);
    client->refuse_link_local = config->refuse_link_local;
    client->kept_seconds = config->kept_seconds;
    client->max_response = config->max_response ? config->max_response : MAX_RESPONSE;
    return copy_text(&client->unix_socket, config->unix_socket) && copy_text(&client->ca_file, config->ca_file) &&
           copy_text(&client->cert_file, config->cert_file) && copy_text(&client->key_file, config->key_file) &&
           copy_text(&client->proxy, config->proxy) && copy_text(&client->no_proxy, config->no_proxy) &&
           (!config->proxy_credentials || (client->proxy_credentials = secret_text(config->proxy_credentials))) &&
           copy_text(&client->user_agent, config->user_agent ? config->user_agent : "trueboot/" TRUEBOOT_VERSION);
}

/* One pin as libcurl wants it: "sha256//BASE64". */
static bool add_pin(struct bytes text, struct writer *w)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct bytes pin = BYTES_NONE;
    struct err ignored;
    char *again;

    if (bytes_starts_with(text, BYTES_LIT("sha256//")))
        text = bytes_slice(text, 8, text.len);
    if (!(text.len == 2 * PIN_LEN
              ? hex_decode(&a, text, &pin, &ignored)
              : base64_decode(&a, BASE64_STANDARD, text, &pin, &ignored) || base64_decode(&a, BASE64_URL, text, &pin, &ignored)) ||
        pin.len != PIN_LEN || !(again = base64_in(&a, BASE64_STANDARD, pin)))
        return false;
    write_printf(w, "%ssha256//%s", w->len ? ";" : "", again);
    return true;
}

static bool take_pins(struct http_client *client, const char *pins, struct err *err)
{
    struct writer w CLEANUP(writer_done) = { 0 };

    for (size_t len; pins && *(pins += strspn(pins, ", ;\t")); pins += len) {
        len = strcspn(pins, ", ;\t");
        if (!add_pin((struct bytes){ (const uint8_t *)pins, len }, &w))
            return err_set(err, ERR_MALFORMED, "a pin is the SHA-256 of a public key (64 hexadecimal digits, or base64), not \"%.*s\"",
                           len > 80 ? 80 : (int)len, pins);
    }
    client->pins = w.len ? writer_take_string(&w) : NULL;
    return true;
}

bool http_client_new(const struct http_client_config *config, struct http_client **ret, struct err *err)
{
    CLEANUP(http_client_free_at) struct http_client *client = calloc(1, sizeof *client);

    pthread_once(&curl_once, init_curl);
    if (!client || curl_ready != CURLE_OK || !copy_config(client, config) || !(client->curl = curl_easy_init()) ||
        !(client->multi = curl_multi_init()))
        return err_set(err, ERR_NO_MEMORY, "the HTTP client cannot be made: out of memory");
    if (!take_pins(client, config->pins, err))
        return false;
    for (size_t i = 0; i < CLIENT_SOCKETS_MAX; i++)
        client->sockets[i] = -1;
    client->trace.peer = &client->peer;
    *ret = TAKE(client);
    return true;
}

void http_client_free(struct http_client *client)
{
    if (!client)
        return;
    if (client->curl)
        curl_easy_cleanup(client->curl);
    if (client->multi)
        curl_multi_cleanup(client->multi);
    tls_peer_reset(&client->peer);
    free(client->unix_socket);
    free(client->ca_file);
    free(client->cert_file);
    free(client->key_file);
    free(client->proxy);
    free(client->no_proxy);
    secret_text_free(client->proxy_credentials);
    free(client->pins);
    free(client->user_agent);
    free(client->ca_pem.data);
    free(client);
}

const struct http_trace *http_client_trace(const struct http_client *client) { return &client->trace; }

/* ---- one call ------------------------------------------------------------------------------------------------------ */

struct reply {
    struct arena *arena;
    struct writer body;
    struct http_field headers[MAX_ANSWER_HEADERS];
    size_t n_headers;
    bool no_memory;
};

static void reply_done(struct reply *reply) { writer_done(&reply->body); }

static size_t take_reply_body(char *data, size_t size, size_t n, void *context)
{
    struct reply *reply = context;

    write_bytes(&reply->body, (struct bytes){ (const uint8_t *)data, size * n });
    return writer_ok(&reply->body) ? size * n : 0;
}

/* A status line begins the headers anew: those of "100 Continue" or of a proxy's CONNECT are not the answer's. */
static size_t take_reply_header(char *data, size_t size, size_t n, void *context)
{
    struct reply *reply = context;
    struct bytes line = { (const uint8_t *)data, size * n };
    size_t colon = bytes_find(line, BYTES_LIT(":"));
    struct http_field *field = &reply->headers[reply->n_headers];

    if (bytes_starts_with(line, BYTES_LIT("HTTP/"))) {
        reply->n_headers = 0;
        return line.len;
    }
    if (colon == SIZE_MAX || reply->n_headers == MAX_ANSWER_HEADERS)
        return line.len;
    reply->no_memory |= !arena_copy(reply->arena, bytes_slice(line, 0, colon), &field->name);
    reply->no_memory |= !arena_copy(reply->arena, bytes_trim(bytes_slice(line, colon + 1, SIZE_MAX)), &field->value);
    reply->n_headers++;
    return line.len;
}

struct options {
    CURL *curl;
    bool ok;
};

#define SET(options_, option_, value_) \
    ((options_)->ok = curl_easy_setopt((options_)->curl, (option_), (value_)) == CURLE_OK && (options_)->ok)

/* What libcurl gathers a request in is made and wiped for each: no larger than this one, so that it leaves in as few pieces as it can. */
static long upload_buffer_size(struct bytes body)
{
    return body.len < UPLOAD_LEAST - HEAD_ROOM  ? UPLOAD_LEAST
           : body.len < UPLOAD_MOST - HEAD_ROOM ? (long)body.len + HEAD_ROOM
                                                : UPLOAD_MOST;
}

/* All that one call sets, whatever the one before has set. */
static bool set_call_options(struct http_client *client, const struct http_call *call, const struct curl_slist *headers,
                             struct reply *reply)
{
    struct options o = { client->curl, true };
    bool sends = call->body.len > 0 || strcmp(call->method, "POST") == 0 || strcmp(call->method, "PUT") == 0;
    bool head = strcmp(call->method, "HEAD") == 0;

    SET(&o, CURLOPT_URL, call->url);
    SET(&o, CURLOPT_HTTPGET, 1L); /* neither a body nor the lack of one is left from before */
    SET(&o, CURLOPT_UPLOAD_BUFFERSIZE, upload_buffer_size(call->body));
    if (sends) {
        SET(&o, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
        SET(&o, CURLOPT_POSTFIELDS, call->body.data ? (const char *)call->body.data : "");
    }
    if (head)
        SET(&o, CURLOPT_NOBODY, 1L);
    SET(&o, CURLOPT_CUSTOMREQUEST, head ? NULL : call->method);
    SET(&o, CURLOPT_HTTPHEADER, headers);
    SET(&o, CURLOPT_WRITEFUNCTION, take_reply_body);
    SET(&o, CURLOPT_WRITEDATA, reply);
    SET(&o, CURLOPT_HEADERFUNCTION, take_reply_header);
    SET(&o, CURLOPT_HEADERDATA, reply);
    return o.ok;
}

static bool add_header(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = line ? curl_slist_append(*list, line) : NULL;

    if (longer)
        *list = longer;
    return longer != NULL;
}

static bool make_headers(struct arena *a, const struct http_call *call, struct curl_slist **list)
{
    bool ok = add_header(list, "Accept: application/json");

    if (call->body.len > 0)
        ok = ok && add_header(list, arena_printf(a, "Content-Type: %s", call->content_type ? call->content_type : "application/json"));
    else
        ok = ok && add_header(list, "Content-Type:"); /* or libcurl says it is a form */
    for (size_t i = 0; i < call->n_headers && ok; i++)
        ok = add_header(list, arena_printf(a, "%.*s: %.*s", BYTES_FMT(call->headers[i].name), BYTES_FMT(call->headers[i].value)));
    return ok;
}

static void free_list(struct curl_slist **list) { curl_slist_free_all(*list); }

static unsigned ms_of(CURL *curl, CURLINFO which)
{
    curl_off_t us = 0;

    return curl_easy_getinfo(curl, which, &us) == CURLE_OK && us > 0 ? (unsigned)(us / 1000) + 1 : 0;
}

static void take_trace(struct http_client *client, const struct reply *reply)
{
    struct http_trace *trace = &client->trace;
    const char *address = NULL;
    int64_t date_ms;
    long port = 0;

    if (curl_easy_getinfo(client->curl, CURLINFO_PRIMARY_IP, &address) == CURLE_OK && address)
        snprintf(trace->address, sizeof trace->address, "%s", address);
    if (curl_easy_getinfo(client->curl, CURLINFO_PRIMARY_PORT, &port) == CURLE_OK)
        trace->port = (unsigned)port;
    trace->resolved_ms = ms_of(client->curl, CURLINFO_NAMELOOKUP_TIME_T);
    trace->connected_ms = ms_of(client->curl, CURLINFO_CONNECT_TIME_T);
    trace->tls_ms = ms_of(client->curl, CURLINFO_APPCONNECT_TIME_T);
    trace->first_byte_ms = ms_of(client->curl, CURLINFO_STARTTRANSFER_TIME_T);
    trace->total_ms = ms_of(client->curl, CURLINFO_TOTAL_TIME_T);
    for (size_t i = 0; i < reply->n_headers; i++) {
        if (reply->headers[i].name.len == 4 && strncasecmp((const char *)reply->headers[i].name.data, "Date", 4) == 0 &&
            http_date_parse(reply->headers[i].value, &date_ms)) {
            trace->has_server_time = true;
            trace->server_ahead_ms = date_ms - clock_now_ms();
        }
    }
}

/* What a failure has us look at once more. */
static void look_again(struct http_client *client, const char *url, const char *proxy, struct transfer *t)
{
    long connect_code = 0;

    curl_easy_getinfo(client->curl, CURLINFO_HTTP_CONNECTCODE, &connect_code);
    if (!t->gave_up || client->unix_socket || t->phase == CLIENT_CONNECTING || (proxy && !connect_code))
        return;
    if (t->phase == CLIENT_SHAKING_HANDS || t->unacknowledged || t->gap)
        t->answers_small = client_answers_small(client, url, proxy);
}

static bool choose_proxy(struct http_client *client, const struct http_call *call, struct arena *a, const char **ret,
                         enum http_failure *ret_failure, struct err *err)
{
    struct proxy_settings settings = { .proxy = client->proxy, .no_proxy = client->no_proxy };

    *ret = NULL;
    if (client->unix_socket)
        return true;
    proxy_environment(&settings);
    if (!proxy_choose(&settings, call->url, a, ret, &client->trace.dropped_proxy_credentials, err)) {
        *ret_failure = HTTP_FAILURE_URL;
        return err_within(err, "%.*s", (int)strnlen(call->url, 100), call->url);
    }
    snprintf(client->trace.proxy, sizeof client->trace.proxy, "%s", *ret ? *ret : "");
    return true;
}

static bool prepare(struct http_client *client, const struct http_call *call, const char *proxy, const struct curl_slist *headers,
                    struct reply *reply)
{
    client->error[0] = '\0';
    if (!client->options_stay || proxy) {
        client->options_stay = false;
        curl_easy_reset(client->curl); /* options go, connections stay */
        if (!client_set_options(client, client->curl, proxy, &client->peer, false))
            return false;
        client->options_stay = !proxy;
    }
    return set_call_options(client, call, headers, reply);
}

/* What a call lent libcurl, or what it may have in its address, is taken back. A proxy's password goes with all other options. */
static void forget_call(struct http_client *client)
{
    struct options o = { client->curl, true };

    if (!client->options_stay) {
        curl_easy_reset(client->curl);
        return;
    }
    SET(&o, CURLOPT_URL, NULL);
    SET(&o, CURLOPT_POSTFIELDS, NULL);
    SET(&o, CURLOPT_HTTPHEADER, NULL);
    SET(&o, CURLOPT_WRITEDATA, NULL);
    SET(&o, CURLOPT_HEADERDATA, NULL);
    client->options_stay = o.ok;
}

static bool was_told_407(CURL *curl)
{
    long code = 0;

    return curl_easy_getinfo(curl, CURLINFO_HTTP_CONNECTCODE, &code) == CURLE_OK && code == 407;
}

static bool exchange(struct http_client *client, struct arena *a, const struct http_call *call, struct http_answer *ret,
                     enum http_failure *ret_failure, struct err *err)
{
    CLEANUP(reply_done) struct reply reply = { .arena = a, .body = { .limit = client->max_response } };
    CLEANUP(free_list) struct curl_slist *headers = NULL;
    enum http_failure ignored, *failure = ret_failure ? ret_failure : &ignored;
    struct http_field *kept;
    struct transfer t;
    const char *proxy;
    struct bytes body;
    long status = 0;

    client->trace = (struct http_trace){ .peer = &client->peer };
    client->met_link_local = false;
    *failure = HTTP_FAILURE_LOCAL;
    if (!http_call_check(call, err) || !choose_proxy(client, call, a, &proxy, failure, err))
        return false;
    if (!client_follow_trust(client, clock_now_ms()) || !make_headers(a, call, &headers) || !prepare(client, call, proxy, headers, &reply))
        return err_set(err, ERR_NO_MEMORY, "the request cannot be made: out of memory, or this libcurl lacks something");
    client_transfer(client, client->curl, &t);
    /* Of a request that was not even acknowledged nothing has been done: a new connection may find its way, or fail by what is wrong with the way. */
    if (t.stale) {
        if (!prepare(client, call, proxy, headers, &reply) || curl_easy_setopt(client->curl, CURLOPT_FRESH_CONNECT, 1L) != CURLE_OK)
            return err_set(err, ERR_NO_MEMORY, "out of memory");
        client->options_stay = false;
        client_transfer(client, client->curl, &t);
    }
    /* The chain of the session that was resumed does not hold today: perhaps that of the server's new certificate does. */
    if (t.code == CURLE_PEER_FAILED_VERIFICATION && client->peer.resumed) {
        if (!client_forget_sessions(client) || !prepare(client, call, proxy, headers, &reply))
            return err_set(err, ERR_NO_MEMORY, "out of memory");
        client_transfer(client, client->curl, &t);
    }
    /* A proxy may hang up after its 407, before the answer that it asked for could go the same way: the answer comes first then. */
    if (t.code != CURLE_OK && proxy && client->proxy_credentials && was_told_407(client->curl)) {
        if (!prepare(client, call, proxy, headers, &reply) ||
            curl_easy_setopt(client->curl, CURLOPT_PROXYAUTH, (long)CURLAUTH_BASIC) != CURLE_OK)
            return err_set(err, ERR_NO_MEMORY, "out of memory");
        client_transfer(client, client->curl, &t);
    }
    take_trace(client, &reply);
    look_again(client, call->url, proxy, &t);
    *failure = client->trace.failure = client_failure(&t, client->curl, &client->peer, proxy != NULL);
    if (*failure == HTTP_FAILURE_TLS_TIME && client_ask_time(client, call->url, proxy, &client->trace.server_ahead_ms)) {
        client->trace.has_server_time = true;
        client->trace.server_ahead_ms -= clock_now_ms();
    }
    if (*failure != HTTP_FAILURE_NONE && client->met_link_local)
        return err_set(err, ERR_UNREACHABLE, "%.100s leads to a link-local address, where nothing is asked", call->url);
    if (*failure != HTTP_FAILURE_NONE) {
        client_explain(client, call->url, &t, err);
        return false;
    }
    kept = ARENA_ARRAY(a, reply.n_headers + 1, struct http_field);
    if (reply.no_memory || !kept || !arena_copy(a, writer_bytes(&reply.body), &body))
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    memcpy(kept, reply.headers, reply.n_headers * sizeof *kept);
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    *ret = (struct http_answer){ (unsigned)status, { kept, reply.n_headers }, body };
    return true;
}

bool http_client_send(struct http_client *client, struct arena *a, const struct http_call *call, struct http_answer *ret,
                      enum http_failure *ret_failure, struct err *err)
{
    bool done = exchange(client, a, call, ret, ret_failure, err);

    forget_call(client);
    return done;
}
