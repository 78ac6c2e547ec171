/* http/client/internal.h: what the files of the client share. Private to src/http. */
#pragma once
#include <curl/curl.h>
#include <sys/stat.h>
#include "http/client/client.h"
#include "x509/tls_peer.h"

enum { CLIENT_SOCKETS_MAX = 8, CLIENT_SMALL_SEGMENT = 536, CLIENT_FILES = 3 };

/* The stages of a request, each with a deadline of its own (guest-agent.md 8.3). */
enum client_phase { CLIENT_CONNECTING, CLIENT_SHAKING_HANDS, CLIENT_ANSWERING };

/* What became of a transfer. The socket's words are the kernel's (TCP_INFO) when we gave up waiting. */
struct transfer {
    CURLcode code;
    enum client_phase phase; /* where it ended */
    bool resolved;           /* the name had been looked up */
    bool gave_up;            /* a deadline of ours passed */
    bool stale;              /* the connection had been kept, and leads nowhere any more */
    bool unacknowledged;     /* what we sent was not acknowledged, although repeated */
    bool gap;                /* a later segment came, an earlier one did not */
    bool answers_small;      /* the same place shakes hands when segments are small */
};

/* A file's content, as far as its folder tells. Zeroed: not looked at yet, or not there. */
struct file_stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
};

struct http_client {
    CURLM *multi;
    CURL *curl;
    bool options_stay; /* it has those of client_set_options(), without a proxy; false: they are set anew for the next request */
    struct file_stamp files_seen[CLIENT_FILES]; /* when the connections began: CA certificates, our certificate, our key */
    bool files_were_seen;
    char *unix_socket, *ca_file, *cert_file, *key_file, *proxy, *no_proxy, *proxy_credentials, *pins, *user_agent;
    struct curl_blob ca_pem;                /* data is ours */
    bool refuse_link_local, met_link_local; /* the second: in this exchange */
    unsigned connect_timeout_ms, tls_timeout_ms, first_byte_timeout_ms, total_timeout_ms;
    size_t max_response;
    unsigned kept_seconds;
    char error[CURL_ERROR_SIZE];
    int sockets[CLIENT_SOCKETS_MAX]; /* open ones; -1: free */
    struct tls_peer peer;
    struct http_trace trace;
};

/* options.c: everything but the request itself. `small` announces small segments (another way round a path's MTU). False: libcurl lacks
 * something, or no memory. */
MUST_CHECK bool client_set_options(struct http_client *client, CURL *curl, const char *proxy, struct tls_peer *peer, bool small);

/* trust.c: when the file of CA certificates or our own certificate is another than it was, or the server's has expired, nothing that the old one
 * vouched for goes on: connections, sessions, and what libcurl keeps of the file for a day. Called before each request. False: no memory. */
MUST_CHECK bool client_follow_trust(struct http_client *client, int64_t now_ms);
/* The next handshake is a full one. Connections stay. */
MUST_CHECK bool client_forget_sessions(struct http_client *client);

/* transfer.c */
void client_transfer(struct http_client *client, CURL *curl, struct transfer *ret);

/* probe.c: second looks at a failure; each is a short exchange that sends nothing of the request. */
bool client_answers_small(struct http_client *client, const char *url, const char *proxy);
/* The server's Date though its certificate's dates do not fit ours; false: it does not say. */
bool client_ask_time(struct http_client *client, const char *url, const char *proxy, int64_t *ret_ms);

/* failure.c */
enum http_failure client_failure(const struct transfer *transfer, CURL *curl, const struct tls_peer *peer, bool by_proxy);
/* explain.c: one sentence: the address without its query, what is wrong, with what was seen, and what to do. */
void client_explain(const struct http_client *client, const char *url, const struct transfer *transfer, struct err *err);
