/* http/server/connections.h: the server's open connections: how many, whose, and until when. Private to src/http.
 *
 * The library below has no total deadline: a client that sends a byte now and then would stay. Here every connection has an absolute
 * one, and a thread that shuts the socket of whoever passes it; the library then sees an end of file. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include "http/server/message.h"

enum { PEER_ADDRESS_TEXT_LEN = 46, KEPT_PLACES = 4096 };

/* What counts as one caller: an IPv4 address, or an IPv6 network of 64 bits, which one customer has; no bytes for the unix socket. */
struct peer_key {
    uint8_t bytes[8];
    size_t len;
};

struct connection {
    struct connection *previous, *next;
    int fd;
    bool loopback;
    char address[PEER_ADDRESS_TEXT_LEN]; /* "local" for the unix socket */
    struct peer_key key;
    int64_t opened_ms;   /* monotonic, as are the others */
    int64_t since_ms;    /* when the clock was started last */
    int64_t deadline_ms; /* INT64_MAX while a handler works */
    bool cut;            /* the socket was shut */
    bool kept;           /* it waits for the next request of an agent, longer than others may */
    bool outdated;       /* it began with an earlier certificate */
    size_t held;         /* of its request's body, in memory: what connection_hold let it have */
};

struct connections {
    unsigned max, max_per_address, max_per_loopback, deadline_ms, kept_ms; /* kept_ms 0: none is kept */
    size_t max_held;
    pthread_mutex_t lock; /* of the list and of what is held */
    struct connection *first;
    unsigned n, n_kept;
    unsigned kept_at[KEPT_PLACES]; /* by address, several of which may share a place: with many agents nobody is looked for in a list */
    size_t held;
    pthread_t watcher;
    bool watching;
    atomic_bool stop;
    atomic_ullong made, refused, deadlines_hit;
};

MUST_CHECK bool connections_init(struct connections *all, struct err *err);
void connections_done(struct connections *all); /* all connections are closed by then */

/* Whether a further connection may come from there. When all places are taken, the connection that has waited longest without a
 * complete request makes room; when its address has no place left, one of that address that is only kept. */
bool connections_admit(struct connections *all, const struct sockaddr *address, socklen_t len);
/* NULL: no memory. */
struct connection *connections_add(struct connections *all, int fd, const struct sockaddr *address);
void connections_remove(struct connections *all, struct connection *connection);

/* The clock starts again (a response is on its way, the next request may come), or stands still (a handler works). */
void connection_start_clock(struct connections *all, struct connection *connection);
void connection_stop_clock(struct connections *all, struct connection *connection);
/* An agent that has proved who it is comes again with its next heartbeat: its connection waits kept_ms for that, if not too many wait already, of its address
 * or in all. So a fleet that fits pays for a handshake twice a day, and a larger one is served as before. Otherwise connection_start_clock. */
void connection_keep(struct connections *all, struct connection *connection);
/* A request begins: from here on it has the time that every request has. */
void connection_take_up(struct connections *all, struct connection *connection);
/* Those open now are not kept any longer than others: their certificate has been replaced. */
void connections_outdate(struct connections *all);
unsigned connections_count(struct connections *all);
unsigned connections_kept(struct connections *all);

/* Whether the connection's request may have a body of `bytes` in memory. Bodies of LIMIT_SMALL_BODY_BYTES always may: the number of
 * connections bounds them. Of what is left one address gets an eighth, so that nobody's large requests keep others' out. connection_hold takes it
 * until connection_let_go; connection_may_hold only looks. */
bool connection_may_hold(struct connections *all, const struct connection *connection, size_t bytes);
bool connection_hold(struct connections *all, struct connection *connection, size_t bytes);
void connection_let_go(struct connections *all, struct connection *connection);
size_t connections_held(struct connections *all);
