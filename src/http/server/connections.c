#include "http/server/connections.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "base/clock.h"
#include "base/limits.h"

enum { MIN_TICK_MS = 10, MAX_TICK_MS = 250, EVICTION_AGE_MS = 1000, SHARES = 8 };

/* ---- addresses ----------------------------------------------------------------------------------------------------- */

/* An IPv4 address that came in over an IPv6 socket is shown, and counted, as what it is. */
static void describe(const struct sockaddr *address, char out[static PEER_ADDRESS_TEXT_LEN], struct peer_key *ret_key, bool *ret_loopback)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    *ret_loopback = false;
    *ret_key = (struct peer_key){ .len = 0 };
    snprintf(out, PEER_ADDRESS_TEXT_LEN, "local");
    if (!address)
        return;
    if (address->sa_family == AF_INET) {
        memcpy(&v4, address, sizeof v4);
        inet_ntop(AF_INET, &v4.sin_addr, out, PEER_ADDRESS_TEXT_LEN);
        ret_key->len = 4;
        memcpy(ret_key->bytes, &v4.sin_addr, 4);
        *ret_loopback = (ntohl(v4.sin_addr.s_addr) >> 24) == 127;
    }
    if (address->sa_family == AF_INET6) {
        memcpy(&v6, address, sizeof v6);
        if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
            inet_ntop(AF_INET, v6.sin6_addr.s6_addr + 12, out, PEER_ADDRESS_TEXT_LEN);
            ret_key->len = 4;
            memcpy(ret_key->bytes, v6.sin6_addr.s6_addr + 12, 4);
            *ret_loopback = v6.sin6_addr.s6_addr[12] == 127;
        } else {
            inet_ntop(AF_INET6, &v6.sin6_addr, out, PEER_ADDRESS_TEXT_LEN);
            ret_key->len = 8;
            memcpy(ret_key->bytes, v6.sin6_addr.s6_addr, 8);
            *ret_loopback = IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
        }
    }
}

/* ---- deadlines ----------------------------------------------------------------------------------------------------- */

/* With the lock held: the descriptor cannot be closed, and given to somebody else, meanwhile. */
static void cut(struct connection *connection)
{
    if (!connection->cut)
        shutdown(connection->fd, SHUT_RDWR);
    connection->cut = true;
}

static void cut_overdue(struct connections *all)
{
    int64_t now = clock_monotonic_ms();

    pthread_mutex_lock(&all->lock);
    for (struct connection *c = all->first; c; c = c->next) {
        if (c->deadline_ms > now || c->cut)
            continue;
        all->deadlines_hit += !c->kept; /* who is only kept was asked for nothing; counted before anybody can notice */
        cut(c);
    }
    pthread_mutex_unlock(&all->lock);
}

static void *watch(void *context)
{
    struct connections *all = context;
    unsigned tick = all->deadline_ms / 20;
    struct timespec pause;

    if (tick < MIN_TICK_MS)
        tick = MIN_TICK_MS;
    if (tick > MAX_TICK_MS)
        tick = MAX_TICK_MS;
    pause = (struct timespec){ 0, (long)tick * 1000 * 1000 };
    while (!all->stop) {
        cut_overdue(all);
        nanosleep(&pause, NULL);
    }
    return NULL;
}

bool connections_init(struct connections *all, struct err *err)
{
    pthread_mutex_init(&all->lock, NULL);
    all->watching = pthread_create(&all->watcher, NULL, watch, all) == 0;
    return all->watching || err_set(err, ERR_NO_MEMORY, "no thread can be started");
}

void connections_done(struct connections *all)
{
    all->stop = true;
    if (all->watching)
        pthread_join(all->watcher, NULL);
    pthread_mutex_destroy(&all->lock);
}

static unsigned *kept_at(struct connections *all, const struct peer_key *key)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (size_t i = 0; i < key->len; i++)
        hash = (hash ^ key->bytes[i]) * 16777619u;
    return &all->kept_at[(hash ^ hash >> 16) % KEPT_PLACES];
}

/* With the lock held. */
static void forget_kept(struct connections *all, struct connection *c)
{
    all->n_kept -= c->kept;
    *kept_at(all, &c->key) -= c->kept;
    c->kept = false;
}

/* With the lock held. */
static void let_wait(struct connections *all, struct connection *c, bool kept)
{
    forget_kept(all, c);
    all->n_kept += kept;
    *kept_at(all, &c->key) += kept;
    c->kept = kept;
    c->since_ms = clock_monotonic_ms();
    c->deadline_ms = c->since_ms + (kept ? all->kept_ms : all->deadline_ms);
}

void connection_start_clock(struct connections *all, struct connection *connection)
{
    pthread_mutex_lock(&all->lock);
    let_wait(all, connection, false);
    pthread_mutex_unlock(&all->lock);
}

void connection_stop_clock(struct connections *all, struct connection *connection)
{
    pthread_mutex_lock(&all->lock);
    connection->deadline_ms = INT64_MAX;
    pthread_mutex_unlock(&all->lock);
}

/* ---- those that are kept ------------------------------------------------------------------------------------------- */

static bool is_from(const struct connection *c, const struct peer_key *key)
{
    return c->key.len == key->len && memcmp(c->key.bytes, key->bytes, key->len) == 0;
}

/* With the lock held. Behind a proxy on this machine many callers have one address. */
static bool may_be_kept(struct connections *all, const struct connection *c)
{
    if (!all->kept_ms || c->outdated || all->n_kept - c->kept >= all->max / LIMIT_HTTP_KEPT_SHARE ||
        clock_monotonic_ms() - c->opened_ms > INT64_C(1000) * LIMIT_HTTP_CONNECTION_LIFE_SECONDS)
        return false;
    return c->loopback || c->key.len == 0 || *kept_at(all, &c->key) - c->kept < all->max_per_address / LIMIT_HTTP_KEPT_SHARE;
}

void connection_keep(struct connections *all, struct connection *connection)
{
    pthread_mutex_lock(&all->lock);
    let_wait(all, connection, may_be_kept(all, connection));
    pthread_mutex_unlock(&all->lock);
}

void connection_take_up(struct connections *all, struct connection *connection)
{
    pthread_mutex_lock(&all->lock);
    if (connection->kept)
        let_wait(all, connection, false);
    pthread_mutex_unlock(&all->lock);
}

void connections_outdate(struct connections *all)
{
    pthread_mutex_lock(&all->lock);
    for (struct connection *c = all->first; c; c = c->next) {
        c->outdated = true;
        if (c->kept)
            let_wait(all, c, false);
    }
    pthread_mutex_unlock(&all->lock);
}

unsigned connections_kept(struct connections *all)
{
    unsigned n;

    pthread_mutex_lock(&all->lock);
    n = all->n_kept;
    pthread_mutex_unlock(&all->lock);
    return n;
}

/* ---- coming and going ---------------------------------------------------------------------------------------------- */

static unsigned count_from(const struct connections *all, const struct peer_key *key)
{
    unsigned n = 0;

    for (const struct connection *c = all->first; c; c = c->next)
        n += is_from(c, key);
    return n;
}

/* Cuts the one that has waited longest; false when every connection is new or at work. A new one is spared, unless its address holds more than its
 * share: whoever opens connections faster than they age must not shut others out (attack-suite.md S4). */
static bool make_room(struct connections *all)
{
    int64_t now = clock_monotonic_ms();
    struct connection *oldest = NULL;

    for (struct connection *c = all->first; c; c = c->next) {
        if (c->cut || c->deadline_ms == INT64_MAX)
            continue;
        if (!oldest || c->since_ms < oldest->since_ms)
            oldest = c;
    }
    if (!oldest || (now - oldest->opened_ms < EVICTION_AGE_MS && count_from(all, &oldest->key) <= all->max / SHARES))
        return false;
    cut(oldest);
    return true;
}

/* Whoever has nothing to say yet makes room for one of the same address who has. */
static bool make_room_at(struct connections *all, const struct peer_key *key)
{
    struct connection *oldest = NULL;

    for (struct connection *c = all->first; c; c = c->next)
        if (c->kept && !c->cut && is_from(c, key) && (!oldest || c->since_ms < oldest->since_ms))
            oldest = c;
    if (!oldest)
        return false;
    cut(oldest);
    return true;
}

bool connections_admit(struct connections *all, const struct sockaddr *address, socklen_t len UNUSED)
{
    char text[PEER_ADDRESS_TEXT_LEN];
    struct peer_key key;
    bool loopback, admitted;

    describe(address, text, &key, &loopback);
    pthread_mutex_lock(&all->lock);
    admitted =
        (count_from(all, &key) < (loopback || key.len == 0 ? all->max_per_loopback : all->max_per_address) || make_room_at(all, &key)) &&
        (all->n < all->max || make_room(all));
    pthread_mutex_unlock(&all->lock);
    if (!admitted)
        all->refused++;
    return admitted;
}

struct connection *connections_add(struct connections *all, int fd, const struct sockaddr *address)
{
    struct connection *connection = calloc(1, sizeof *connection);

    if (!connection)
        return NULL;
    connection->fd = fd;
    describe(address, connection->address, &connection->key, &connection->loopback);
    connection->opened_ms = clock_monotonic_ms();
    pthread_mutex_lock(&all->lock);
    let_wait(all, connection, false);
    connection->next = all->first;
    if (all->first)
        all->first->previous = connection;
    all->first = connection;
    all->n++;
    all->made++;
    pthread_mutex_unlock(&all->lock);
    return connection;
}

void connections_remove(struct connections *all, struct connection *connection)
{
    pthread_mutex_lock(&all->lock);
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        all->first = connection->next;
    if (connection->next)
        connection->next->previous = connection->previous;
    all->n--;
    forget_kept(all, connection);
    all->held -= connection->held;
    pthread_mutex_unlock(&all->lock);
    free(connection);
}

unsigned connections_count(struct connections *all)
{
    unsigned n;

    pthread_mutex_lock(&all->lock);
    n = all->n;
    pthread_mutex_unlock(&all->lock);
    return n;
}

/* ---- bodies in memory ---------------------------------------------------------------------------------------------------- */

enum { HOLD_STEP_BYTES = 256 * 1024 }; /* so that a body that arrives in small pieces does not take the lock for each */

static size_t held_from(const struct connections *all, const struct peer_key *key)
{
    size_t held = 0;

    for (const struct connection *c = all->first; c; c = c->next)
        if (is_from(c, key))
            held += c->held;
    return held;
}

/* With the lock held. */
static bool there_is_room(const struct connections *all, const struct connection *c, size_t bytes)
{
    size_t more = bytes > c->held ? bytes - c->held : 0;
    bool shared = c->loopback || c->key.len == 0; /* a proxy, or a person on this machine: many callers, one address */

    if (bytes <= LIMIT_SMALL_BODY_BYTES || more == 0)
        return true;
    return all->held + more <= all->max_held && (shared || held_from(all, &c->key) + more <= all->max_held / SHARES);
}

bool connection_may_hold(struct connections *all, const struct connection *connection, size_t bytes)
{
    bool room;

    pthread_mutex_lock(&all->lock);
    room = there_is_room(all, connection, bytes);
    pthread_mutex_unlock(&all->lock);
    return room;
}

bool connection_hold(struct connections *all, struct connection *connection, size_t bytes)
{
    size_t rounded = (bytes + HOLD_STEP_BYTES - 1) / HOLD_STEP_BYTES * HOLD_STEP_BYTES;
    bool room;

    if (bytes <= LIMIT_SMALL_BODY_BYTES || bytes <= connection->held)
        return true;
    pthread_mutex_lock(&all->lock);
    room = there_is_room(all, connection, rounded);
    if (room) {
        all->held += rounded - connection->held;
        connection->held = rounded;
    }
    pthread_mutex_unlock(&all->lock);
    return room;
}

void connection_let_go(struct connections *all, struct connection *connection)
{
    if (connection->held == 0)
        return;
    pthread_mutex_lock(&all->lock);
    all->held -= connection->held;
    connection->held = 0;
    pthread_mutex_unlock(&all->lock);
}

size_t connections_held(struct connections *all)
{
    size_t held;

    pthread_mutex_lock(&all->lock);
    held = all->held;
    pthread_mutex_unlock(&all->lock);
    return held;
}
