#include "http/client_failure.h"

const char *http_failure_slug(enum http_failure failure)
{
    static const char *const slugs[] = {
#define X(name, slug, meaning) slug,
        HTTP_FAILURES(X)
#undef X
    };
    return (size_t)failure < ARRAY_LEN(slugs) ? slugs[failure] : "local";
}

const char *http_failure_meaning(enum http_failure failure)
{
    static const char *const meanings[] = {
#define X(name, slug, meaning) meaning,
        HTTP_FAILURES(X)
#undef X
    };
    return (size_t)failure < ARRAY_LEN(meanings) ? meanings[failure] : "";
}

static const struct {
    CURLcode code;
    enum http_failure failure;
} classes[] = {
    { CURLE_OK, HTTP_FAILURE_NONE },
    { CURLE_URL_MALFORMAT, HTTP_FAILURE_URL },
    { CURLE_UNSUPPORTED_PROTOCOL, HTTP_FAILURE_URL },
    { CURLE_COULDNT_RESOLVE_HOST, HTTP_FAILURE_DNS },
    { CURLE_COULDNT_RESOLVE_PROXY, HTTP_FAILURE_PROXY },
    { CURLE_PROXY, HTTP_FAILURE_PROXY },
    { CURLE_COULDNT_CONNECT, HTTP_FAILURE_CONNECT_REFUSED },
    { CURLE_SSL_CONNECT_ERROR, HTTP_FAILURE_TLS_PROTOCOL },
    { CURLE_SSL_CACERT_BADFILE, HTTP_FAILURE_CA_FILE },
    { CURLE_FILESIZE_EXCEEDED, HTTP_FAILURE_TOO_LARGE },
    { CURLE_WRITE_ERROR, HTTP_FAILURE_TOO_LARGE }, /* our own callback refuses more */
    { CURLE_GOT_NOTHING, HTTP_FAILURE_DROPPED },
    { CURLE_PARTIAL_FILE, HTTP_FAILURE_DROPPED },
    { CURLE_RECV_ERROR, HTTP_FAILURE_DROPPED },
    { CURLE_SEND_ERROR, HTTP_FAILURE_DROPPED },
    { CURLE_WEIRD_SERVER_REPLY, HTTP_FAILURE_DROPPED },
};

/* What OpenSSL says about a chain: X509_V_ERR_… numbers, stable since 1.0. */
static enum http_failure certificate_failure(CURL *curl)
{
    enum { CERT_NOT_YET_VALID = 9, CERT_HAS_EXPIRED = 10, HOSTNAME_MISMATCH = 62, IP_ADDRESS_MISMATCH = 64 };
    long result = 0;

    curl_easy_getinfo(curl, CURLINFO_SSL_VERIFYRESULT, &result);
    switch (result) {
    case CERT_NOT_YET_VALID:
    case CERT_HAS_EXPIRED:
        return HTTP_FAILURE_TLS_TIME;
    case 0: /* the chain is good: it is libcurl's own comparison of the name that failed … */
    case 1: /* … and the result is not yet filled in (X509_V_ERR_UNSPECIFIED) */
    case HOSTNAME_MISMATCH:
    case IP_ADDRESS_MISMATCH:
        return HTTP_FAILURE_TLS_NAME;
    default:
        return HTTP_FAILURE_TLS_UNTRUSTED;
    }
}

/* A timeout before there was a connection is somebody dropping packets. */
static enum http_failure timeout_failure(CURL *curl)
{
    curl_off_t connected_us = 0;

    curl_easy_getinfo(curl, CURLINFO_CONNECT_TIME_T, &connected_us);
    return connected_us == 0 ? HTTP_FAILURE_CONNECT_TIMEOUT : HTTP_FAILURE_TIMEOUT;
}

enum http_failure client_failure(CURLcode code, CURL *curl)
{
    long proxy_status = 0;

    curl_easy_getinfo(curl, CURLINFO_HTTP_CONNECTCODE, &proxy_status);
    if (code != CURLE_OK && proxy_status == 407)
        return HTTP_FAILURE_PROXY_AUTH;
    if (code != CURLE_OK && proxy_status >= 400)
        return HTTP_FAILURE_PROXY;
    if (code == CURLE_PEER_FAILED_VERIFICATION)
        return certificate_failure(curl);
    if (code == CURLE_OPERATION_TIMEDOUT)
        return timeout_failure(curl);
    for (size_t i = 0; i < ARRAY_LEN(classes); i++)
        if (classes[i].code == code)
            return classes[i].failure;
    return HTTP_FAILURE_LOCAL;
}
