#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "crypto/digest.h"
#include "http/client/winhttp_internal.h"
#include "x509/chain.h"

/* ---- the certificate ------------------------------------------------------------------------------------------------- */

static void keep(struct tls_peer *peer, PCCERT_CONTEXT cert)
{
    uint8_t *der = cert->cbCertEncoded <= LIMIT_CERT_BYTES && peer->n_chain < LIMIT_CHAIN_CERTS ? malloc(cert->cbCertEncoded) : NULL;

    if (!der)
        return;
    memcpy(der, cert->pbCertEncoded, cert->cbCertEncoded);
    peer->chain[peer->n_chain++] = (struct bytes){ der, cert->cbCertEncoded };
}

/* The leaf first, then what else the server sent. */
static bool keep_chain(struct tls_peer *peer, HINTERNET request)
{
    PCCERT_CONTEXT leaf = NULL, other = NULL;
    DWORD size = sizeof leaf;

    tls_peer_reset(peer);
    if (!WinHttpQueryOption(request, WINHTTP_OPTION_SERVER_CERT_CONTEXT, &leaf, &size) || !leaf)
        return false;
    peer->seen = true;
    keep(peer, leaf);
    while (leaf->hCertStore && (other = CertEnumCertificatesInStore(leaf->hCertStore, other)) != NULL)
        if (other->cbCertEncoded != leaf->cbCertEncoded || memcmp(other->pbCertEncoded, leaf->pbCertEncoded, leaf->cbCertEncoded) != 0)
            keep(peer, other);
    CertFreeCertificateContext(leaf);
    return peer->n_chain > 0;
}

static void free_certs(struct cert **certs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        cert_free(certs[i]);
}

static bool chains_to(const struct trust_store *roots, struct cert *const *certs, size_t n, struct err *err)
{
    const struct chain_options options = { .purpose = CHAIN_TLS_SERVER, .now_ms = clock_now_ms() };
    struct verified_chain *chain CLEANUP(verified_chain_free_at) = NULL;

    return chain_verify(roots, certs[0], (const struct cert *const *)certs + 1, n - 1, &options, &chain, err);
}

static bool is_pinned(const struct http_client *client, const struct cert *leaf, struct err *err)
{
    struct digest spki;

    digest_compute(DIGEST_SHA256, leaf->spki, &spki);
    for (size_t i = 0; i < client->n_pins; i++)
        if (memcmp(client->pins[i], spki.value, sizeof client->pins[i]) == 0)
            return true;
    return err_set(err, ERR_UNTRUSTED, "the server's key is none of net.pins");
}

/* What WinHTTP was told not to judge (an issuer that Windows does not know), and what it cannot (pins). Name and dates are its own. */
static bool judge(struct exchange *x, struct err *err)
{
    struct http_client *client = x->client;
    struct cert *certs[LIMIT_CHAIN_CERTS];
    size_t n = 0;
    bool believed;

    if (!keep_chain(&client->peer, x->request))
        return err_set(err, ERR_UNTRUSTED, "the server showed no certificate");
    while (n < client->peer.n_chain && cert_parse(client->peer.chain[n], &certs[n], err))
        n++;
    believed =
        n > 0 && (!client->roots || chains_to(client->roots, certs, n, err)) && (!client->n_pins || is_pinned(client, certs[0], err));
    free_certs(certs, n);
    return believed;
}

/* ---- what WinHTTP tells ---------------------------------------------------------------------------------------------- */

static void enter(struct exchange *x, enum winhttp_phase phase)
{
    InterlockedExchange(&x->phase, (LONG)phase);
    SetEvent(x->happened);
}

static void finish(struct exchange *x)
{
    InterlockedExchange(&x->finished, 1);
    SetEvent(x->happened);
}

/* The handshake is done and nothing of the request has been sent: whoever is not believed gets nothing. Closing the handle here is WinHTTP's
 * own way of stopping a request. */
static void before_sending(struct exchange *x)
{
    if (x->secure && !x->client->peer.seen && !judge(x, &x->why)) {
        x->refused = true;
        x->error = ERROR_WINHTTP_SECURE_FAILURE;
        WinHttpCloseHandle(x->request);
        x->request = NULL;
        finish(x);
    }
    enter(x, WINHTTP_ANSWERING);
}

static void note_address(struct exchange *x, const wchar_t *address)
{
    char text[sizeof x->client->trace.address] = "";

    if (address && WideCharToMultiByte(CP_UTF8, 0, address, -1, text, sizeof text, NULL, NULL) > 0)
        snprintf(x->client->trace.address, sizeof x->client->trace.address, "%s", text);
}

static unsigned since(const struct exchange *x) { return (unsigned)(clock_monotonic_ms() - x->began_ms) + 1; }

void CALLBACK exchange_callback(HINTERNET handle UNUSED, DWORD_PTR context, DWORD status, void *information, DWORD length)
{
    struct exchange *x = (struct exchange *)context;

    if (!x)
        return;
    switch (status) {
    case WINHTTP_CALLBACK_STATUS_NAME_RESOLVED:
        x->client->trace.resolved_ms = since(x);
        InterlockedExchange(&x->resolved, 1);
        break;
    case WINHTTP_CALLBACK_STATUS_CONNECTED_TO_SERVER:
        note_address(x, information);
        x->client->trace.connected_ms = since(x);
        enter(x, x->secure ? WINHTTP_SHAKING_HANDS : WINHTTP_ANSWERING);
        break;
    case WINHTTP_CALLBACK_STATUS_SENDING_REQUEST:
        if (x->secure)
            x->client->trace.tls_ms = since(x);
        before_sending(x);
        break;
    case WINHTTP_CALLBACK_STATUS_RESPONSE_RECEIVED:
        if (!x->client->trace.first_byte_ms)
            x->client->trace.first_byte_ms = since(x);
        break;
    case WINHTTP_CALLBACK_STATUS_SECURE_FAILURE:
        x->complaint |= *(DWORD *)information;
        break;
    case WINHTTP_CALLBACK_STATUS_READ_COMPLETE:
        x->available = length;
        finish(x);
        break;
    case WINHTTP_CALLBACK_STATUS_SENDREQUEST_COMPLETE:
    case WINHTTP_CALLBACK_STATUS_HEADERS_AVAILABLE:
        finish(x);
        break;
    case WINHTTP_CALLBACK_STATUS_REQUEST_ERROR:
        if (!x->error)
            x->error = ((WINHTTP_ASYNC_RESULT *)information)->dwError;
        finish(x);
        break;
    case WINHTTP_CALLBACK_STATUS_HANDLE_CLOSING:
        SetEvent(x->closed); /* the last word about this handle */
        break;
    }
}

/* ---- waiting --------------------------------------------------------------------------------------------------------- */

static int64_t deadline_of(const struct exchange *x, LONG phase)
{
    const struct http_client *c = x->client;
    unsigned allowed = phase == WINHTTP_CONNECTING      ? c->connect_timeout_ms
                       : phase == WINHTTP_SHAKING_HANDS ? c->tls_timeout_ms
                                                        : c->first_byte_timeout_ms;
    int64_t of_phase = x->entered_ms + allowed, of_all = x->began_ms + c->total_timeout_ms;

    return of_phase < of_all ? of_phase : of_all;
}

bool exchange_wait(struct exchange *x)
{
    LONG phase = x->phase;

    x->entered_ms = clock_monotonic_ms();
    while (!InterlockedExchange(&x->finished, 0)) {
        int64_t left = deadline_of(x, phase) - clock_monotonic_ms();

        if (left <= 0 || WaitForSingleObject(x->happened, (DWORD)left) == WAIT_FAILED) {
            x->gave_up = true;
            x->error = ERROR_WINHTTP_TIMEOUT;
            return false;
        }
        if (x->phase != phase) {
            phase = x->phase;
            x->entered_ms = clock_monotonic_ms();
        }
    }
    return x->error == 0;
}

void exchange_close(struct exchange *x)
{
    enum { LAST_WORD_MS = 10000 };

    if (x->request)
        WinHttpCloseHandle(x->request);
    x->request = NULL;
    WaitForSingleObject(x->closed, LAST_WORD_MS);
}

/* ---- what went wrong ------------------------------------------------------------------------------------------------- */

static enum http_failure certificate_failure(const struct exchange *x)
{
    if (x->refused)
        return HTTP_FAILURE_TLS_UNTRUSTED;
    if (x->complaint & WINHTTP_CALLBACK_STATUS_FLAG_CERT_DATE_INVALID)
        return HTTP_FAILURE_TLS_TIME;
    if (x->complaint & WINHTTP_CALLBACK_STATUS_FLAG_CERT_CN_INVALID)
        return HTTP_FAILURE_TLS_NAME;
    if (x->complaint & (WINHTTP_CALLBACK_STATUS_FLAG_INVALID_CA | WINHTTP_CALLBACK_STATUS_FLAG_INVALID_CERT |
                        WINHTTP_CALLBACK_STATUS_FLAG_CERT_REVOKED | WINHTTP_CALLBACK_STATUS_FLAG_CERT_WRONG_USAGE))
        return HTTP_FAILURE_TLS_UNTRUSTED;
    return HTTP_FAILURE_TLS_PROTO;
}

static enum http_failure timeout_failure(const struct exchange *x)
{
    if (!x->resolved && x->phase == WINHTTP_CONNECTING && !x->client->trace.connected_ms && !x->gave_up)
        return HTTP_FAILURE_DNS;
    return x->phase == WINHTTP_CONNECTING ? HTTP_FAILURE_CONNECT_TIMEOUT : HTTP_FAILURE_TIMEOUT;
}

enum http_failure exchange_failure(const struct exchange *x, bool by_proxy)
{
    static const struct {
        DWORD code;
        enum http_failure failure;
    } classes[] = {
        { ERROR_WINHTTP_INVALID_URL, HTTP_FAILURE_URL },
        { ERROR_WINHTTP_UNRECOGNIZED_SCHEME, HTTP_FAILURE_URL },
        { ERROR_WINHTTP_NAME_NOT_RESOLVED, HTTP_FAILURE_DNS },
        { ERROR_WINHTTP_CANNOT_CONNECT, HTTP_FAILURE_CONNECT_REFUSED },
        { ERROR_WINHTTP_SECURE_CHANNEL_ERROR, HTTP_FAILURE_TLS_PROTO },
        { ERROR_WINHTTP_SECURE_CERT_DATE_INVALID, HTTP_FAILURE_TLS_TIME },
        { ERROR_WINHTTP_SECURE_CERT_CN_INVALID, HTTP_FAILURE_TLS_NAME },
        { ERROR_WINHTTP_SECURE_INVALID_CA, HTTP_FAILURE_TLS_UNTRUSTED },
        { ERROR_WINHTTP_CONNECTION_ERROR, HTTP_FAILURE_DROPPED },
        { ERROR_WINHTTP_INVALID_SERVER_RESPONSE, HTTP_FAILURE_DROPPED },
        { ERROR_WINHTTP_OPERATION_CANCELLED, HTTP_FAILURE_DROPPED },
        { ERROR_WINHTTP_LOGIN_FAILURE, HTTP_FAILURE_PROXY_AUTH },
    };

    if (x->error == ERROR_WINHTTP_SECURE_FAILURE)
        return certificate_failure(x);
    if (x->error == ERROR_WINHTTP_TIMEOUT)
        return timeout_failure(x);
    if (x->error == ERROR_WINHTTP_CONNECTION_ERROR && x->phase == WINHTTP_SHAKING_HANDS)
        return by_proxy ? HTTP_FAILURE_PROXY_BLOCK : HTTP_FAILURE_TLS_PROTO;
    for (size_t i = 0; i < ARRAY_LEN(classes); i++)
        if (classes[i].code == x->error)
            return classes[i].failure;
    return x->error ? HTTP_FAILURE_LOCAL : HTTP_FAILURE_NONE;
}
