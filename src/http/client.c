#define _GNU_SOURCE
#include "http/client.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include "http/client_failure.h"

enum { CONNECT_TIMEOUT_MS = 10 * 1000, TOTAL_TIMEOUT_MS = 120 * 1000, MAX_RESPONSE = 2 * 1024 * 1024, MAX_ANSWER_HEADERS = 128 };

struct http_client {
    CURL *curl;
    char *unix_socket, *ca_file, *proxy, *user_agent, *no_proxy;
    struct curl_blob ca_pem; /* data is ours */
    unsigned connect_timeout_ms, total_timeout_ms;
    size_t max_response;
    char error[CURL_ERROR_SIZE];
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_ready;

static void init_curl(void) { curl_ready = curl_global_init(CURL_GLOBAL_DEFAULT); }

/* ---- making one ---------------------------------------------------------------------------------------------------- */

/* NULL stays NULL; false: no memory. */
static bool copy_text(char **to, const char *text)
{
    *to = text ? strdup(text) : NULL;
    return !text || *to;
}

/* The environment's exceptions, and ours: loopback, link-local and the hosts' metadata addresses are never beyond a proxy. */
static bool make_no_proxy(struct http_client *client)
{
    const char *lower = getenv("no_proxy");
    const char *theirs = lower ? lower : getenv("NO_PROXY");

    return asprintf(&client->no_proxy, "%s%slocalhost,127.0.0.0/8,::1,169.254.0.0/16,fe80::/10,168.63.129.16", theirs ? theirs : "",
                    theirs && *theirs ? "," : "") >= 0;
}

static bool copy_config(struct http_client *client, const struct http_client_config *config)
{
    if (config->ca_pem.len > 0) {
        client->ca_pem = (struct curl_blob){ malloc(config->ca_pem.len), config->ca_pem.len, CURL_BLOB_NOCOPY };
        if (!client->ca_pem.data)
            return false;
        memcpy(client->ca_pem.data, config->ca_pem.data, config->ca_pem.len);
    }
    client->connect_timeout_ms = config->connect_timeout_ms ? config->connect_timeout_ms : CONNECT_TIMEOUT_MS;
    client->total_timeout_ms = config->total_timeout_ms ? config->total_timeout_ms : TOTAL_TIMEOUT_MS;
    client->max_response = config->max_response ? config->max_response : MAX_RESPONSE;
    return copy_text(&client->unix_socket, config->unix_socket) && copy_text(&client->ca_file, config->ca_file) &&
           copy_text(&client->proxy, config->proxy) &&
           copy_text(&client->user_agent, config->user_agent ? config->user_agent : "trueboot/" TRUEBOOT_VERSION) && make_no_proxy(client);
}

bool http_client_new(const struct http_client_config *config, struct http_client **ret, struct err *err)
{
    CLEANUP(http_client_free_at) struct http_client *client = calloc(1, sizeof *client);

    pthread_once(&curl_once, init_curl);
    if (!client || curl_ready != CURLE_OK || !copy_config(client, config) || !(client->curl = curl_easy_init()))
        return err_set(err, ERR_NO_MEMORY, "the HTTP client cannot be made: out of memory");
    *ret = TAKE(client);
    return true;
}

void http_client_free(struct http_client *client)
{
    if (!client)
        return;
    if (client->curl)
        curl_easy_cleanup(client->curl);
    free(client->unix_socket);
    free(client->ca_file);
    free(client->proxy);
    free(client->user_agent);
    free(client->no_proxy);
    free(client->ca_pem.data);
    free(client);
}

void http_client_free_at(struct http_client **client)
{
    http_client_free(*client);
    *client = NULL;
}

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

static bool set_client_options(struct http_client *client)
{
    struct options o = { client->curl, true };

    SET(&o, CURLOPT_ERRORBUFFER, client->error);
    SET(&o, CURLOPT_NOSIGNAL, 1L);
    SET(&o, CURLOPT_PROTOCOLS_STR, "http,https");
    SET(&o, CURLOPT_FOLLOWLOCATION, 0L);
    SET(&o, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(&o, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(&o, CURLOPT_CONNECTTIMEOUT_MS, (long)client->connect_timeout_ms);
    SET(&o, CURLOPT_TIMEOUT_MS, (long)client->total_timeout_ms);
    SET(&o, CURLOPT_USERAGENT, client->user_agent);
    SET(&o, CURLOPT_NOPROXY, client->no_proxy);
    if (client->unix_socket)
        SET(&o, CURLOPT_UNIX_SOCKET_PATH, client->unix_socket);
    if (client->proxy)
        SET(&o, CURLOPT_PROXY, client->proxy);
    if (client->ca_file)
        SET(&o, CURLOPT_CAINFO, client->ca_file);
    if (client->ca_pem.data) {
        SET(&o, CURLOPT_CAINFO_BLOB, &client->ca_pem);
        SET(&o, CURLOPT_CAPATH, NULL); /* instead of the system's, not beside them */
    }
    if (client->ca_file)
        SET(&o, CURLOPT_CAPATH, NULL);
    return o.ok;
}

static bool set_call_options(struct http_client *client, const struct http_call *call, const struct curl_slist *headers,
                             struct reply *reply)
{
    struct options o = { client->curl, true };
    bool sends = call->body.len > 0 || strcmp(call->method, "POST") == 0 || strcmp(call->method, "PUT") == 0;

    SET(&o, CURLOPT_URL, call->url);
    if (sends) {
        SET(&o, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
        SET(&o, CURLOPT_POSTFIELDS, call->body.data ? (const char *)call->body.data : "");
    }
    if (strcmp(call->method, "HEAD") == 0)
        SET(&o, CURLOPT_NOBODY, 1L);
    else
        SET(&o, CURLOPT_CUSTOMREQUEST, call->method);
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

static enum err_code failure_code(enum http_failure failure)
{
    switch (failure) {
    case HTTP_FAILURE_URL:
        return ERR_MALFORMED;
    case HTTP_FAILURE_TOO_LARGE:
        return ERR_LIMIT;
    case HTTP_FAILURE_CA_FILE:
        return ERR_IO;
    case HTTP_FAILURE_LOCAL:
        return ERR_NO_MEMORY;
    default:
        return ERR_UNREACHABLE;
    }
}

/* The URL without its query (tokens can be in there). */
static bool explain(const struct http_client *client, const struct http_call *call, CURLcode code, enum http_failure failure,
                    struct err *err)
{
    const char *detail = client->error[0] ? client->error : curl_easy_strerror(code);
    int len = (int)strcspn(call->url, "?");

    if (len > 100)
        len = 100;
    return err_set(err, failure_code(failure), "%.*s: %s (%.100s)", len, call->url, http_failure_meaning(failure), detail);
}

bool http_client_send(struct http_client *client, struct arena *a, const struct http_call *call, struct http_answer *ret,
                      enum http_failure *ret_failure, struct err *err)
{
    CLEANUP(reply_done) struct reply reply = { .arena = a, .body = { .limit = client->max_response } };
    CLEANUP(free_list) struct curl_slist *headers = NULL;
    enum http_failure failure;
    struct http_field *kept;
    struct bytes body;
    CURLcode code;
    long status = 0;

    client->error[0] = '\0';
    curl_easy_reset(client->curl); /* options go, connections stay */
    if (!make_headers(a, call, &headers) || !set_client_options(client) || !set_call_options(client, call, headers, &reply))
        return err_set(err, ERR_NO_MEMORY, "the request cannot be made: out of memory, or this libcurl lacks something");
    code = curl_easy_perform(client->curl);
    failure = client_failure(code, client->curl);
    if (ret_failure)
        *ret_failure = failure;
    if (failure != HTTP_FAILURE_NONE)
        return explain(client, call, code, failure, err);
    kept = ARENA_ARRAY(a, reply.n_headers + 1, struct http_field);
    if (reply.no_memory || !kept || !arena_copy(a, writer_bytes(&reply.body), &body))
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    memcpy(kept, reply.headers, reply.n_headers * sizeof *kept);
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    *ret = (struct http_answer){ (unsigned)status, { kept, reply.n_headers }, body };
    return true;
}

struct bytes http_answer_header(const struct http_answer *answer, const char *name)
{
    for (size_t i = 0; i < answer->headers.n; i++)
        if (answer->headers.items[i].name.len == strlen(name) &&
            strncasecmp((const char *)answer->headers.items[i].name.data, name, strlen(name)) == 0)
            return answer->headers.items[i].value;
    return BYTES_NONE;
}
