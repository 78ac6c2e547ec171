#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "truebootd/server.h"

/* Blocked before any thread starts, so that only sigwait() sees them. */
static void block_signals(sigset_t *ret)
{
    sigemptyset(ret);
    sigaddset(ret, SIGTERM);
    sigaddset(ret, SIGINT);
    sigaddset(ret, SIGHUP);
    sigprocmask(SIG_BLOCK, ret, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error like a full disk, not the server's end */
}

/* SIGHUP: what cannot be read changes nothing. */
static void reload(struct server *server, struct arena *a, int argc, char **argv)
{
    struct config *fresh = ARENA_NEW(a, struct config);
    struct err err = ERR_INIT;
    const char *waiting = NULL;

    if (!fresh || config_read(a, argc, argv, fresh, &err) != CONFIG_RUN) {
        log_event(LOG_ERROR, "the settings stay as they are", "error", err.text, NULL);
        return;
    }
    config_reload(server->config, fresh, a, &waiting);
    server_reload(server);
    log_event(LOG_INFO, "settings read anew", NULL);
    if (waiting)
        log_event(LOG_WARNING, "these settings wait for a restart", "settings", waiting, NULL);
}

int main(int argc, char **argv)
{
    static struct config config;
    static struct server server;
    struct arena a CLEANUP(arena_done) = { 0 }; /* of settings: a reload adds to it a few kilobytes */
    struct err err = ERR_INIT;
    sigset_t signals;
    int received;

    if (argc == 2 && strcmp(argv[1], "--list-routes") == 0) {
        server_list_routes(stdout);
        return 0;
    }
    switch (config_read(&a, argc, argv, &config, &err)) {
    case CONFIG_DONE:
        return 0;
    case CONFIG_WRONG:
        fprintf(stderr, "truebootd: %s\n", err.text);
        return 2;
    case CONFIG_RUN:
        break;
    }
    block_signals(&signals);
    if (!server_start(&config, &server, &err)) {
        fprintf(stderr, "truebootd: %s\n", err.text);
        return 1;
    }
    log_event(LOG_INFO, "ready", "url", server.attestation.issuer, "listen", config.listen, "socket", config.socket, "data", config.data,
              "profile", config.profile, NULL);
    while (sigwait(&signals, &received) == 0 && received == SIGHUP)
        reload(&server, &a, argc, argv);
    log_event(LOG_INFO, "stopping", "signal", received == SIGINT ? "SIGINT" : "SIGTERM", NULL);
    server_stop(&server);
    return 0;
}
