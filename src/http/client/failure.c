#include <errno.h>
#include "http/client/internal.h"

static const struct {
    CURLcode code;
    enum http_failure failure;
} classes[] = {
    { CURLE_OK, HTTP_FAILURE_NONE },
    { CURLE_URL_MALFORMAT, HTTP_FAILURE_URL },
    { CURLE_UNSUPPORTED_PROTOCOL, HTTP_FAILURE_URL },
    { CURLE_COULDNT_RESOLVE_HOST, HTTP_FAILURE_DNS },
    { CURLE_COULDNT_RESOLVE_PROXY, HTTP_FAILURE_DNS },
    { CURLE_PROXY, HTTP_FAILURE_PROXY_BLOCK },
    { CURLE_SSL_CONNECT_ERROR, HTTP_FAILURE_TLS_PROTO },
    { CURLE_SSL_PINNEDPUBKEYNOTMATCH, HTTP_FAILURE_TLS_UNTRUSTED },
    { CURLE_SSL_CACERT_BADFILE, HTTP_FAILURE_CA_FILE },
    { CURLE_SSL_CERTPROBLEM, HTTP_FAILURE_CLIENT_CERT },
    { CURLE_FILESIZE_EXCEEDED, HTTP_FAILURE_TOO_LARGE },
    { CURLE_WRITE_ERROR, HTTP_FAILURE_TOO_LARGE }, /* our own callback refuses more */
    { CURLE_GOT_NOTHING, HTTP_FAILURE_DROPPED },
    { CURLE_PARTIAL_FILE, HTTP_FAILURE_DROPPED },
    { CURLE_RECV_ERROR, HTTP_FAILURE_DROPPED },
    { CURLE_SEND_ERROR, HTTP_FAILURE_DROPPED },
    { CURLE_WEIRD_SERVER_REPLY, HTTP_FAILURE_DROPPED },
};

/* A chain that the TLS library believes failed libcurl's own comparison of the name. */
static enum http_failure certificate_failure(const struct tls_peer *peer)
{
    if (tls_peer_failed_on_time(peer))
        return HTTP_FAILURE_TLS_TIME;
    if (peer->seen && (!peer->verify_error || tls_peer_failed_on_name(peer)))
        return HTTP_FAILURE_TLS_NAME;
    return HTTP_FAILURE_TLS_UNTRUSTED;
}

/* Small segments pass where the usual ones do not: the path's MTU. A ClientHello that nobody acknowledges is a filter that read it. */
static enum http_failure timeout_failure(const struct transfer *t)
{
    if (!t->resolved)
        return HTTP_FAILURE_DNS;
    if (t->phase == CLIENT_CONNECTING)
        return HTTP_FAILURE_CONNECT_TIMEOUT;
    if (t->answers_small)
        return HTTP_FAILURE_MTU;
    if (t->phase == CLIENT_SHAKING_HANDS && t->unacknowledged)
        return HTTP_FAILURE_TLS_PROTO;
    return HTTP_FAILURE_TIMEOUT;
}

static enum http_failure connect_failure(CURL *curl)
{
    long number = 0;

    curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &number);
    return number == ETIMEDOUT ? HTTP_FAILURE_CONNECT_TIMEOUT : HTTP_FAILURE_CONNECT_REFUSED;
}

enum http_failure client_failure(const struct transfer *t, CURL *curl, const struct tls_peer *peer, bool by_proxy)
{
    enum http_failure failure = HTTP_FAILURE_LOCAL;
    long proxy_status = 0;

    curl_easy_getinfo(curl, CURLINFO_HTTP_CONNECTCODE, &proxy_status);
    if (t->code != CURLE_OK && proxy_status == 407)
        return HTTP_FAILURE_PROXY_AUTH;
    if (t->code != CURLE_OK && proxy_status >= 300)
        return HTTP_FAILURE_PROXY_BLOCK;
    if (t->code == CURLE_PEER_FAILED_VERIFICATION)
        return certificate_failure(peer);
    if (t->code == CURLE_OPERATION_TIMEDOUT)
        return timeout_failure(t);
    if (t->code == CURLE_COULDNT_CONNECT)
        return connect_failure(curl);
    for (size_t i = 0; i < ARRAY_LEN(classes); i++)
        if (classes[i].code == t->code)
            failure = classes[i].failure;
    if (failure == HTTP_FAILURE_URL && t->resolved)
        failure = HTTP_FAILURE_DROPPED; /* libcurl says "unsupported protocol" of an answer that is no HTTP, too */
    if (failure == HTTP_FAILURE_DROPPED && by_proxy && !proxy_status && t->phase == CLIENT_SHAKING_HANDS)
        return HTTP_FAILURE_PROXY_BLOCK; /* it hung up, or talks something else, when asked to connect us */
    return failure;
}
