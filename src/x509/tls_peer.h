/* x509/tls_peer.h: what the other side of a TLS handshake showed, kept while the TLS library judges it: so that a refusal can name the issuer
 * of the chain that was presented (guest-agent.md 8.5).
 *
 * A handshake may go on from an earlier one (a session ticket), and then no chain is presented. So the chain that the session began with is looked at
 * again at its end, before anything else is said: it must lead to a root that is trusted today, and all of it must be valid now; else the
 * connection ends like any other. Resuming saves the signatures, which do not change, and never a check of what does. The name and the pins are the
 * HTTP client's to compare, which does it with either kind.
 *
 * The verdict stays the library's own. The one thing that can be set aside is time, for one question only: what the server says the time
 * is (its Date header) when its certificate looks expired or not yet valid to us. */
#pragma once
#include "base/bytes.h"
#include "base/limits.h"

struct tls_peer {
    bool set_time_aside;                   /* in: an error that is only about dates does not end the handshake */
    bool seen;                             /* out, all of it: a chain was presented, now or when the session began */
    bool resumed;                          /* the handshake went on from an earlier one */
    struct bytes chain[LIMIT_CHAIN_CERTS]; /* DER, leaf first, as sent; owned */
    size_t n_chain;
    int64_t expires_ms;    /* when the first certificate of the believed chain does; 0: none was believed */
    int verify_error;      /* X509_V_…; 0: the chain is believed */
    unsigned verify_depth; /* 0: the leaf refused */
    char verify_text[96];
    char version[16]; /* "TLSv1.3" */
};

void tls_peer_reset(struct tls_peer *peer); /* frees; keeps set_time_aside */

bool tls_peer_has_expired(const struct tls_peer *peer, int64_t now_ms);
/* The X509_V_ERR_… numbers that are about dates, and those about names. */
bool tls_peer_failed_on_time(const struct tls_peer *peer);
bool tls_peer_failed_on_name(const struct tls_peer *peer);

/* `ssl_ctx` is an SSL_CTX before its first handshake; `peer` outlives it. */
void tls_peer_watch(void *ssl_ctx, struct tls_peer *peer);
