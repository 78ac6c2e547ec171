#include <stdio.h>
#include "base/clock.h"
#include "base/file.h"
#include "http/client/internal.h"
#include "http/client/proxy.h"
#include "x509/cert.h"
#include "x509/name.h"

static enum err_code failure_code(enum http_failure failure)
{
    switch (failure) {
    case HTTP_FAILURE_URL:
        return ERR_MALFORMED;
    case HTTP_FAILURE_TOO_LARGE:
        return ERR_LIMIT;
    case HTTP_FAILURE_CA_FILE:
    case HTTP_FAILURE_CLIENT_CERT:
        return ERR_IO;
    case HTTP_FAILURE_LOCAL:
        return ERR_NO_MEMORY;
    default:
        return ERR_UNREACHABLE;
    }
}

/* "192.0.2.53, 192.0.2.54", as /etc/resolv.conf has it. */
static void resolvers(char *out, size_t size)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct bytes text;
    struct err ignored;

    snprintf(out, size, "none configured");
    if (!file_read_in(&a, "/etc/resolv.conf", 65536, &text, &ignored))
        return;
    for (size_t used = 0; text.len && used < size;) {
        size_t end = bytes_find(text, BYTES_LIT("\n"));
        struct bytes line = bytes_trim(bytes_slice(text, 0, end));

        text = end == SIZE_MAX ? BYTES_NONE : bytes_slice(text, end + 1, text.len);
        if (!bytes_starts_with(line, BYTES_LIT("nameserver")))
            continue;
        line = bytes_trim(bytes_slice(line, 10, 50));
        used += (size_t)snprintf(out + used, size - used, "%s%.*s", used ? ", " : "", BYTES_FMT(line));
    }
}

static void explain_dns(const struct http_client *client, const char *url, char *out, size_t size)
{
    char servers[100];
    struct url_parts parts;
    bool fine = url_split(client->trace.proxy[0] ? client->trace.proxy : url, &parts);

    resolvers(servers, sizeof servers);
    snprintf(out, size, "the %sname %.*s cannot be resolved (resolver: %s): check the name, or allow DNS (UDP and TCP 53) to the resolver",
             client->trace.proxy[0] ? "proxy's " : "", fine ? (int)bytes_slice(parts.host, 0, 80).len : 0,
             fine ? (const char *)parts.host.data : "", servers);
}

/* "CN=…" of the presented chain's last certificate's issuer: the CA that somebody would have to trust. */
static void issuer_of(const struct tls_peer *peer, char *out, size_t size)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct err ignored;
    const char *text = NULL;

    if (peer->n_chain && cert_parse(peer->chain[peer->n_chain - 1], &cert, &ignored))
        text = name_text(&a, cert->issuer);
    snprintf(out, size, "%s", text && *text ? text : "unreadable");
}

static void explain_untrusted(const struct http_client *client, const struct transfer *t, char *out, size_t size)
{
    char issuer[90];

    issuer_of(&client->peer, issuer, sizeof issuer);
    if (t->code == CURLE_SSL_PINNEDPUBKEYNOTMATCH)
        snprintf(out, size, "the key is none of net.pins; the certificate is issued by \"%s\": an inspecting proxy is the usual cause",
                 issuer);
    else
        snprintf(
            out, size,
            "the certificate is issued by \"%s\", which is no CA we trust (%s): an inspecting proxy is the usual cause; install its CA in "
            "net.ca_file, or exclude the name from inspection",
            issuer, client->peer.verify_text);
}

static void explain_time(const struct http_client *client, char *out, size_t size)
{
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    const struct tls_peer *peer = &client->peer;
    char now[CLOCK_TEXT_LEN], edge[CLOCK_TEXT_LEN] = "?", difference[80] = "the server's Date is not known";
    int64_t now_ms = clock_now_ms() / 1000 * 1000, ahead = client->trace.server_ahead_ms / 1000;
    struct err ignored;
    bool early = false;

    clock_format(now_ms, now);
    if (peer->verify_depth < peer->n_chain && cert_parse(peer->chain[peer->verify_depth], &cert, &ignored)) {
        early = now_ms < cert->not_before_ms;
        clock_format(early ? cert->not_before_ms : cert->not_after_ms, edge);
    }
    if (client->trace.has_server_time && ahead > -120 && ahead < 120)
        snprintf(difference, sizeof difference, "the server's Date agrees: renew its certificate");
    else if (client->trace.has_server_time)
        snprintf(difference, sizeof difference, "the server's Date is %lld s %s: set this clock", (long long)(ahead < 0 ? -ahead : ahead),
                 ahead < 0 ? "behind it" : "ahead of it");
    snprintf(out, size, "the certificate is %s %s; this machine's clock says %s; %s", early ? "not valid before" : "expired since", edge,
             now, difference);
}

static void explain_name(const struct http_client *client, const char *url, char *out, size_t size)
{
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    char names[120] = "";
    struct cert_alt_name name;
    struct url_parts parts;
    struct err ignored;
    struct bytes rest;
    size_t used = 0;
    bool fine = url_split(url, &parts);

    if (client->peer.n_chain && cert_parse(client->peer.chain[0], &cert, &ignored)) {
        rest = cert->alt_names;
        while (cert_alt_name_next(&rest, &name) && used + 1 < sizeof names)
            if (name.kind == ALT_NAME_DNS)
                used += (size_t)snprintf(names + used, sizeof names - used, "%s%.*s", used ? ", " : "", BYTES_FMT(name.value));
        if (!used)
            snprintf(names, sizeof names, "%.*s", BYTES_FMT(bytes_slice(cert->common_name, 0, 100)));
    }
    snprintf(out, size, "the certificate is for another name (%s), not for %.*s", names[0] ? names : "none that can be read",
             fine ? (int)bytes_slice(parts.host, 0, 80).len : 0, fine ? (const char *)parts.host.data : "");
}

/* libcurl says only that it is of no use. */
static void explain_ca_file(const struct http_client *client, char *out, size_t size)
{
    enum { LOOKED_AT = 16 << 20 };
    struct arena a CLEANUP(arena_done) = { 0 };
    const char *meaning = http_failure_meaning(HTTP_FAILURE_CA_FILE);
    struct err why = ERR_INIT;
    struct bytes text;

    if (!client->ca_file)
        snprintf(out, size, "%s", meaning);
    else if (!file_read_in(&a, client->ca_file, LOOKED_AT, &text, &why))
        snprintf(out, size, "%s: %.200s", meaning, why.text);
    else if (!bytes_trim(text).len)
        snprintf(out, size, "%s: %.150s is empty", meaning, client->ca_file);
    else if (text.data[0] == 0x30)
        snprintf(out, size, "%s: %.150s is DER, PEM is expected: openssl x509 -inform DER -in %.150s", meaning, client->ca_file,
                 client->ca_file);
    else if (bytes_find(text, BYTES_LIT("CERTIFICATE-----")) == SIZE_MAX)
        snprintf(out, size, "%s: %.150s holds no -----BEGIN CERTIFICATE-----", meaning, client->ca_file);
    else
        snprintf(out, size, "%s: a certificate in %.150s is cut or damaged", meaning, client->ca_file);
}

static void explain_rest(const struct http_client *client, const struct transfer *t, char *out, size_t size)
{
    static const char *const stages[] = { "connecting", "the handshake", "the answer" };
    const char *detail = client->error[0] ? client->error : t->gave_up ? stages[t->phase] : curl_easy_strerror(t->code);
    bool proxy_is_meant = client->trace.proxy[0] && t->phase != CLIENT_ANSWERING;

    snprintf(out, size, "%s (%s%s%s%.100s)", http_failure_meaning(client->trace.failure), proxy_is_meant ? "proxy " : "",
             proxy_is_meant ? client->trace.proxy : "", proxy_is_meant ? ": " : "", detail);
}

void client_explain(const struct http_client *client, const char *url, const struct transfer *t, struct err *err)
{
    enum http_failure failure = client->trace.failure;
    char text[512];

    switch (failure) {
    case HTTP_FAILURE_DNS:
        explain_dns(client, url, text, sizeof text);
        break;
    case HTTP_FAILURE_TLS_UNTRUSTED:
        explain_untrusted(client, t, text, sizeof text);
        break;
    case HTTP_FAILURE_TLS_TIME:
        explain_time(client, text, sizeof text);
        break;
    case HTTP_FAILURE_TLS_NAME:
        explain_name(client, url, text, sizeof text);
        break;
    case HTTP_FAILURE_CA_FILE:
        explain_ca_file(client, text, sizeof text);
        break;
    case HTTP_FAILURE_CLIENT_CERT: /* libcurl's words say where the key lies */
        snprintf(text, sizeof text, "%s", http_failure_meaning(failure));
        break;
    default:
        explain_rest(client, t, text, sizeof text);
    }
    err_record(err, failure_code(failure), "%.*s: %s", (int)(strcspn(url, "?") > 80 ? 80 : strcspn(url, "?")), url, text);
}
