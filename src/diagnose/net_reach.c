#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "diagnose/net.h"

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
void net_route_to(struct diagnosis *d, const struct net_target *target, const struct net_address *a)
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

/* ---- attempts ---- */

static enum net_progress progress_of(int error)
{
    return error == ECONNREFUSED ? NET_REFUSED : error == ETIMEDOUT ? NET_TIMED_OUT : NET_FAILED;
}

void net_attempt_begin(const struct net_address *a, struct net_attempt *ret)
{
    int fd = socket(a->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    *ret = (struct net_attempt){ .socket = fd };
    if (fd < 0 || (connect(fd, (const struct sockaddr *)&a->at, a->len) != 0 && errno != EINPROGRESS)) {
        ret->error = errno;
        ret->progress = progress_of(errno);
    }
}

void net_attempt_end(struct net_attempt *t)
{
    if (t->socket >= 0)
        close((int)t->socket);
}

void net_attempts_wait(struct net_attempt *tries, size_t n, unsigned wait_ms)
{
    struct pollfd fds[NET_ADDRESSES_MAX];

    for (size_t i = 0; i < n; i++)
        fds[i] = (struct pollfd){ .fd = tries[i].progress == NET_TRYING ? (int)tries[i].socket : -1, .events = POLLOUT };
    if (poll(fds, n, (int)wait_ms) <= 0)
        return;
    for (size_t i = 0; i < n; i++) {
        socklen_t len = sizeof tries[i].error;

        if (fds[i].fd < 0 || !fds[i].revents)
            continue;
        if (getsockopt(fds[i].fd, SOL_SOCKET, SO_ERROR, &tries[i].error, &len) != 0)
            tries[i].error = errno;
        tries[i].progress = tries[i].error ? progress_of(tries[i].error) : NET_CONNECTED;
    }
}

const char *net_error_text(struct diagnosis *d UNUSED, int error) { return strerror(error); }

const char *net_resolver_text(struct diagnosis *d UNUSED, int error) { return gai_strerror(error); }

void net_begin(void) {}
