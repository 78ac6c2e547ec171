#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "base/clock.h"
#include "diagnose/net.h"

enum { RESOLVE_SECONDS = 6, CONNECT_TRIES = 3, CONNECT_MS = 3000 };

/* ---- name: getaddrinfo knows no deadline, so it runs beside us and is left behind when it passes ---- */

struct lookup {
    pthread_mutex_t lock;
    pthread_cond_t done_changed;
    bool done, abandoned;
    char host[256], port[8];
    int result;
    struct addrinfo *found;
};

static void lookup_free(struct lookup *l)
{
    if (l->found)
        freeaddrinfo(l->found);
    pthread_cond_destroy(&l->done_changed);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

static void *look_up(void *context)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG }, *found = NULL;
    struct lookup *l = context;
    int result = getaddrinfo(l->host, l->port, &hints, &found);
    bool abandoned;

    pthread_mutex_lock(&l->lock);
    l->done = true;
    l->result = result;
    l->found = result == 0 ? found : NULL;
    abandoned = l->abandoned;
    pthread_cond_signal(&l->done_changed);
    pthread_mutex_unlock(&l->lock);
    if (abandoned)
        lookup_free(l);
    return NULL;
}

static struct lookup *lookup_start(const struct net_target *target)
{
    struct lookup *l = calloc(1, sizeof *l);
    pthread_condattr_t monotonic;
    pthread_t thread;

    if (!l)
        return NULL;
    pthread_mutex_init(&l->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&l->done_changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    snprintf(l->host, sizeof l->host, "%.*s", BYTES_FMT(bytes_slice(target->host, 0, 255)));
    snprintf(l->port, sizeof l->port, "%u", target->port);
    if (pthread_create(&thread, NULL, look_up, l) != 0) {
        lookup_free(l);
        return NULL;
    }
    pthread_detach(thread);
    return l;
}

/* False: no answer in time; the lookup frees itself then. */
static bool lookup_wait(struct lookup *l, unsigned seconds)
{
    struct timespec until = { 0 };
    bool done;

    clock_gettime(CLOCK_MONOTONIC, &until); /* the wall clock may be what is wrong, or be set meanwhile */
    until.tv_sec += seconds;
    pthread_mutex_lock(&l->lock);
    while (!l->done && pthread_cond_timedwait(&l->done_changed, &l->lock, &until) == 0)
        continue;
    done = l->done;
    l->abandoned = !done;
    pthread_mutex_unlock(&l->lock);
    return done;
}

static void keep_addresses(struct net_target *target, const struct addrinfo *found)
{
    for (; found && target->n < NET_ADDRESSES_MAX; found = found->ai_next) {
        struct net_address *a = &target->addresses[target->n];

        if (found->ai_addrlen > sizeof a->at ||
            getnameinfo(found->ai_addr, found->ai_addrlen, a->text, sizeof a->text, NULL, 0, NI_NUMERICHOST) != 0)
            continue;
        memcpy(&a->at, found->ai_addr, found->ai_addrlen);
        a->len = found->ai_addrlen;
        target->n++;
    }
}

static const char *list_addresses(struct diagnosis *d, const struct net_target *target)
{
    const char *text = "";

    for (size_t i = 0; i < target->n && text; i++)
        text = arena_printf(d->arena, "%s%s%s", text, i ? ", " : "", target->addresses[i].text);
    return text ? text : "";
}

/* What name filters answer instead of an address. */
static bool is_sinkhole(const struct net_target *target)
{
    char name[256];

    snprintf(name, sizeof name, "%.*s", BYTES_FMT(bytes_slice(target->host, 0, 255)));
    for (size_t i = 0; i < target->n; i++) {
        const char *text = target->addresses[i].text;

        if (strcmp(name, text) != 0 && strcmp(name, "localhost") != 0 &&
            (strcmp(text, "0.0.0.0") == 0 || strcmp(text, "::") == 0 || strncmp(text, "127.", 4) == 0))
            return true;
    }
    return false;
}

static bool resolve_failed(struct diagnosis *d, const struct net_target *target, const char *why)
{
    struct checked *c = diagnosis_add(d, CHECK_RESOLVE, RESULT_FAIL, "%.*s: %s", BYTES_FMT(bytes_slice(target->host, 0, 200)), why);

    c->subject = target->subject;
    net_classify(d, c, HTTP_FAILURE_DNS, target);
    return false;
}

bool net_resolve(struct diagnosis *d, struct net_target *target)
{
    struct lookup *l = lookup_start(target);
    struct checked *c;
    int result;

    if (!l)
        return resolve_failed(d, target, "out of memory");
    if (!lookup_wait(l, RESOLVE_SECONDS))
        return resolve_failed(d, target, "no answer of the resolver");
    result = l->result;
    keep_addresses(target, l->found);
    lookup_free(l);
    if (result == EAI_NONAME || result == EAI_NODATA)
        return resolve_failed(d, target, "there is no such name, says the resolver (NXDOMAIN)");
    if (result == EAI_AGAIN)
        return resolve_failed(d, target, "the resolver cannot say now (SERVFAIL or no answer)");
    if (result != 0 || !target->n)
        return resolve_failed(d, target, result ? gai_strerror(result) : "no address");
    c = diagnosis_add(d, CHECK_RESOLVE, is_sinkhole(target) ? RESULT_FAIL : RESULT_PASS, "%.*s is %s",
                      BYTES_FMT(bytes_slice(target->host, 0, 200)), list_addresses(d, target));
    c->subject = target->subject;
    if (c->result == RESULT_FAIL)
        checked_remedy(d, c, "a filter answers with an address of this machine: allow the name in the DNS filter");
    return c->result == RESULT_PASS;
}

/* ---- route ---- */

static bool interface_of(const struct sockaddr *own, char name[static IF_NAMESIZE])
{
    struct ifaddrs *all = NULL;
    bool found = false;

    if (getifaddrs(&all) != 0)
        return false;
    for (const struct ifaddrs *i = all; i && !found; i = i->ifa_next) {
        if (!i->ifa_addr || i->ifa_addr->sa_family != own->sa_family)
            continue;
        found = own->sa_family == AF_INET ? ((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr.s_addr ==
                                                ((const struct sockaddr_in *)(const void *)own)->sin_addr.s_addr
                                          : memcmp(&((const struct sockaddr_in6 *)(const void *)i->ifa_addr)->sin6_addr,
                                                   &((const struct sockaddr_in6 *)(const void *)own)->sin6_addr, 16) == 0;
        if (found)
            snprintf(name, IF_NAMESIZE, "%s", i->ifa_name);
    }
    freeifaddrs(all);
    return found;
}

static int mtu_of(int fd, const char *interface)
{
    struct ifreq request = { 0 };

    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", interface);
    return ioctl(fd, SIOCGIFMTU, &request) == 0 ? request.ifr_mtu : 0;
}

/* Connecting a datagram socket asks for the route and sends nothing. */
static void route_to(struct diagnosis *d, const struct net_target *target, const struct net_address *a)
{
    int fd = socket(a->at.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_storage own = { 0 };
    socklen_t len = sizeof own;
    char interface[IF_NAMESIZE] = "?", text[64] = "?";
    struct checked *c;

    if (fd < 0 || connect(fd, (const struct sockaddr *)&a->at, a->len) != 0) {
        c = diagnosis_add(d, CHECK_ROUTE, RESULT_FAIL, "no route to %s: %s", a->text, strerror(errno));
        c->subject = target->subject;
        net_classify(d, c, HTTP_FAILURE_CONNECT_REFUSED, target);
        checked_remedy(d, c, "give this machine a route there (ip route), or a proxy");
    } else {
        if (getsockname(fd, (struct sockaddr *)&own, &len) == 0) {
            (void)!interface_of((struct sockaddr *)&own, interface);
            if (getnameinfo((struct sockaddr *)&own, len, text, sizeof text, NULL, 0, NI_NUMERICHOST) != 0)
                snprintf(text, sizeof text, "?");
        }
        c = diagnosis_add(d, CHECK_ROUTE, RESULT_PASS, "to %s by %s, from %s, MTU %d", a->text, interface, text, mtu_of(fd, interface));
        c->subject = target->subject;
    }
    if (fd >= 0)
        close(fd);
}

void net_route(struct diagnosis *d, const struct net_target *target)
{
    bool seen[2] = { false, false };

    for (size_t i = 0; i < target->n; i++) {
        bool *family_seen = &seen[target->addresses[i].at.ss_family == AF_INET6];

        if (!*family_seen)
            route_to(d, target, &target->addresses[i]);
        *family_seen = true;
    }
}

/* ---- TCP ---- */

enum outcome { CONNECTED, REFUSED, NO_ANSWER };

struct attempt {
    int fd, error; /* error: why there is no connection; 0: none known */
};

static void begin(const struct net_address *a, struct attempt *t)
{
    *t = (struct attempt){ .fd = socket(a->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) };
    if (t->fd < 0 || (connect(t->fd, (const struct sockaddr *)&a->at, a->len) != 0 && errno != EINPROGRESS))
        t->error = errno;
}

static bool is_open(const struct attempt *t) { return t->fd >= 0 && !t->error; }

/* All addresses at the same time; the first that connects ends it. Which one; or -1. */
static int wait_for_one(struct attempt *tries, size_t n, unsigned wait_ms)
{
    int64_t deadline = clock_monotonic_ms() + wait_ms;

    for (int64_t left = wait_ms; left > 0; left = deadline - clock_monotonic_ms()) {
        struct pollfd fds[NET_ADDRESSES_MAX];
        bool any = false;

        for (size_t i = 0; i < n; i++) {
            fds[i] = (struct pollfd){ .fd = is_open(&tries[i]) ? tries[i].fd : -1, .events = POLLOUT };
            any |= is_open(&tries[i]);
        }
        if (!any || poll(fds, n, (int)left) <= 0)
            continue;
        for (size_t i = 0; i < n; i++) {
            socklen_t len = sizeof tries[i].error;

            if (fds[i].fd < 0 || !fds[i].revents)
                continue;
            if (getsockopt(tries[i].fd, SOL_SOCKET, SO_ERROR, &tries[i].error, &len) == 0 && !tries[i].error)
                return (int)i;
        }
        if (!any)
            break;
    }
    return -1;
}

static enum outcome try_once(const struct net_target *target, unsigned wait_ms, int *ret_which, int *ret_error)
{
    struct attempt tries[NET_ADDRESSES_MAX];
    enum outcome outcome = CONNECTED;

    for (size_t i = 0; i < target->n; i++)
        begin(&target->addresses[i], &tries[i]);
    *ret_which = wait_for_one(tries, target->n, wait_ms);
    if (*ret_which < 0) {
        outcome = REFUSED;
        for (size_t i = 0; i < target->n; i++) {
            if (is_open(&tries[i]) || tries[i].error == ETIMEDOUT)
                outcome = NO_ANSWER;
            else if (!*ret_error || tries[i].error == ECONNREFUSED)
                *ret_error = tries[i].error;
        }
    }
    for (size_t i = 0; i < target->n; i++)
        if (tries[i].fd >= 0)
            close(tries[i].fd);
    return outcome;
}

bool net_connect(struct diagnosis *d, const struct net_target *target)
{
    int64_t start = clock_monotonic_ms();
    enum outcome outcome = NO_ANSWER;
    int which = -1, error = 0;
    unsigned tries = 0;
    struct checked *c;

    while (tries < CONNECT_TRIES && outcome != CONNECTED && diagnosis_has_time(d)) {
        unsigned left = diagnosis_left_ms(d);

        error = 0;
        outcome = try_once(target, left < CONNECT_MS ? left : CONNECT_MS, &which, &error);
        tries++;
        if (outcome == REFUSED)
            break; /* it was said clearly */
    }
    if (outcome == CONNECTED) {
        c = diagnosis_add(d, CHECK_CONNECT, RESULT_PASS, "%s port %u in %lld ms%s", target->addresses[which].text, target->port,
                          (long long)(clock_monotonic_ms() - start), tries > 1 ? ", not at the first try" : "");
        c->subject = target->subject;
        return true;
    }
    c = diagnosis_add(d, CHECK_CONNECT, RESULT_FAIL, "%s port %u: %s after %u tries", list_addresses(d, target), target->port,
                      outcome == NO_ANSWER ? "no answer" : strerror(error), tries);
    c->subject = target->subject;
    net_classify(d, c, outcome == NO_ANSWER ? HTTP_FAILURE_CONNECT_TIMEOUT : HTTP_FAILURE_CONNECT_REFUSED, target);
    return false;
}
