#include "x509/tls_peer.h"
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>

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

static void keep_chain(struct tls_peer *peer, X509_STORE_CTX *store)
{
    STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(store);
    X509 *leaf = X509_STORE_CTX_get0_cert(store);
    const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());

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

/* OpenSSL asks this about every complaint; what it returns for one is final. */
static int on_complaint(int passed, X509_STORE_CTX *store) { return passed || is_about_time(X509_STORE_CTX_get_error(store)); }

static int judge(X509_STORE_CTX *store, void *context)
{
    struct tls_peer *peer = context;
    int passed;

    keep_chain(peer, store);
    if (peer->set_time_aside)
        X509_STORE_CTX_set_verify_cb(store, on_complaint);
    passed = X509_verify_cert(store);
    peer->verify_error = X509_STORE_CTX_get_error(store);
    if (passed > 0 && peer->set_time_aside)
        X509_STORE_CTX_set_error(store, X509_V_OK); /* or the complaint is heard a second time */
    if (passed <= 0) {
        peer->verify_depth = (unsigned)X509_STORE_CTX_get_error_depth(store);
        snprintf(peer->verify_text, sizeof peer->verify_text, "%s", X509_verify_cert_error_string(peer->verify_error));
    }
    return passed;
}

void tls_peer_watch(void *ssl_ctx, struct tls_peer *peer) { SSL_CTX_set_cert_verify_callback(ssl_ctx, judge, peer); }
