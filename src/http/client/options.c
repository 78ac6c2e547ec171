#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>
#include "base/limits.h"
#include "http/client/internal.h"

enum { ANSWER_PIECE = 4 * 1024 /* libcurl makes and wipes it for each request; a longer answer comes in pieces */ };

/* The sockets of the moment are known, so that a stalled one can be asked why. */

static int on_socket(void *context, curl_socket_t fd, curlsocktype purpose UNUSED)
{
    struct http_client *client = context;

    for (size_t i = 0; i < CLIENT_SOCKETS_MAX; i++) {
        if (client->sockets[i] < 0) {
            client->sockets[i] = fd;
            break;
        }
    }
    return CURL_SOCKOPT_OK;
}

/* A middlebox forgets silent connections, the shortest-lived ones after four minutes. Nobody of ours wakes up for these probes. */
static int on_kept_socket(void *context, curl_socket_t fd, curlsocktype purpose)
{
    static const struct {
        int level, option, value;
    } probes[] = { { SOL_SOCKET, SO_KEEPALIVE, 1 },
                   { IPPROTO_TCP, TCP_KEEPIDLE, 120 },
                   { IPPROTO_TCP, TCP_KEEPINTVL, 20 },
                   { IPPROTO_TCP, TCP_KEEPCNT, 3 } };

    for (size_t i = 0; i < ARRAY_LEN(probes); i++)
        (void)!setsockopt(fd, probes[i].level, probes[i].option, &probes[i].value, sizeof probes[i].value);
    return on_socket(context, fd, purpose);
}

static int on_small_socket(void *context, curl_socket_t fd, curlsocktype purpose)
{
    const int segment = CLIENT_SMALL_SEGMENT;

    (void)!setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
    return on_socket(context, fd, purpose);
}

static bool is_link_local(const struct sockaddr *address)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (address->sa_family == AF_INET) {
        memcpy(&v4, address, sizeof v4);
        return (ntohl(v4.sin_addr.s_addr) & 0xffff0000) == 0xa9fe0000;
    }
    if (address->sa_family != AF_INET6)
        return false;
    memcpy(&v6, address, sizeof v6);
    return IN6_IS_ADDR_LINKLOCAL(&v6.sin6_addr) ||
           (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) && v6.sin6_addr.s6_addr[12] == 169 && v6.sin6_addr.s6_addr[13] == 254);
}

/* Here the name is resolved: no answer of a name server gets around it. */
static curl_socket_t open_socket(void *context, curlsocktype purpose UNUSED, struct curl_sockaddr *address)
{
    struct http_client *client = context;

    if (is_link_local(&address->addr)) {
        client->met_link_local = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static int on_close(void *context, curl_socket_t fd)
{
    struct http_client *client = context;

    for (size_t i = 0; i < CLIENT_SOCKETS_MAX; i++)
        if (client->sockets[i] == fd)
            client->sockets[i] = -1;
    return close(fd);
}

static CURLcode on_tls(CURL *curl UNUSED, void *ssl_ctx, void *peer)
{
    tls_peer_watch(ssl_ctx, peer);
    return CURLE_OK;
}

struct options {
    CURL *curl;
    bool ok;
};

#define SET(options_, option_, value_) \
    ((options_)->ok = curl_easy_setopt((options_)->curl, (option_), (value_)) == CURLE_OK && (options_)->ok)

static void set_trust(struct http_client *client, struct options *o, bool https_proxy)
{
    if (client->ca_file) {
        SET(o, CURLOPT_CAINFO, client->ca_file);
        SET(o, CURLOPT_CAPATH, NULL); /* instead of the system's, not beside them */
    }
    if (client->ca_pem.data) {
        SET(o, CURLOPT_CAINFO_BLOB, &client->ca_pem);
        SET(o, CURLOPT_CAPATH, NULL);
    }
    if (https_proxy && client->ca_file)
        SET(o, CURLOPT_PROXY_CAINFO, client->ca_file);
    if (https_proxy && client->ca_pem.data)
        SET(o, CURLOPT_PROXY_CAINFO_BLOB, &client->ca_pem);
    if (client->cert_file)
        SET(o, CURLOPT_SSLCERT, client->cert_file);
    if (client->key_file)
        SET(o, CURLOPT_SSLKEY, client->key_file);
    if (client->pins)
        SET(o, CURLOPT_PINNEDPUBLICKEY, client->pins);
}

bool client_set_options(struct http_client *client, CURL *curl, const char *proxy, struct tls_peer *peer, bool small)
{
    struct options o = { curl, true };

    SET(&o, CURLOPT_ERRORBUFFER, client->error);
    SET(&o, CURLOPT_NOSIGNAL, 1L);
    SET(&o, CURLOPT_QUICK_EXIT, 1L); /* a resolver that hangs is left behind, not waited for */
    SET(&o, CURLOPT_PROTOCOLS_STR, "http,https");
    SET(&o, CURLOPT_FOLLOWLOCATION, 0L);
    SET(&o, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(&o, CURLOPT_BUFFERSIZE, (long)ANSWER_PIECE);
    SET(&o, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(&o, CURLOPT_CONNECTTIMEOUT_MS, (long)client->connect_timeout_ms + (long)client->tls_timeout_ms + 1000); /* ours come first */
    SET(&o, CURLOPT_USERAGENT, client->user_agent);
    SET(&o, CURLOPT_PROXY, proxy ? proxy : ""); /* "": none, whatever the environment says */
    SET(&o, CURLOPT_NOPROXY, "");               /* proxy_choose() has decided */
    SET(&o, CURLOPT_SOCKOPTFUNCTION, small ? on_small_socket : client->kept_seconds ? on_kept_socket : on_socket);
    if (client->kept_seconds) {
        SET(&o, CURLOPT_MAXAGE_CONN, (long)client->kept_seconds);
        SET(&o, CURLOPT_MAXLIFETIME_CONN, (long)LIMIT_HTTP_CONNECTION_LIFE_SECONDS);
    }
    SET(&o, CURLOPT_SOCKOPTDATA, client);
    if (client->refuse_link_local) {
        SET(&o, CURLOPT_OPENSOCKETFUNCTION, open_socket);
        SET(&o, CURLOPT_OPENSOCKETDATA, client);
    }
    SET(&o, CURLOPT_CLOSESOCKETFUNCTION, on_close);
    SET(&o, CURLOPT_CLOSESOCKETDATA, client);
    SET(&o, CURLOPT_SSL_CTX_FUNCTION, on_tls);
    SET(&o, CURLOPT_SSL_CTX_DATA, peer);
    if (proxy) {
        SET(&o, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
        if (client->proxy_credentials) {
            SET(&o, CURLOPT_PROXYUSERPWD, client->proxy_credentials);
            SET(&o, CURLOPT_PROXYAUTH, (long)(CURLAUTH_BASIC | CURLAUTH_DIGEST));
        }
    }
    if (client->unix_socket)
        SET(&o, CURLOPT_UNIX_SOCKET_PATH, client->unix_socket);
    set_trust(client, &o, proxy && strncmp(proxy, "https:", 6) == 0);
    return o.ok;
}
