/* truebootd/names.h: the names and addresses under which this server is reached: what its TLS certificate must say, and which Host means it.
 * Private to src/truebootd. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "store/store.h"

enum { SERVER_NAMES_MAX = 256 };

struct server_names {
    const char *items[SERVER_NAMES_MAX]; /* of the arena */
    size_t n;
};

/* What means this server itself: localhost, the host's name, that of the issuer's address, every local address, and 10.0.2.2: how a
 * guest on QEMU's user network sees its host. */
void server_names_own(struct arena *a, const char *issuer, struct server_names *names);

/* What the TLS certificate must cover besides: *.HOST for an issuer of https://HOST, where providers are NAME.HOST, and the hosts of providers'
 * own addresses. What does not fit any more is left out. */
MUST_CHECK bool server_names_of_providers(struct store *store, struct arena *a, const char *issuer, struct server_names *names,
                                          struct err *err);
