#include "agent/daemon/routes.h"
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void routes_open(struct routes *ret)
{
    struct sockaddr_nl own = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE };

    *ret =
        (struct routes){ .fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE), .acted_ms = -ROUTES_EVERY_MS };
    if (ret->fd >= 0 && bind(ret->fd, (struct sockaddr *)&own, sizeof own) != 0)
        routes_close(ret);
}

void routes_close(struct routes *w)
{
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
}

/* Headers are copied out: the bytes need not be aligned. */
bool routes_name_default(struct bytes messages)
{
    while (messages.len >= sizeof(struct nlmsghdr)) {
        struct nlmsghdr header;
        struct rtmsg route;
        size_t step;

        memcpy(&header, messages.data, sizeof header);
        if (header.nlmsg_len < sizeof header || header.nlmsg_len > messages.len)
            return false;
        if (header.nlmsg_type == RTM_NEWROUTE && header.nlmsg_len >= sizeof header + sizeof route) {
            memcpy(&route, messages.data + sizeof header, sizeof route);
            if (route.rtm_dst_len == 0 && route.rtm_type == RTN_UNICAST && route.rtm_table == RT_TABLE_MAIN)
                return true;
        }
        step = NLMSG_ALIGN((size_t)header.nlmsg_len);
        messages = bytes_slice(messages, step, messages.len);
    }
    return false;
}

bool routes_look(const struct routes *w)
{
    uint8_t buffer[16384];
    bool found = false;
    ssize_t n;

    while (w->fd >= 0) {
        struct sockaddr_nl from = { 0 };
        socklen_t len = sizeof from;

        n = recvfrom(w->fd, buffer, sizeof buffer, 0, (struct sockaddr *)&from, &len);
        if (n < 0 && errno == ENOBUFS) { /* more than we were told: one of them may have been it */
            found = true;
            continue;
        }
        if (n <= 0)
            break;
        if (from.nl_pid == 0) /* the kernel's word only */
            found |= routes_name_default((struct bytes){ buffer, (size_t)n });
    }
    return found;
}
