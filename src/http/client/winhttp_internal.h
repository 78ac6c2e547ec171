/* http/client/winhttp_internal.h: what the two files of the Windows client share. Private to src/http. */
#pragma once
#include <windows.h>
#include <winhttp.h>
#include "http/client/client.h"
#include "x509/tls_peer.h"
#include "x509/trust.h"

enum winhttp_phase { WINHTTP_CONNECTING, WINHTTP_SHAKING_HANDS, WINHTTP_ANSWERING };

struct http_client {
    HINTERNET session;       /* NULL until the first request */
    char session_proxy[300]; /* "": none */
    char *proxy, *no_proxy, *proxy_credentials, *user_agent;
    struct trust_store *roots; /* from a CA bundle; NULL: Windows' own */
    uint8_t (*pins)[32];
    size_t n_pins;
    unsigned connect_timeout_ms, tls_timeout_ms, first_byte_timeout_ms, total_timeout_ms;
    size_t max_response;
    struct tls_peer peer;
    struct http_trace trace;
};

/* One request, as WinHTTP's threads tell it. Fields are written by them before `happened` is set, read by ours after. */
struct exchange {
    struct http_client *client;
    bool secure, own_roots;
    HINTERNET request;
    HANDLE happened, closed;
    volatile LONG phase, finished; /* finished: the step that we wait for came to an end */
    volatile LONG resolved;
    int64_t began_ms, entered_ms; /* when the request and its phase began */
    bool gave_up;                 /* a deadline of ours passed */
    DWORD error;                  /* ERROR_WINHTTP_…; 0: none */
    DWORD complaint;              /* WINHTTP_CALLBACK_STATUS_FLAG_… of the certificate */
    DWORD available;              /* bytes of the last read */
    bool refused;                 /* by our own check of the chain or the pins; `why` says */
    struct err why;
};

/* winhttp_exchange.c. The callback's context is the exchange. */
void CALLBACK exchange_callback(HINTERNET handle, DWORD_PTR context, DWORD status, void *information, DWORD length);
/* Waits until the step that was begun ends. False: it failed, or a deadline passed and the request was closed. */
MUST_CHECK bool exchange_wait(struct exchange *x);
void exchange_close(struct exchange *x); /* closes the request and waits until WinHTTP lets go of it */
enum http_failure exchange_failure(const struct exchange *x, bool by_proxy);
