#include "truebootd/probes.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/file.h"
#include "store/statistics.h"
#include "x509/cert.h"
#include "truebootd/audit_api.h"
#include "truebootd/tls.h"

#define DAY_MS (24 * 60 * 60 * INT64_C(1000))
enum { KEY_FILE_MAX = 64 * 1024, STATUS_MAX = 4096 };

/* ---- /healthz -------------------------------------------------------------------------------------------------------- */

/* 200 when requests can be answered, 503 with what is wrong, in words that say nothing internal. */
static bool get_ready(void *context, const struct http_request *request UNUSED, struct http_response *response, struct err *err UNUSED)
{
    struct server *s = context;
    struct err why = ERR_INIT;
    int64_t n;
    bool store = store_vm_count(s->store, &n, &why), audit = !s->audit || !audit_state(s->audit).failing;
    /* A lost audit record is a reason to look, not to send guests elsewhere; unless changes are refused for it. */
    bool ready = store && (audit || !s->refuse_unaudited);
    struct json_out out = http_response_json(response, ready ? 200 : 503);

    if (!ready)
        http_response_header(response, "Retry-After", "30");
    json_begin_object(&out, NULL);
    json_put_boolean(&out, "ready", ready);
    json_begin_array(&out, "reasons");
    if (!store)
        json_put_string(&out, NULL, "the database cannot be read");
    if (!audit)
        json_put_string(&out, NULL, "the audit log cannot be written");
    json_end(&out);
    json_end(&out);
    response->internal = store ? NULL : arena_string(request->arena, bytes_of_string(why.text));
    return true;
}

/* ---- /metrics -------------------------------------------------------------------------------------------------------- */

static void gauge(struct writer *w, const char *name, const char *help, double value)
{
    metrics_print_head(w, name, "gauge", help);
    metrics_print_value(w, name, "", value);
}

static void counter(struct writer *w, const char *name, const char *help, double value)
{
    metrics_print_head(w, name, "counter", help);
    metrics_print_value(w, name, "", value);
}

static void print_network(const struct server *s, struct writer *w)
{
    struct http_server_stats stats = { 0 };

    if (s->http) /* requests come before the call that starts the server has returned */
        stats = http_server_stats(s->http);

    gauge(w, "trueboot_http_connections", "Connections open now.", (double)stats.connections_open);
    counter(w, "trueboot_http_connections_made_total", "Connections taken.", (double)stats.connections_made);
    gauge(w, "trueboot_http_connections_kept", "Connections of agents that wait for the next heartbeat.", (double)stats.connections_kept);
    counter(w, "trueboot_http_connections_refused_total", "Connections refused for their number.", (double)stats.connections_refused);
    counter(w, "trueboot_http_deadlines_total", "Connections cut because a request did not arrive in time.", (double)stats.deadlines_hit);
    counter(w, "trueboot_http_late_total", "Requests answered 503 because their answer took too long.", (double)stats.late);
    metrics_print_head(w, "trueboot_rate_limited_total", "counter", "Calls answered 429, by the budget that was empty.");
    metrics_print_value(w, "trueboot_rate_limited_total", "budget=\"address\"", (double)rate_limiter_refused(s->per_address));
    metrics_print_value(w, "trueboot_rate_limited_total", "budget=\"address_costly\"", (double)rate_limiter_refused(s->per_address_costly));
    metrics_print_value(w, "trueboot_rate_limited_total", "budget=\"vm\"", (double)rate_limiter_refused(s->per_vm));
}

static void print_store(struct server *s, struct writer *w)
{
    static const char *const kinds[] = { "kind=\"read\"", "kind=\"write\"" };
    struct store_statistics st;
    struct err ignored = ERR_INIT;
    int64_t vms = 0;
    bool up = store_vm_count(s->store, &vms, &ignored);

    gauge(w, "trueboot_store_up", "1 while the database answers.", up);
    gauge(w, "trueboot_vms", "VMs in the inventory.", (double)vms);
    store_statistics(&st);
    metrics_print_head(w, "trueboot_store_statements_total", "counter", "Statements run, by kind.");
    for (int k = 0; k < 2; k++)
        metrics_print_value(w, "trueboot_store_statements_total", kinds[k], (double)st.statements[k]);
    metrics_print_head(w, "trueboot_store_seconds_total", "counter", "Time in statements, by kind; with the count it gives the latency.");
    for (int k = 0; k < 2; k++)
        metrics_print_value(w, "trueboot_store_seconds_total", kinds[k], (double)st.microseconds[k] / 1e6);
    metrics_print_head(w, "trueboot_store_errors_total", "counter",
                       "Statements that the database refused (full, damaged, locked), by kind.");
    for (int k = 0; k < 2; k++)
        metrics_print_value(w, "trueboot_store_errors_total", kinds[k], (double)st.errors[k]);
}

static void print_audit(struct server *s, struct writer *w)
{
    struct audit_state state;

    if (!s->audit)
        return;
    state = audit_state(s->audit);
    counter(w, "trueboot_audit_records_total", "Records written to the audit log since the server started.", (double)state.written);
    counter(w, "trueboot_audit_lost_total", "Records that could not be written.", (double)state.lost);
    gauge(w, "trueboot_audit_failing", "1 while the audit log cannot be written.", state.failing);
}

static void print_oidc(struct server *s, struct writer *w)
{
    struct oidc_state state;

    if (!s->oidc)
        return;
    state = oidc_state(s->oidc);
    metrics_print_head(w, "trueboot_oidc_fetches_total", "counter", "Fetches of the keys of the tokens' issuer, by result.");
    metrics_print_value(w, "trueboot_oidc_fetches_total", "result=\"ok\"", (double)state.fetched);
    metrics_print_value(w, "trueboot_oidc_fetches_total", "result=\"failed\"", (double)state.failed);
    gauge(w, "trueboot_oidc_keys", "Keys of the tokens' issuer that can be used.", (double)state.n_keys);
    gauge(w, "trueboot_oidc_keys_age_seconds", "Since they were fetched; -1: never.", state.age_ms < 0 ? -1 : (double)state.age_ms / 1000);
}

/* Each certificate of the server's own keys, by its file's name (attack-suite.md S13). */
static void print_certificate(struct writer *w, struct arena *a, const char *folder, const char *file)
{
    const char *path = arena_printf(a, "%s/%s", folder, file), *label;
    struct cert *certs[LIMIT_CHAIN_CERTS];
    struct bytes pem;
    struct err ignored = ERR_INIT;
    size_t n;

    if (!path || !file_read_in(a, path, KEY_FILE_MAX, &pem, &ignored) || !cert_parse_bundle(pem, certs, LIMIT_CHAIN_CERTS, &n, &ignored))
        return;
    label = arena_printf(a, "certificate=\"%.*s\"", (int)(strlen(file) - 4), file);
    if (label && n > 0)
        metrics_print_value(w, "trueboot_certificate_days_left", label, (double)((certs[0]->not_after_ms - clock_now_ms()) / DAY_MS));
    for (size_t i = 0; i < n; i++)
        cert_free(certs[i]);
}

static int is_certificate(const struct dirent *entry)
{
    struct bytes name = bytes_of_string(entry->d_name);

    for (size_t i = 0; i < name.len; i++)
        if (name.data[i] < 0x21 || name.data[i] == '"' || name.data[i] == '\\' || name.data[i] > 0x7e)
            return 0;
    return name.len > 4 && bytes_ends_with(name, BYTES_LIT(".pem"));
}

static void print_certificates(const struct server *s, struct writer *w, struct arena *a)
{
    const char *folder = arena_printf(a, "%s/keys", s->config->data);
    struct dirent **entries;
    int n = folder ? scandir(folder, &entries, is_certificate, alphasort) : -1;

    metrics_print_head(w, "trueboot_certificate_days_left", "gauge", "Days until a certificate of the server's own ends.");
    for (int i = 0; i < n; i++) {
        if (strcmp(entries[i]->d_name, "tls.pem") != 0) /* the one in use may be the operator's */
            print_certificate(w, a, folder, entries[i]->d_name);
        free(entries[i]);
    }
    for (size_t i = 0; i < s->attestation.n_certs; i++)
        if (strcmp(s->attestation.certs[i].name, "tls") == 0)
            metrics_print_value(w, "trueboot_certificate_days_left", "certificate=\"tls\"",
                                (double)((s->attestation.certs[i].cert->not_after_ms - clock_now_ms()) / DAY_MS));
    if (n >= 0)
        free(entries);
}

static void print_tls(struct server *s, struct writer *w)
{
    struct tls_state state = tls_state(s);

    metrics_print_head(w, "trueboot_tls_replacements_total", "counter",
                       "Replacements of the TLS certificate while the server runs, by result.");
    metrics_print_value(w, "trueboot_tls_replacements_total", "result=\"ok\"", (double)state.replaced);
    metrics_print_value(w, "trueboot_tls_replacements_total", "result=\"refused\"", (double)state.refused);
    gauge(w, "trueboot_tls_certificate_refused", "1 while the certificate that is there cannot be used and the one before goes on.",
          state.failing);
}

static double open_files(void)
{
    DIR *folder = opendir("/proc/self/fd");
    double n = -3; /* ".", ".." and this one */

    while (folder && readdir(folder))
        n++;
    if (folder)
        closedir(folder);
    return n < 0 ? 0 : n;
}

static void print_process(const struct server *s, struct writer *w, struct arena *a)
{
    struct rusage usage;
    struct bytes statm;
    struct err ignored = ERR_INIT;
    unsigned long long pages = 0;
    const char *text;

    if (file_read_in(a, "/proc/self/statm", STATUS_MAX, &statm, &ignored) && (text = arena_string(a, statm)) && strchr(text, ' '))
        pages = strtoull(strchr(text, ' ') + 1, NULL, 10);
    gauge(w, "process_resident_memory_bytes", "Resident memory.", (double)pages * (double)sysconf(_SC_PAGESIZE));
    gauge(w, "process_open_fds", "Open files and sockets.", open_files());
    gauge(w, "process_start_time_seconds", "When the server started, in seconds since 1970.", (double)s->started_ms / 1000);
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        counter(w, "process_cpu_seconds_total", "Processor time.",
                (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
}

static bool get_metrics(void *context, const struct http_request *request, struct http_response *response, struct err *err UNUSED)
{
    struct server *s = context;
    struct writer *w = &response->body;

    response->status = 200;
    response->content_type = "text/plain; version=0.0.4; charset=utf-8";
    instruments_print(s->instruments, w);
    print_network(s, w);
    print_store(s, w);
    print_audit(s, w);
    print_oidc(s, w);
    print_certificates(s, w, request->arena);
    print_tls(s, w);
    print_process(s, w, request->arena);
    metrics_print_head(w, "trueboot_build_info", "gauge", "What runs.");
    metrics_print_value(w, "trueboot_build_info", "version=\"" TRUEBOOT_VERSION "\"", 1);
    return true;
}

/* ---- routes ---------------------------------------------------------------------------------------------------------- */

const struct http_route probes_standard_routes[] = {
    { "GET", "/metrics", HTTP_READER, 0, HTTP_NO_BODY, get_metrics, 0 },
    { "GET", "/healthz", HTTP_ANONYMOUS, 0, HTTP_NO_BODY, get_ready, 0 },
    { "GET", "/v1/audit", HTTP_AUDITOR, 0, HTTP_NO_BODY, audit_get_page, 0 },
    { "GET", "/v1/audit/head", HTTP_READER, 0, HTTP_NO_BODY, audit_get_head, 0 },
};

const size_t probes_n_standard_routes = ARRAY_LEN(probes_standard_routes);

bool probes_routes(struct server *s, struct http_routes *ret, struct err *err)
{
    struct http_route *own = ARENA_ARRAY(&s->arena, probes_n_standard_routes, struct http_route);

    if (!own)
        return err_set(err, ERR_NO_MEMORY, "no memory for routes");
    memcpy(own, probes_standard_routes, sizeof probes_standard_routes);
    if (s->config->metrics_open)
        own[0].role = HTTP_ANONYMOUS;
    *ret = (struct http_routes){ own, probes_n_standard_routes, s };
    return true;
}
