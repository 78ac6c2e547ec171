#define _GNU_SOURCE
#include "agent/daemon/notify.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int channel = -1;
static struct sockaddr_un address;
static socklen_t address_len;

void notify_open(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    size_t len = path ? strlen(path) : 0;

    if (channel >= 0 || len < 2 || len >= sizeof address.sun_path || (*path != '/' && *path != '@'))
        return;
    address.sun_family = AF_UNIX;
    memcpy(address.sun_path, path, len);
    if (*path == '@')
        address.sun_path[0] = 0; /* an abstract name */
    address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    channel = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

void notify_send(const char *text)
{
    if (channel >= 0)
        (void)!sendto(channel, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT, (const struct sockaddr *)&address, address_len);
}

int64_t notify_watchdog_ms(void)
{
    const char *text = getenv("WATCHDOG_USEC"), *whom = getenv("WATCHDOG_PID");
    char *end;
    long long us = text ? strtoll(text, &end, 10) : 0;

    if (!text || end == text || *end || us <= 0 || (whom && strtoll(whom, NULL, 10) != (long long)getpid()))
        return 0;
    return us / 1000;
}
