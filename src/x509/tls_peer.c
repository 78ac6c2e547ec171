#define _GNU_SOURCE
#include "x509/tls_peer.h"
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void tls_peer_reset(struct tls_peer *peer)
{
    for (size_t i = 0; i < peer->n_chain; i++)
        free((void *)(uintptr_t)peer->chain[i].data);
    *peer = (struct tls_peer){ .set_time_aside = peer->set_time_aside };
}

static bool is_about_time(int error) { return error == X509_V_ERR_CERT_NOT_YET_VALID || error == X509_V_ERR_CERT_HAS_EXPIRED; }

bool tls_peer_failed_on_time(const struct tls_peer *peer) { return is_about_time(peer->verify_error); }

bool tls_peer_failed_on_name(const struct tls_peer *peer)
{
    return peer->verify_error == X509_V_ERR_HOSTNAME_MISMATCH || peer->verify_error == X509_V_ERR_IP_ADDRESS_MISMATCH;
}

/* Of the chain that is believed: others may have been sent beside it. */
static void keep_end(struct tls_peer *peer, STACK_OF(X509) * chain)
{
    for (int i = 0; chain && i < sk_X509_num(chain); i++) {
        struct tm end;
        int64_t ms;

        if (ASN1_TIME_to_tm(X509_get0_notAfter(sk_X509_value(chain, i)), &end) != 1)
            continue;
        ms = INT64_C(1000) * timegm(&end);
        if (!peer->expires_ms || ms < peer->expires_ms)
            peer->expires_ms = ms;
    }
}

bool tls_peer_has_expired(const struct tls_peer *peer, int64_t now_ms)
{
    return peer->seen && peer->expires_ms && now_ms >= peer->expires_ms;
}

static void keep_certificate(struct tls_peer *peer, X509 *cert)
{
    uint8_t *der = NULL;
    int len = i2d_X509(cert, NULL);

    if (len <= 0 || len > LIMIT_CERT_BYTES || peer->n_chain == LIMIT_CHAIN_CERTS || !(der = malloc((size_t)len)))
        return;
    peer->chain[peer->n_chain].data = der;
    peer->chain[peer->n_chain].len = (size_t)i2d_X509(cert, &der);
    peer->n_chain++;
}

static void keep_sent(struct tls_peer *peer, const SSL *ssl, X509 *leaf, STACK_OF(X509) * sent)
{
    tls_peer_reset(peer);
    peer->seen = true;
    if (ssl)
        snprintf(peer->version, sizeof peer->version, "%s", SSL_get_version(ssl));
    if (leaf)
        keep_certificate(peer, leaf);
    for (int i = 0; sent && i < sk_X509_num(sent); i++)
        if (sk_X509_value(sent, i) != leaf)
            keep_certificate(peer, sk_X509_value(sent, i));
}

static void take_verdict(struct tls_peer *peer, int error, int depth)
{
    peer->verify_error = error;
    if (error == X509_V_OK)
        return;
    peer->verify_depth = (unsigned)depth;
    snprintf(peer->verify_text, sizeof peer->verify_text, "%s", X509_verify_cert_error_string(error));
}

/* OpenSSL asks this about every complaint; what it returns for one is final. */
static int on_complaint(int passed, X509_STORE_CTX *store) { return passed || is_about_time(X509_STORE_CTX_get_error(store)); }

static int judge(X509_STORE_CTX *store, void *context)
{
    struct tls_peer *peer = context;
    int passed;

    keep_sent(peer, X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()), X509_STORE_CTX_get0_cert(store),
              X509_STORE_CTX_get0_untrusted(store));
    if (peer->set_time_aside)
        X509_STORE_CTX_set_verify_cb(store, on_complaint);
    passed = X509_verify_cert(store);
    take_verdict(peer, X509_STORE_CTX_get_error(store), X509_STORE_CTX_get_error_depth(store));
    keep_end(peer, passed > 0 ? X509_STORE_CTX_get0_chain(store) : NULL);
    if (passed > 0 && peer->set_time_aside)
        X509_STORE_CTX_set_error(store, X509_V_OK); /* or the complaint is heard a second time */
    return passed;
}

/* X509_V_OK, or why `chain` (the session's certificates up to a root that is trusted today) does not hold now. Signatures do not change; whom we trust
 * and the time do. */
static int complaint_about(STACK_OF(X509) * chain)
{
    int error = chain && sk_X509_num(chain) > 0 ? X509_V_OK : X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;

    for (int i = 0; i < sk_X509_num(chain) && error == X509_V_OK; i++) {
        X509 *cert = sk_X509_value(chain, i);

        if (X509_cmp_current_time(X509_get0_notBefore(cert)) >= 0)
            error = X509_V_ERR_CERT_NOT_YET_VALID;
        if (X509_cmp_current_time(X509_get0_notAfter(cert)) <= 0)
            error = X509_V_ERR_CERT_HAS_EXPIRED;
    }
    return error;
}

static int complaint_about_session(struct tls_peer *peer, const SSL *ssl)
{
    X509 *leaf = SSL_SESSION_get0_peer(SSL_get0_session(ssl));
    X509_STORE *store = SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl));
    STACK_OF(X509) *chain = leaf ? X509_build_chain(leaf, SSL_get_peer_cert_chain(ssl), store, 1, NULL, NULL) : NULL;
    int error = complaint_about(chain);

    keep_end(peer, error == X509_V_OK ? chain : NULL);
    sk_X509_pop_free(chain, X509_free);
    ERR_clear_error();
    return error;
}

/* libcurl fills its store of roots while the server thinks, so this is the first moment for it; nothing but the handshake has been said. */
static void on_state(const SSL *ssl, int where, int result UNUSED)
{
    struct tls_peer *peer = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    if (!(where & SSL_CB_HANDSHAKE_DONE) || !SSL_session_reused(ssl))
        return;
    keep_sent(peer, ssl, SSL_SESSION_get0_peer(SSL_get0_session(ssl)), SSL_get_peer_cert_chain(ssl));
    peer->resumed = true;
    take_verdict(peer, complaint_about_session(peer, ssl), 0);
    if (peer->verify_error != X509_V_OK)
        SSL_set_verify_result((SSL *)(uintptr_t)ssl, peer->verify_error);
}

void tls_peer_watch(void *ssl_ctx, struct tls_peer *peer)
{
    SSL_CTX_set_cert_verify_callback(ssl_ctx, judge, peer);
    SSL_CTX_set_app_data(ssl_ctx, peer);
    SSL_CTX_set_info_callback(ssl_ctx, on_state);
}
