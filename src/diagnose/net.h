/* diagnose/net.h: the way to a server, stage by stage: name, route, TCP, proxy, TLS, HTTP, time, size (guest-agent.md 8.5, 10; control-plane.md
 * 6.2). A stage that fails names its class and the line that would let it pass; what depends on it is skipped. */
#pragma once
#include <sys/socket.h>
#include "diagnose/diagnosis.h"
#include "http/client/client.h"
#include "http/client/proxy.h"

struct net_endpoint {
    const char *role; /* "attest.endpoint" */
    const char *url;  /* https://HOST[:PORT][/path], without slash at its end */
    bool attests;     /* speaks the attestation API: has an OpenID document, takes evidence */
};

struct net_plan {
    const struct net_endpoint *endpoints;
    size_t n;
    struct http_client *client;  /* with the agent's own CA, pins, proxy and short deadlines */
    struct proxy_settings proxy; /* the same as the client's, with the environment's part */
    bool may_run;                /* nft may be asked */
    const char *root;            /* "", or another root for /etc/environment */
};

/* Equal URLs are looked at once. */
void net_check(struct diagnosis *d, const struct net_plan *plan);

/* ---- parts, for net.c ---- */

enum { NET_ADDRESSES_MAX = 8 };
struct net_address {
    struct sockaddr_storage at;
    socklen_t len;
    char text[64];
};
struct net_target {
    const char *subject; /* of the checks */
    struct bytes host;
    unsigned port;
    bool is_proxy;
    struct net_address addresses[NET_ADDRESSES_MAX];
    size_t n;
};

bool net_resolve(struct diagnosis *d, struct net_target *target);       /* net_reach.c: NET.01 */
void net_route(struct diagnosis *d, const struct net_target *target);   /* NET.02 */
bool net_connect(struct diagnosis *d, const struct net_target *target); /* NET.03 */
void net_filters(struct diagnosis *d, bool may_run, bool connects);     /* net_filters.c: NET.04 */

/* net_fix.c: the class of a failure with its number, and the lines that would fix it. `target` gives host, port and addresses. */
void net_classify(struct diagnosis *d, struct checked *c, enum http_failure failure, const struct net_target *target);
