#include "http/server/tickets.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/limits.h"

static void forget(struct tickets *tickets)
{
    if (tickets->key.data) {
        wipe(tickets->key.data, tickets->key.size);
        gnutls_free(tickets->key.data);
    }
    tickets->key = (gnutls_datum_t){ 0 };
}

void tickets_init(struct tickets *tickets)
{
    *tickets = (struct tickets){ 0 };
    pthread_mutex_init(&tickets->lock, NULL);
}

void tickets_done(struct tickets *tickets)
{
    forget(tickets);
    pthread_mutex_destroy(&tickets->lock);
}

static void renew(struct tickets *tickets)
{
    int64_t now_ms = tickets->now ? tickets->now() : clock_monotonic_ms();

    if (tickets->key.data && now_ms - tickets->made_ms < INT64_C(1000) * LIMIT_TLS_TICKET_KEY_SECONDS)
        return;
    forget(tickets);
    if (gnutls_session_ticket_key_generate(&tickets->key) != GNUTLS_E_SUCCESS)
        tickets->key = (gnutls_datum_t){ 0 };
    tickets->made_ms = now_ms;
}

void tickets_offer(struct tickets *tickets, gnutls_session_t session)
{
    pthread_mutex_lock(&tickets->lock);
    renew(tickets);
    if (tickets->key.data) {
        gnutls_db_set_cache_expiration(session, LIMIT_TLS_TICKET_SECONDS);
        (void)!gnutls_session_ticket_enable_server(session, &tickets->key); /* copies the key */
    }
    pthread_mutex_unlock(&tickets->lock);
}
