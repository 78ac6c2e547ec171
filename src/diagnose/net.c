#include "diagnose/net.h"
#include <stdio.h>
#include "base/base64.h"
#include "base/clock.h"
#include "crypto/digest.h"
#include "diagnose/words.h"
#include "json/parse.h"
#include "x509/cert.h"
#include "x509/name.h"
#include "x509/tls_peer.h"

enum {
    UPLOAD_BYTES = 64 * 1024,
    PADDING_BYTES = 4000 /* servers take heads of 8 KiB */,
    SKEW_WARN_MS = 120 * 1000,
    SKEW_FAIL_MS = 300 * 1000,
    EXPIRES_SOON_DAYS = 14
};

static void skip(struct diagnosis *d, enum check check, const char *subject, const char *why)
{
    diagnosis_add(d, check, RESULT_SKIP, "%s", why)->subject = subject;
}

/* ---- proxy ---- */

static bool choose(struct diagnosis *d, const struct net_plan *plan, const struct net_endpoint *e, const char **ret)
{
    bool configured = plan->proxy.proxy && *plan->proxy.proxy, dropped = false;
    const char *shell, *exceptions = plan->proxy.no_proxy ? plan->proxy.no_proxy : plan->proxy.exceptions;
    struct err err = ERR_INIT;
    struct checked *c;

    if (!proxy_choose(&plan->proxy, e->url, d->arena, ret, &dropped, &err)) {
        c = diagnosis_add(d, CHECK_PROXY_CHOICE, RESULT_FAIL, "%s", err.text);
        c->subject = e->role;
        checked_remedy(d, c, "net.proxy = http://HOST:PORT, credentials in the file of net.proxy_credentials_file");
        return false;
    }
    if (*ret) {
        c = diagnosis_add(d, CHECK_PROXY_CHOICE, dropped ? RESULT_WARN : RESULT_PASS, "%s, from %s%s", *ret,
                          configured ? "net.proxy" : "the environment", dropped ? "; its user and password are not used" : "");
        if (dropped)
            checked_remedy(d, c, "put them into the file of net.proxy_credentials_file (%s it)", machine_words.only_ours);
    } else if (proxy_is_never(e->url)) {
        c = diagnosis_add(d, CHECK_PROXY_CHOICE, RESULT_PASS, "direct: a local address");
    } else if (exceptions && proxy_is_excepted(e->url, exceptions)) {
        c = diagnosis_add(d, CHECK_PROXY_CHOICE, RESULT_PASS, "direct: an exception of no_proxy");
    } else if ((shell = net_other_proxy(d, plan->root)) != NULL) {
        c = diagnosis_add(d, CHECK_PROXY_CHOICE, RESULT_WARN, "direct, though %s has a proxy: services do not inherit it", shell);
        checked_remedy(d, c, "if this machine needs it: net.proxy = http://HOST:PORT");
    } else {
        c = diagnosis_add(d, CHECK_PROXY_CHOICE, RESULT_PASS, "direct: none is configured");
    }
    c->subject = e->role;
    return true;
}

/* ---- TLS ---- */

static const char *short_name(struct diagnosis *d, struct bytes name)
{
    const char *text = name_text(d->arena, name);

    return text && *text ? text : "(empty)";
}

static const char *version_of(const struct tls_peer *peer) { return *peer->version ? peer->version : "TLS"; }

static void show_certificate(struct diagnosis *d, const struct tls_peer *peer, const char *subject)
{
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    char until[CLOCK_TEXT_LEN];
    struct err err = ERR_INIT;
    struct digest spki;
    struct checked *c;
    const char *pin;
    int64_t left;

    if (!peer->n_chain || !cert_parse(peer->chain[0], &cert, &err)) {
        diagnosis_add(d, CHECK_TLS, RESULT_PASS, "%s, a certificate that this program does not read%s%s", version_of(peer),
                      err.code ? ": " : "", err.text)
            ->subject = subject;
        return;
    }
    digest_compute(DIGEST_SHA256, cert->spki, &spki);
    pin = base64_in(d->arena, BASE64_STANDARD, digest_bytes(&spki));
    clock_format(cert->not_after_ms, until);
    left = (cert->not_after_ms - clock_now_ms()) / 86400000;
    c = diagnosis_add(d, CHECK_TLS, left < EXPIRES_SOON_DAYS ? RESULT_WARN : RESULT_PASS,
                      "%s, \"%s\" issued by \"%s\", valid until %s, key sha256//%s", version_of(peer), short_name(d, cert->subject),
                      short_name(d, cert->issuer), until, pin ? pin : "");
    c->subject = subject;
    if (c->result == RESULT_WARN)
        checked_remedy(d, c, "the server's certificate ends in %lld days: renew it", (long long)left);
}

/* ---- HTTP ---- */

static const struct {
    enum http_failure failure;
    enum check check;
} stages[] = {
    { HTTP_FAILURE_PROXY_AUTH, CHECK_PROXY_CONNECT },
    { HTTP_FAILURE_PROXY_BLOCK, CHECK_PROXY_CONNECT },
    { HTTP_FAILURE_TLS_UNTRUSTED, CHECK_TLS },
    { HTTP_FAILURE_TLS_NAME, CHECK_TLS },
    { HTTP_FAILURE_TLS_TIME, CHECK_TLS },
    { HTTP_FAILURE_TLS_PROTO, CHECK_TLS },
    { HTTP_FAILURE_CA_FILE, CHECK_TLS },
    { HTTP_FAILURE_MTU, CHECK_UPLOAD },
};

static enum check stage_of(enum http_failure failure, const struct http_trace *trace, bool https)
{
    for (size_t i = 0; i < ARRAY_LEN(stages); i++)
        if (stages[i].failure == failure)
            return stages[i].check;
    return https && !trace->tls_ms ? CHECK_TLS : CHECK_HTTP;
}

static void request_failed(struct diagnosis *d, const struct net_plan *plan UNUSED, const struct net_target *target, enum check check,
                           enum http_failure failure, const struct err *err)
{
    struct checked *c = diagnosis_add(d, check, RESULT_FAIL, "%s", err->text);

    c->subject = target->subject;
    net_classify(d, c, failure, target);
}

static void check_time(struct diagnosis *d, const struct http_trace *trace, const char *subject)
{
    int64_t ahead = trace->server_ahead_ms, off = ahead < 0 ? -ahead : ahead;
    struct checked *c;

    if (!trace->has_server_time) {
        skip(d, CHECK_TIME, subject, "the answer has no Date");
        return;
    }
    c = diagnosis_add(d, CHECK_TIME,
                      off > SKEW_FAIL_MS   ? RESULT_FAIL
                      : off > SKEW_WARN_MS ? RESULT_WARN
                                           : RESULT_PASS,
                      "the server's clock is %lld s %s ours", (long long)(off / 1000), ahead < 0 ? "behind" : "ahead of");
    c->subject = subject;
    if (c->result != RESULT_PASS)
        checked_remedy(d, c, "tokens will look expired or not yet valid: %s", machine_words.set_clock);
    if (c->result == RESULT_FAIL)
        c->number = http_failure_number(HTTP_FAILURE_TLS_TIME);
    if (c->number)
        c->class = http_failure_slug(HTTP_FAILURE_TLS_TIME);
}

/* The first printable characters of what is not JSON. */
static const char *excerpt(struct diagnosis *d, struct bytes body)
{
    char text[81];
    size_t n = 0;

    for (size_t i = 0; i < body.len && n + 1 < sizeof text; i++)
        if (body.data[i] >= 0x20 && body.data[i] < 0x7f)
            text[n++] = (char)body.data[i];
    text[n] = 0;
    return arena_string(d->arena, bytes_of_string(text));
}

static void judge_answer(struct diagnosis *d, const struct net_endpoint *e, const struct net_target *target,
                         const struct http_answer *answer)
{
    const struct json *v = NULL;
    struct err err = ERR_INIT;
    struct checked *c;

    if (answer->body.len && !json_parse(d->arena, answer->body, NULL, &v, &err)) {
        const char *said = excerpt(d, answer->body);

        c = diagnosis_add(d, CHECK_HTTP, RESULT_FAIL, "HTTP %u and not JSON: somebody else answers: %s", answer->status, said ? said : "");
        c->subject = e->role;
        net_classify(d, c, HTTP_FAILURE_PROXY_BLOCK, target);
        return;
    }
    if (e->attests && answer->status == 200 && json_get(v, "issuer")) {
        c = diagnosis_add(d, CHECK_HTTP, RESULT_PASS, "HTTP 200, issuer %.*s",
                          BYTES_FMT(bytes_slice(json_text(json_get(v, "issuer"), BYTES_LIT("?")), 0, 200)));
    } else if (e->attests && answer->status == 404) {
        c = diagnosis_add(d, CHECK_HTTP, RESULT_FAIL, "HTTP 404: there is no attestation service at this path");
        checked_remedy(d, c, "correct %s: the path in front of /attest is probably wrong", e->role);
    } else if (answer->status >= 500) {
        c = diagnosis_add(d, CHECK_HTTP, RESULT_WARN, "HTTP %u: the server is in trouble", answer->status);
        checked_remedy(d, c, "look at the server: trueboot diagnose, there");
    } else {
        c = diagnosis_add(d, CHECK_HTTP, RESULT_PASS, "HTTP %u", answer->status);
    }
    c->subject = e->role;
}

static bool ask(const struct net_plan *plan, struct diagnosis *d, const char *method, const char *url, struct bytes body,
                struct http_answer *ret, enum http_failure *failure, struct err *err)
{
    const struct http_call call = { .method = method, .url = url, .body = body };

    return url ? http_client_send(plan->client, d->arena, &call, ret, failure, err) : err_set(err, ERR_NO_MEMORY, "out of memory");
}

/* Evidence that is none: 400 says that the way is open and we are let in. */
static void check_upload(struct diagnosis *d, const struct net_plan *plan, const struct net_endpoint *e, const struct net_target *target)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    enum http_failure failure = HTTP_FAILURE_NONE;
    struct err err = ERR_INIT;
    struct http_answer answer;
    struct checked *c;

    write_string(&w, "{\"data\":\"\"}");
    while (writer_ok(&w) && w.len < UPLOAD_BYTES)
        write_string(&w, "                                                                ");
    if (!ask(plan, d, "POST", arena_printf(d->arena, "%s/attest/Tpm?api-version=2022-08-01", e->url), writer_bytes(&w), &answer, &failure,
             &err)) {
        request_failed(d, plan, target, CHECK_UPLOAD, failure, &err);
        skip(d, CHECK_ADMITTED, e->role, "the upload did not arrive");
        return;
    }
    diagnosis_add(d, CHECK_UPLOAD, RESULT_PASS, "%d KiB in %u ms", UPLOAD_BYTES / 1024, http_client_trace(plan->client)->total_ms)
        ->subject = e->role;
    if (answer.status == 401 || answer.status == 403) {
        c = diagnosis_add(d, CHECK_ADMITTED, RESULT_FAIL, "HTTP %u: it does not let us in", answer.status);
        checked_remedy(d, c, "have the provider admit agents without a token (tpmAttestationAuthentication), or give this one a role");
    } else if (answer.status == 400 || answer.status == 200) {
        c = diagnosis_add(d, CHECK_ADMITTED, RESULT_PASS, "HTTP %u, as it should be for empty evidence", answer.status);
    } else {
        c = diagnosis_add(d, CHECK_ADMITTED, RESULT_WARN, "HTTP %u, where 400 was expected for empty evidence", answer.status);
        checked_remedy(d, c, "look at the server's log");
    }
    c->subject = e->role;
}

/* Whoever takes reports may take anything that is posted for one: large is the question's head, more than a packet of it (8.5, MTU). Any answer will do. */
static void check_large_request(struct diagnosis *d, const struct net_plan *plan, const struct net_endpoint *e,
                                const struct net_target *target)
{
    uint8_t padding[PADDING_BYTES];
    const struct http_field field = { BYTES_LIT("X-Padding"), BYTES_OF(padding) };
    const struct http_call call = { .method = "GET", .url = arena_printf(d->arena, "%s/", e->url), .headers = &field, .n_headers = 1 };
    enum http_failure failure = HTTP_FAILURE_NONE;
    struct err err = ERR_INIT;
    struct http_answer answer;

    memset(padding, 'x', sizeof padding);
    if (call.url && http_client_send(plan->client, d->arena, &call, &answer, &failure, &err))
        diagnosis_add(d, CHECK_UPLOAD, RESULT_PASS, "a request of %d bytes in %u ms", PADDING_BYTES,
                      http_client_trace(plan->client)->total_ms)
            ->subject = e->role;
    else
        request_failed(d, plan, target, CHECK_UPLOAD, failure, &err);
}

static void check_http(struct diagnosis *d, const struct net_plan *plan, const struct net_endpoint *e, const struct net_target *target)
{
    const char *url = arena_printf(d->arena, "%s%s", e->url, e->attests ? "/.well-known/openid-configuration" : "/");
    const struct http_trace *trace = http_client_trace(plan->client);
    enum http_failure failure = HTTP_FAILURE_NONE;
    bool https = strncmp(e->url, "https:", 6) == 0;
    struct err err = ERR_INIT;
    struct http_answer answer;

    if (!ask(plan, d, "GET", url, BYTES_NONE, &answer, &failure, &err)) {
        enum check stage = stage_of(failure, trace, https);

        if (target->is_proxy && stage != CHECK_PROXY_CONNECT && trace->peer->seen)
            diagnosis_add(d, CHECK_PROXY_CONNECT, RESULT_PASS, "connected")->subject = e->role;
        request_failed(d, plan, target, stage, failure, &err);
        if (stage != CHECK_HTTP)
            skip(d, CHECK_HTTP, e->role, "no TLS connection");
        if (failure == HTTP_FAILURE_TLS_TIME)
            check_time(d, trace, e->role);
        return;
    }
    if (target->is_proxy)
        diagnosis_add(d, CHECK_PROXY_CONNECT, RESULT_PASS, "connected")->subject = e->role;
    if (https)
        show_certificate(d, trace->peer, e->role);
    else
        skip(d, CHECK_TLS, e->role, "not an https address");
    judge_answer(d, e, target, &answer);
    check_time(d, trace, e->role);
    if (!diagnosis_has_time(d))
        skip(d, CHECK_UPLOAD, e->role, "no time left");
    else if (e->attests)
        check_upload(d, plan, e, target);
    else
        check_large_request(d, plan, e, target);
}

/* ---- one endpoint ---- */

static void skip_from(struct diagnosis *d, enum check first, const struct net_endpoint *e, const char *why)
{
    static const enum check order[] = { CHECK_RESOLVE, CHECK_CONNECT, CHECK_TLS, CHECK_HTTP };
    bool on = false;

    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        on |= order[i] == first;
        if (on)
            skip(d, order[i], e->role, why);
    }
}

/* Whether a connection came about. */
static bool check_endpoint(struct diagnosis *d, const struct net_plan *plan, const struct net_endpoint *e)
{
    struct net_target target = { .subject = e->role }, beyond = { .subject = e->role };
    const char *proxy = NULL;
    struct url_parts parts, hop;
    struct checked *c;

    if (!url_split(e->url, &parts)) {
        c = diagnosis_add(d, CHECK_HTTP, RESULT_FAIL, "\"%.100s\" is no http or https address", e->url);
        c->subject = e->role;
        net_classify(d, c, HTTP_FAILURE_URL, &target);
        return false;
    }
    if (!choose(d, plan, e, &proxy) || !url_split(proxy ? proxy : e->url, &hop)) {
        skip_from(d, CHECK_RESOLVE, e, "the proxy's address is wrong");
        return false;
    }
    target.host = hop.host;
    target.port = hop.port;
    target.is_proxy = proxy != NULL;
    if (!net_resolve(d, &target)) {
        skip_from(d, CHECK_CONNECT, e, "the name does not resolve");
        return false;
    }
    net_route(d, &target);
    if (!net_connect(d, &target)) {
        skip_from(d, CHECK_TLS, e, "no connection");
        return false;
    }
    beyond = target; /* what rules beyond the proxy must name */
    beyond.host = parts.host;
    beyond.port = parts.port;
    if (proxy)
        beyond.n = 0;
    check_http(d, plan, e, &beyond);
    return true;
}

static bool seen_before(const struct net_plan *plan, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (strcmp(plan->endpoints[j].url, plan->endpoints[i].url) == 0)
            return true;
    return false;
}

void net_check(struct diagnosis *d, const struct net_plan *plan)
{
    bool connects = true;

    net_begin();
    for (size_t i = 0; i < plan->n; i++) {
        if (seen_before(plan, i))
            continue;
        if (!diagnosis_has_time(d))
            skip_from(d, CHECK_RESOLVE, &plan->endpoints[i], "no time left");
        else
            connects &= check_endpoint(d, plan, &plan->endpoints[i]);
    }
    net_filters(d, plan->may_run, connects);
}
