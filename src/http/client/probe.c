/* Second looks at a request that failed: small segments, and the server's clock. */
#include "http/client/date.h"
#include "http/client/internal.h"

static void free_easy(CURL **curl) { curl_easy_cleanup(*curl); }

static size_t drop(char *data UNUSED, size_t size, size_t n, void *context UNUSED) { return size * n; }

bool client_answers_small(struct http_client *client, const char *url, const char *proxy)
{
    CLEANUP(free_easy) CURL *curl = curl_easy_init();
    struct tls_peer peer = { 0 };
    struct transfer t = { .code = CURLE_OUT_OF_MEMORY };

    if (curl && client_set_options(client, curl, proxy, &peer, true) && curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L) == CURLE_OK && curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK)
        client_transfer(client, curl, &t);
    /* A handshake that ends, for better or worse, got its large records through. */
    t.answers_small = t.code == CURLE_OK || peer.seen;
    tls_peer_reset(&peer);
    return t.answers_small;
}

static size_t take_date(char *data, size_t size, size_t n, void *context)
{
    struct bytes line = { (const uint8_t *)data, size * n };
    int64_t *date_ms = context;

    if (line.len > 5 && strncasecmp(data, "date:", 5) == 0 && !http_date_parse(bytes_trim(bytes_slice(line, 5, line.len)), date_ms))
        *date_ms = 0;
    return line.len;
}

bool client_ask_time(struct http_client *client, const char *url, const char *proxy, int64_t *ret_ms)
{
    CLEANUP(free_easy) CURL *curl = curl_easy_init();
    struct tls_peer peer = { .set_time_aside = true };
    struct transfer t = { .code = CURLE_OUT_OF_MEMORY };
    int64_t date_ms = 0;

    if (curl && client_set_options(client, curl, proxy, &peer, false) && curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L) == CURLE_OK && curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_SSL_SESSIONID_CACHE, 0L) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_date) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_HEADERDATA, &date_ms) == CURLE_OK)
        client_transfer(client, curl, &t);
    tls_peer_reset(&peer);
    if (t.code != CURLE_OK || !date_ms)
        return false;
    *ret_ms = date_ms;
    return true;
}
