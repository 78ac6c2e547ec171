/* The part of x509/tls_peer.h that has nothing to do with OpenSSL: WinHTTP's own complaints tell time and name apart. */
#include <stdlib.h>
#include "x509/tls_peer.h"

void tls_peer_reset(struct tls_peer *peer)
{
    for (size_t i = 0; i < peer->n_chain; i++)
        free((void *)(uintptr_t)peer->chain[i].data);
    *peer = (struct tls_peer){ .set_time_aside = peer->set_time_aside };
}
