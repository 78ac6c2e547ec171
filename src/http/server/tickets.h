/* http/server/tickets.h: session tickets, with which a client that comes again goes on from an earlier handshake: no signature of ours, no chain on its
 * side. An agent calls every few hours, and its connection is closed long before.
 *
 * The key that tickets are sealed with never leaves this memory. Each certificate has its own: a new certificate ends the tickets of the old one.
 * GnuTLS derives what it seals with from this key and the time, anew every 3 * LIMIT_TLS_TICKET_SECONDS; the key itself is thrown away after
 * LIMIT_TLS_TICKET_KEY_SECONDS, so that a stolen one opens no recorded TLS 1.2 connection of the week before. */
#pragma once
#include <gnutls/gnutls.h>
#include <pthread.h>
#include <stdint.h>
#include "base/compiler.h"

struct tickets {
    pthread_mutex_t lock;
    gnutls_datum_t key;   /* empty: none yet, or this machine has no randomness */
    int64_t made_ms;      /* monotonic */
    int64_t (*now)(void); /* for tests; NULL: clock_monotonic_ms */
};

void tickets_init(struct tickets *tickets);
void tickets_done(struct tickets *tickets); /* wipes */

/* Before the handshake of `session`. Without a key the handshake is a full one. */
void tickets_offer(struct tickets *tickets, gnutls_session_t session);
