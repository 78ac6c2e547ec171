/* diagnose/net.h: the way to a server, stage by stage: name, route, TCP, proxy, TLS, HTTP, time, size (guest-agent.md 8.5, 10; control-plane.md
 * 6.2). A stage that fails names its class and the line that would let it pass; what depends on it is skipped. */
#pragma once
#include <sys/socket.h>
#include "diagnose/diagnosis.h"
#include "diagnose/words.h"
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

bool net_resolve(struct diagnosis *d, struct net_target *target);       /* net_resolve.c: NET.01 */
void net_route(struct diagnosis *d, const struct net_target *target);   /* net_connect.c: NET.02 */
bool net_connect(struct diagnosis *d, const struct net_target *target); /* net_connect.c: NET.03 */
void net_filters(struct diagnosis *d, bool may_run, bool connects);     /* net_filters.c: NET.04 */

/* net_reach.c: what the system wants before the first socket. */
void net_begin(void);
/* NET.02 for one address. */
void net_route_to(struct diagnosis *d, const struct net_target *target, const struct net_address *a);

/* net_reach.c: one address that is being connected to, without waiting for it. net_attempts_wait waits until something happens to one that is still
 * NET_TRYING, at most `wait_ms`. */
enum net_progress { NET_TRYING, NET_CONNECTED, NET_REFUSED, NET_TIMED_OUT, NET_FAILED };
struct net_attempt {
    intptr_t socket;
    enum net_progress progress;
    int error; /* the system's number */
};
void net_attempt_begin(const struct net_address *a, struct net_attempt *ret);
void net_attempts_wait(struct net_attempt *tries, size_t n, unsigned wait_ms);
void net_attempt_end(struct net_attempt *t);
const char *net_error_text(struct diagnosis *d, int error);
const char *net_resolver_text(struct diagnosis *d, int error); /* of getaddrinfo */

/* net_local.c: what only this system can say. net_other_proxy: where people's programs find a proxy that services do not; NULL: nowhere. The
 * others add lines in the words of this system's firewall and tools. */
const char *net_other_proxy(struct diagnosis *d, const char *root);
void net_local_allow(struct diagnosis *d, struct checked *c, const struct net_target *target);
void net_local_allow_names(struct diagnosis *d, struct checked *c);
void net_local_lower_mtu(struct diagnosis *d, struct checked *c);
void net_local_set_clock(struct diagnosis *d, struct checked *c);

/* net_resolve.c: all of them, for people. */
const char *net_addresses(struct diagnosis *d, const struct net_target *target);

/* net_fix.c: the class of a failure with its number, and the lines that would fix it. `target` gives host, port and addresses. */
void net_classify(struct diagnosis *d, struct checked *c, enum http_failure failure, const struct net_target *target);
