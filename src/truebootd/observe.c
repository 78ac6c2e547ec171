#include "truebootd/observe.h"
#include <stdio.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/utf8.h"
#include "crypto/digest.h"

enum { SHOWN_MAX = 512, NAMES_MAX = 64 };

/* A call by a person, or a person's program, that may change something. */
static bool is_change(const struct http_request *request)
{
    return request->route && request->route->role > HTTP_READER && strcmp(request->method, "GET") != 0;
}

/* ---- one record ------------------------------------------------------------------------------------------------------ */

static void put_shown(struct json_out *out, const char *name, struct bytes text)
{
    if (text.data)
        json_put_bytes(out, name, bytes_slice(text, 0, SHOWN_MAX));
    else
        json_put_null(out, name);
}

/* "AttestTpm", as the original names them; the permission that the call needs for everything else. */
static void operation_name(const struct http_request *request, char *out, size_t size)
{
    struct bytes type = http_param(request, "type");
    char permission[HTTP_PERMISSION_MAX] = "none";

    if (request->route)
        http_route_permission(request->route, permission);
    if (request->route && strstr(request->route->pattern, "/attest/") && type.len > 0 && type.len < 40)
        snprintf(out, size, "Attest%.*s", BYTES_FMT(type));
    else
        snprintf(out, size, "%s", permission);
}

static void put_resource(struct json_out *out, const struct http_request *request)
{
    struct bytes provider = http_param(request, "provider"), vm = http_param(request, "vm");
    char text[300] = "/";

    if (provider.data)
        snprintf(text, sizeof text, "/providers/%.*s", BYTES_FMT(bytes_slice(provider, 0, 256)));
    else if (vm.data)
        snprintf(text, sizeof text, "/vms/%.*s", BYTES_FMT(bytes_slice(vm, 0, 256)));
    json_put_string(out, "resourceId", text);
}

/* What came, without its values: names of headers, sizes. */
static void put_received(struct json_out *out, const struct http_request *request)
{
    struct bytes length = http_header(request, "Content-Length");

    json_begin_object(out, "infoDataReceived");
    json_begin_array(out, "Headers");
    for (size_t i = 0; i < request->headers.n && i < NAMES_MAX; i++)
        put_shown(out, NULL, bytes_slice(request->headers.items[i].name, 0, 64));
    json_end(out);
    json_put_integer(out, "HeaderCount", (int64_t)request->headers.n);
    put_shown(out, "ContentType", http_header(request, "Content-Type"));
    put_shown(out, "ContentLength", bytes_slice(length, 0, 20));
    json_put_integer(out, "CookieCount", (int64_t)http_header_count(request, "Cookie"));
    put_shown(out, "TraceParent", bytes_slice(http_header(request, "traceparent"), 0, 64));
    json_end(out);
}

static void put_properties(struct json_out *out, const struct http_request *request, const struct http_response *response)
{
    bool failed = response->status >= 400;
    struct bytes code = BYTES_NONE;
    struct digest body;

    for (size_t i = 0; i < response->n_headers; i++)
        if (bytes_equal_string(response->headers[i].name, "x-ms-error-code"))
            code = response->headers[i].value;
    json_begin_object(out, "properties");
    json_put_string(out, "requestId", request->id);
    put_shown(out, "clientRequestId", bytes_slice(http_header(request, "x-ms-client-request-id"), 0, 128));
    json_put_string(out, "method", request->method);
    json_put_string(out, "route", request->route ? request->route->pattern : NULL);
    if (is_change(request)) {
        json_put_boolean(out, "change", true);
        digest_compute(DIGEST_SHA256, request->body, &body);
        json_put_hex(out, "bodySha256", digest_bytes(&body)); /* which policy, which root */
    }
    json_put_null(out, "failureResourceId");
    put_shown(out, "failureCategory", failed ? code : BYTES_NONE);
    if (failed && response->error_text)
        put_shown(out, "failureDetails", bytes_of_string(response->error_text));
    else
        json_put_null(out, "failureDetails");
    put_received(out, request);
    json_end(out);
}

void observe_record(struct writer *w, const struct http_request *request, const struct http_response *response, int64_t duration_us,
                    int64_t now_ms, const char *location)
{
    struct writer object CLEANUP(writer_done) = { .limit = 32 * 1024 };
    struct json_out out = json_out_to(&object, JSON_COMPACT);
    bool processed = request->route || (response->status != 400 && response->status != 414 && response->status != 431);
    char operation[HTTP_PERMISSION_MAX + 48], status[12];
    struct bytes members;

    operation_name(request, operation, sizeof operation);
    snprintf(status, sizeof status, "%u", response->status);
    json_begin_object(&out, NULL);
    json_put_time(&out, "Time", now_ms);
    put_resource(&out, request);
    json_put_string(&out, "region", location);
    json_put_string(&out, "operationName", operation);
    json_put_string(&out, "category", processed ? "Operational" : "NotProcessed");
    json_put_string(&out, "resultType", response->status < 400 ? "Succeeded" : "Failed");
    json_put_string(&out, "resultSignature", status);
    json_put_integer(&out, "durationMs", (duration_us + 500) / 1000);
    json_put_string(&out, "callerIpAddress", request->peer.address);
    put_shown(&out, "traceContext", bytes_slice(http_header(request, "traceparent"), 0, 64));
    json_begin_object(&out, "identity");
    json_put_string(&out, "role", http_role_name(request->caller.role));
    json_put_string(&out, "subject", response->subject ? response->subject : request->caller.subject);
    json_end(&out);
    put_shown(&out, "uri", request->path); /* without the query */
    json_put_string(&out, "level", response->status >= 500 ? "Error" : response->status >= 400 ? "Warning" : "Informational");
    json_put_string(&out, "location", location);
    put_properties(&out, request, response);
    json_end(&out);
    members = bytes_slice(writer_bytes(&object), 1, object.len - 2);
    w->bad |= !writer_ok(&object);
    write_bytes(w, members);
}

/* ---- every request --------------------------------------------------------------------------------------------------- */

/* Said when it begins and when it ends, not for each request between. */
static void say_state(struct server *s, bool failing, const struct err *err)
{
    bool was = atomic_exchange(&s->audit_fails, failing);

    if (failing && !was)
        log_event(LOG_ERROR, "the audit log cannot be written: requests are answered, and those that are missing are counted", "error",
                  err->text, NULL);
    if (!failing && was)
        log_event(LOG_WARNING, "the audit log is written again", NULL);
}

static void audit_request(struct server *s, const struct http_request *request, const struct http_response *response, int64_t duration_us)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct err err = ERR_INIT;
    bool fine;

    observe_record(&w, request, response, duration_us, clock_now_ms(), s->location);
    fine = writer_ok(&w) ? audit_append(s->audit, writer_bytes(&w), is_change(request), &err)
                         : err_set(&err, ERR_NO_MEMORY, "no memory for a record");
    say_state(s, !fine, &err);
}

static void log_request(struct server *s, const struct http_request *request, const struct http_response *response, int64_t duration_us)
{
    char status[12], duration[24];

    if (response->warning)
        log_event(LOG_WARNING, response->warning, "id", request->id, NULL);
    if (!s->log_all && response->status < 400)
        return;
    snprintf(status, sizeof status, "%u", response->status);
    snprintf(duration, sizeof duration, "%lld", (long long)duration_us);
    log_event(response->status >= 500 ? LOG_ERROR : LOG_INFO, "request", "id", request->id, "method", request->method, "route",
              request->route ? request->route->pattern : NULL, "status", status, "us", duration, "peer", request->peer.address, "caller",
              request->caller.subject, "error", response->internal ? response->internal : response->error_text, NULL);
}

void observe_request(void *context, const struct http_request *request, const struct http_response *response, int64_t duration_us)
{
    struct server *s = context;

    instruments_request(s->instruments, request, response, duration_us);
    if (s->audit)
        audit_request(s, request, response, duration_us);
    log_request(s, request, response, duration_us);
}

bool observe_admit(void *context, const struct http_request *request, struct err *err)
{
    struct server *s = context;

    if (!s->audit || !s->refuse_unaudited || !is_change(request) || !audit_state(s->audit).failing)
        return true;
    return err_set(err, ERR_UNREACHABLE, "nothing may be changed while the audit log cannot be written; the server's log says why");
}
