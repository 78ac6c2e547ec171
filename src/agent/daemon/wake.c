#include "agent/daemon/wake.h"
#include <linux/netlink.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { KERNEL_EVENTS = 1 /* multicast group of the kernel itself; udev's is another */ };

static int64_t clock_ms(clockid_t id)
{
    struct timespec now = { 0 };

    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The boot-time clock counts sleep, the monotonic one does not. */
static int64_t asleep_ms(void) { return clock_ms(CLOCK_BOOTTIME) - clock_ms(CLOCK_MONOTONIC); }

static int open_events(void)
{
    struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = KERNEL_EVENTS };
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);

    if (fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

void wake_init(struct wake *wake) { *wake = (struct wake){ .asleep_ms = asleep_ms(), .socket = open_events() }; }

void wake_done(struct wake *wake)
{
    if (wake->socket >= 0)
        close(wake->socket);
    wake->socket = -1;
}

/* Only the kernel sends from port 0: other programs may send to the group, too. */
static bool read_event(int fd, struct bytes *ret, uint8_t *buffer, size_t size)
{
    struct sockaddr_nl from = { 0 };
    socklen_t from_len = sizeof from;
    ssize_t n = recvfrom(fd, buffer, size, 0, (struct sockaddr *)&from, &from_len);

    if (n < 0)
        return false;
    *ret = from.nl_pid == 0 ? (struct bytes){ buffer, (size_t)n } : BYTES_NONE;
    return true;
}

unsigned wake_look(struct wake *wake)
{
    unsigned signs = wake_slept(&wake->asleep_ms, asleep_ms()) ? WAKE_RESUMED : 0;
    uint8_t buffer[4096];
    struct bytes event;

    for (unsigned i = 0; i < 1000 && wake->socket >= 0 && read_event(wake->socket, &event, buffer, sizeof buffer); i++)
        if (wake_is_restored(event))
            signs |= WAKE_RESTORED;
    return signs;
}
