#include "http/server/server.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/limits.h"
#include "http/server/exchange.h"
#include "http/server/listen.h"
#include "http/server/tickets.h"

enum { MIN_THREADS = 4, MAX_THREADS = 64, LOCAL_THREADS = 2, CONNECTION_MEMORY_BYTES = 48 * 1024, MAX_OPTIONS = 16, STOP_STEP_MS = 10 };

/* TLS 1.2 and 1.3, forward secrecy and authenticated ciphers only. */
static const char tls_priorities[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-AES-128-CBC:-AES-256-CBC:-SHA1";

/* One library daemon: the network's, the local socket's, or one that keeps the connections of an earlier certificate. */
struct daemon {
    struct http_server *server;
    struct MHD_Daemon *mhd;
    struct tickets tickets;
    char *cert, *key; /* PEM, ending in NUL; NULL without TLS */
    struct daemon *next;
};

struct http_server {
    struct http_server_config config;
    struct exchange_host host;
    char *socket_path;
    int listen_fd; /* each network daemon has a duplicate: between two certificates no connection is lost */
    unsigned port;
    pthread_mutex_t lock; /* of network and retired */
    struct daemon *network, *local, *retired;
};

/* ---- the library's callbacks -------------------------------------------------------------------------------------- */

static enum MHD_Result admit(void *context, const struct sockaddr *address, socklen_t len)
{
    struct http_server *server = context;

    return !server->host.stopping && connections_admit(&server->host.connections, address, len) ? MHD_YES : MHD_NO;
}

static void opened_or_closed(void *context, struct MHD_Connection *connection, void **socket_context,
                             enum MHD_ConnectionNotificationCode what)
{
    struct daemon *daemon = context;
    struct http_server *server = daemon->server;
    const union MHD_ConnectionInfo *fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    const union MHD_ConnectionInfo *address, *tls;

    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (*socket_context)
            connections_remove(&server->host.connections, *socket_context);
        *socket_context = NULL;
        return;
    }
    tls = daemon->key ? MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION) : NULL;
    if (tls && tls->tls_session)
        tickets_offer(&daemon->tickets, tls->tls_session);
    address = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (fd)
        *socket_context = connections_add(&server->host.connections, fd->connect_fd, address ? address->client_addr : NULL);
}

/* The URI is decoded by the routes, not by the library. */
static size_t leave_escaped(void *context UNUSED, struct MHD_Connection *connection UNUSED, char *text) { return strlen(text); }

/* What the library says first while this thread starts a daemon. What its other threads say meanwhile is about the connections of earlier daemons. */
static _Thread_local struct err *reason;

static void remember(void *context UNUSED, const char *fmt, va_list args)
{
    char text[200];

    if (!reason || reason->code != ERR_NONE)
        return;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    vsnprintf(text, sizeof text, fmt, args);
#pragma GCC diagnostic pop
    text[strcspn(text, "\n")] = '\0';
    err_set(reason, ERR_INTERNAL, "%s", text);
}

/* ---- daemons ------------------------------------------------------------------------------------------------------- */

static void daemon_free(struct daemon *daemon)
{
    if (!daemon)
        return;
    if (daemon->mhd)
        MHD_stop_daemon(daemon->mhd);
    tickets_done(&daemon->tickets);
    if (daemon->key)
        wipe(daemon->key, strlen(daemon->key));
    free(daemon->cert);
    free(daemon->key);
    free(daemon);
}

static char *text_copy(struct bytes text)
{
    char *copy = malloc(text.len + 1);

    if (copy) {
        if (text.len)
            memcpy(copy, text.data, text.len);
        copy[text.len] = '\0';
    }
    return copy;
}

static unsigned pool_size(const struct http_server *server)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned threads = server->config.threads;

    if (threads == 0)
        threads = processors > 0 ? 2 * (unsigned)processors : MIN_THREADS;
    if (threads < MIN_THREADS && server->config.threads == 0)
        threads = MIN_THREADS;
    if (threads < 2)
        threads = 2; /* the library takes a pool of one for no pool */
    return threads > MAX_THREADS ? MAX_THREADS : threads;
}

/* Starts a daemon on `fd`, which is the library's from then on, closed by it on failure too. */
static bool daemon_start(struct http_server *server, int fd, unsigned threads, struct daemon *daemon)
{
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_ERROR_LOG;
    /* Our own counting decides; the library's limit is only there for each thread to have its share of it, and more. */
    unsigned limit = (server->host.connections.max + 64) * 4;
    struct MHD_OptionItem options[MAX_OPTIONS] = {
        { MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)remember, NULL },
        { MHD_OPTION_LISTEN_SOCKET, fd, NULL },
        { MHD_OPTION_THREAD_POOL_SIZE, threads, NULL },
        { MHD_OPTION_CONNECTION_LIMIT, limit, NULL },
        { MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY_BYTES, NULL },
        { MHD_OPTION_CONNECTION_TIMEOUT, 0, NULL },
        { MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)opened_or_closed, daemon },
        { MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)exchange_end, &server->host },
        { MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)exchange_begin, &server->host },
        { MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)leave_escaped, NULL },
    };
    size_t n = 10;

    if (daemon->key) {
        flags |= MHD_USE_TLS;
        options[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_KEY, 0, daemon->key };
        options[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_CERT, 0, daemon->cert };
        options[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)tls_priorities };
    }
    options[n] = (struct MHD_OptionItem){ MHD_OPTION_END, 0, NULL };
    daemon->mhd = MHD_start_daemon(flags, 0, admit, server, exchange_step, &server->host, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
    return daemon->mhd != NULL;
}

static bool daemon_new(struct http_server *server, int listen_fd, unsigned threads, struct bytes cert, struct bytes key,
                       struct daemon **ret, struct err *err)
{
    struct daemon *daemon = calloc(1, sizeof *daemon);
    struct err said = ERR_INIT;
    int fd = dup(listen_fd);
    bool ok = daemon && fd >= 0;

    if (daemon) {
        daemon->server = server;
        tickets_init(&daemon->tickets);
    }
    if (ok && key.len > 0) {
        daemon->cert = text_copy(cert);
        daemon->key = text_copy(key);
        ok = daemon->cert && daemon->key;
    }
    if (!ok) {
        if (fd >= 0)
            close(fd);
        daemon_free(daemon);
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    }
    reason = &said;
    ok = daemon_start(server, fd, threads, daemon);
    reason = NULL;
    if (!ok) { /* the library has closed fd */
        daemon_free(daemon);
        if (key.len > 0 && said.text[0])
            return err_set(err, ERR_MALFORMED, "the TLS certificate and key cannot be used: %s", said.text);
        return err_set(err, ERR_IO, "the server does not start: %s", said.text[0] ? said.text : "no reason known");
    }
    *ret = daemon;
    return true;
}

/* No further connections; those open go on. */
static void daemon_quiesce(struct daemon *daemon)
{
    MHD_socket fd = MHD_quiesce_daemon(daemon->mhd);

    if (fd != MHD_INVALID_SOCKET)
        close(fd);
}

/* ---- starting ------------------------------------------------------------------------------------------------------ */

static unsigned or_default(unsigned value, unsigned otherwise) { return value ? value : otherwise; }

static bool check_config(const struct http_server_config *config, struct err *err)
{
    for (size_t t = 0; t < config->n_tables; t++)
        for (size_t r = 0; r < config->tables[t].n; r++)
            if (!http_pattern_is_valid(config->tables[t].routes[r].pattern, err))
                return false;
    if (!config->listen && !config->unix_socket)
        return err_set(err, ERR_MALFORMED, "a server needs an address or a socket to listen on");
    if (config->listen && !config->plain && (config->cert_pem.len == 0 || config->key_pem.len == 0))
        return err_set(err, ERR_MALFORMED, "a server on the network needs a TLS certificate and its key");
    return true;
}

static bool start_network(struct http_server *server, const struct http_server_config *config, struct err *err)
{
    struct bytes key = config->plain ? BYTES_NONE : config->key_pem;

    if (!config->listen)
        return true;
    return listen_tcp(config->listen, &server->listen_fd, &server->port, err) &&
           daemon_new(server, server->listen_fd, pool_size(server), config->cert_pem, key, &server->network, err);
}

static bool start_local(struct http_server *server, const struct http_server_config *config, struct err *err)
{
    mode_t mode = config->unix_mode ? config->unix_mode : 0660;
    gid_t gid = config->unix_gid ? config->unix_gid : (gid_t)-1;
    bool ok;
    int fd;

    if (!config->unix_socket)
        return true;
    if (!listen_unix(config->unix_socket, mode, gid, &fd, err))
        return false;
    server->socket_path = text_copy(bytes_of_string(config->unix_socket));
    ok = server->socket_path ? daemon_new(server, fd, LOCAL_THREADS, BYTES_NONE, BYTES_NONE, &server->local, err)
                             : err_set(err, ERR_NO_MEMORY, "out of memory");
    close(fd);
    return ok;
}

bool http_server_start(const struct http_server_config *config, struct http_server **ret, struct err *err)
{
    struct http_server *server;
    struct connections *limits;

    if (!check_config(config, err))
        return false;
    server = calloc(1, sizeof *server);
    if (!server)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    server->config = *config;
    server->config.cert_pem = server->config.key_pem = BYTES_NONE; /* each daemon has its own copies */
    server->config.listen = server->config.unix_socket = NULL;
    server->listen_fd = -1;
    server->host.config = &server->config;
    pthread_mutex_init(&server->lock, NULL);
    server->config.answer_ms = or_default(config->answer_ms, LIMIT_HTTP_ANSWER_SECONDS * 1000);
    limits = &server->host.connections;
    limits->max = or_default(config->max_connections, LIMIT_HTTP_CONNECTIONS);
    limits->max_per_address = or_default(config->max_per_address, LIMIT_HTTP_CONNECTIONS_PER_ADDRESS);
    limits->max_per_loopback = or_default(config->max_per_loopback, UINT_MAX);
    limits->deadline_ms = or_default(config->deadline_ms, LIMIT_HTTP_DEADLINE_SECONDS * 1000);
    limits->kept_ms = config->kept_ms;
    limits->max_held = config->max_body_memory ? config->max_body_memory : LIMIT_HTTP_BODIES_BYTES;
    if (!connections_init(limits, err) || !start_network(server, config, err) || !start_local(server, config, err)) {
        http_server_stop(server, 0);
        return false;
    }
    *ret = server;
    return true;
}

unsigned http_server_port(const struct http_server *server) { return server->port; }

/* ---- while it runs ------------------------------------------------------------------------------------------------- */

/* Daemons of earlier certificates go when their last connection has gone. */
static void reap_retired(struct http_server *server)
{
    struct daemon **at = &server->retired;

    while (*at) {
        struct daemon *daemon = *at;
        const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon->mhd, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);

        if (info && info->num_connections > 0) {
            at = &daemon->next;
            continue;
        }
        *at = daemon->next;
        daemon_free(daemon);
    }
}

bool http_server_replace_certificate(struct http_server *server, struct bytes cert_pem, struct bytes key_pem, struct err *err)
{
    struct daemon *fresh = NULL;
    bool ok;

    if (cert_pem.len == 0 || key_pem.len == 0)
        return err_set(err, ERR_MALFORMED, "a TLS certificate and its key are needed");
    pthread_mutex_lock(&server->lock);
    reap_retired(server);
    ok = server->network ? daemon_new(server, server->listen_fd, pool_size(server), cert_pem, key_pem, &fresh, err)
                         : err_set(err, ERR_UNSUPPORTED, "this server does not listen on the network");
    if (ok) {
        daemon_quiesce(server->network);
        server->network->next = server->retired;
        server->retired = server->network;
        server->network = fresh;
        connections_outdate(&server->host.connections); /* the old one can go when its last connection has gone */
    }
    pthread_mutex_unlock(&server->lock);
    return ok;
}

struct http_server_stats http_server_stats(struct http_server *server)
{
    return (struct http_server_stats){ .requests = server->host.requests,
                                       .connections_made = server->host.connections.made,
                                       .connections_open = connections_count(&server->host.connections),
                                       .connections_kept = connections_kept(&server->host.connections),
                                       .connections_refused = server->host.connections.refused,
                                       .deadlines_hit = server->host.connections.deadlines_hit,
                                       .body_bytes = connections_held(&server->host.connections),
                                       .late = server->host.late };
}

/* ---- stopping ------------------------------------------------------------------------------------------------------ */

static void wait_for_requests(struct http_server *server, unsigned grace_ms)
{
    int64_t until = clock_monotonic_ms() + grace_ms;
    struct timespec pause = { 0, STOP_STEP_MS * 1000 * 1000 };

    while (server->host.in_flight > 0 && clock_monotonic_ms() < until)
        nanosleep(&pause, NULL);
}

void http_server_stop(struct http_server *server, unsigned grace_ms)
{
    if (!server)
        return;
    server->host.stopping = true;
    if (server->network)
        daemon_quiesce(server->network);
    if (server->local)
        daemon_quiesce(server->local);
    if (server->listen_fd >= 0)
        close(server->listen_fd); /* from here on connecting is refused, not left waiting */
    if (server->socket_path)
        unlink(server->socket_path);
    wait_for_requests(server, grace_ms);
    daemon_free(server->network);
    daemon_free(server->local);
    while (server->retired) {
        struct daemon *next = server->retired->next;

        daemon_free(server->retired);
        server->retired = next;
    }
    connections_done(&server->host.connections);
    pthread_mutex_destroy(&server->lock);
    free(server->socket_path);
    free(server);
}
