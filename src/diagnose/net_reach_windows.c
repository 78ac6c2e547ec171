/* Route and TCP on Windows: Winsock, and the IP helper's interfaces. */
#include <winsock2.h>
#include <ws2tcpip.h>
#include <iphlpapi.h>
#include <netioapi.h>
#include <stdio.h>
#include "diagnose/net.h"
#include "diagnose/registry_windows.h"

static const char *own_address(struct diagnosis *d, const struct net_address *a)
{
    SOCKET s = socket(a->at.ss_family, SOCK_DGRAM, 0);
    struct sockaddr_storage own = { 0 };
    socklen_t len = sizeof own;
    char text[64] = "?";

    /* Connecting a datagram socket asks for the route and sends nothing. */
    if (s != INVALID_SOCKET && connect(s, (const struct sockaddr *)&a->at, a->len) == 0 &&
        getsockname(s, (struct sockaddr *)&own, &len) == 0 &&
        getnameinfo((struct sockaddr *)&own, len, text, sizeof text, NULL, 0, NI_NUMERICHOST) != 0)
        snprintf(text, sizeof text, "?");
    if (s != INVALID_SOCKET)
        closesocket(s);
    return arena_string(d->arena, bytes_of_string(text));
}

void net_route_to(struct diagnosis *d, const struct net_target *target, const struct net_address *a)
{
    struct sockaddr_storage to = a->at;
    MIB_IF_ROW2 row = { 0 };
    const char *own;
    struct checked *c;
    DWORD index = 0, result = GetBestInterfaceEx((struct sockaddr *)&to, &index);

    if (result != NO_ERROR) {
        c = diagnosis_add(d, CHECK_ROUTE, RESULT_FAIL, "no route to %s: Windows error %lu", a->text, (unsigned long)result);
        c->subject = target->subject;
        net_classify(d, c, HTTP_FAILURE_CONNECT_REFUSED, target);
        checked_remedy(d, c, "give this machine a route there (route print), or a proxy");
        return;
    }
    row.InterfaceIndex = index;
    if (GetIfEntry2(&row) != NO_ERROR)
        row.Mtu = 0;
    own = own_address(d, a);
    c = diagnosis_add(d, CHECK_ROUTE, RESULT_PASS, "to %s by %s, from %s, MTU %lu", a->text,
                      row.Alias[0] ? registry_narrow(d, row.Alias) : arena_printf(d->arena, "interface %lu", (unsigned long)index),
                      own ? own : "?", (unsigned long)row.Mtu);
    c->subject = target->subject;
}

static enum net_progress progress_of(int error)
{
    return error == WSAECONNREFUSED ? NET_REFUSED : error == WSAETIMEDOUT ? NET_TIMED_OUT : NET_FAILED;
}

static void failed(struct net_attempt *t, int error)
{
    t->error = error;
    t->progress = progress_of(error);
}

void net_attempt_begin(const struct net_address *a, struct net_attempt *ret)
{
    SOCKET s = socket(a->at.ss_family, SOCK_STREAM, 0);
    u_long on = 1;

    *ret = (struct net_attempt){ .socket = (intptr_t)s };
    if (s == INVALID_SOCKET || ioctlsocket(s, (long)FIONBIO, &on) != 0 ||
        (connect(s, (const struct sockaddr *)&a->at, a->len) != 0 && WSAGetLastError() != WSAEWOULDBLOCK))
        failed(ret, WSAGetLastError());
}

void net_attempt_end(struct net_attempt *t)
{
    if ((SOCKET)t->socket != INVALID_SOCKET)
        closesocket((SOCKET)t->socket);
}

/* select, not WSAPoll: before Windows 10 2004 that says nothing of a connection that fails. */
void net_attempts_wait(struct net_attempt *tries, size_t n, unsigned wait_ms)
{
    struct timeval wait = { .tv_sec = (long)(wait_ms / 1000), .tv_usec = (long)(wait_ms % 1000 * 1000) };
    fd_set done, broken;

    FD_ZERO(&done);
    FD_ZERO(&broken);
    for (size_t i = 0; i < n; i++) {
        if (tries[i].progress != NET_TRYING)
            continue;
        FD_SET((SOCKET)tries[i].socket, &done);
        FD_SET((SOCKET)tries[i].socket, &broken);
    }
    if (select(0, NULL, &done, &broken, &wait) <= 0)
        return;
    for (size_t i = 0; i < n; i++) {
        int error = 0, len = sizeof error;

        if (tries[i].progress != NET_TRYING)
            continue;
        if (FD_ISSET((SOCKET)tries[i].socket, &broken)) {
            getsockopt((SOCKET)tries[i].socket, SOL_SOCKET, SO_ERROR, (char *)&error, &len);
            failed(&tries[i], error ? error : WSAECONNREFUSED);
        } else if (FD_ISSET((SOCKET)tries[i].socket, &done)) {
            tries[i].progress = NET_CONNECTED;
        }
    }
}

const char *net_error_text(struct diagnosis *d, int error)
{
    const char *text = error == WSAECONNREFUSED    ? "refused"
                       : error == WSAENETUNREACH   ? "no route to the network"
                       : error == WSAEHOSTUNREACH  ? "no route to the machine"
                       : error == WSAEACCES        ? "forbidden by this machine's own firewall"
                       : error == WSAEADDRNOTAVAIL ? "not an address to connect to"
                                                   : arena_printf(d->arena, "Windows error %d", error);

    return text ? text : "refused";
}

const char *net_resolver_text(struct diagnosis *d, int error)
{
    const char *text = arena_printf(d->arena, "the resolver says: Windows error %d", error);

    return text ? text : "the resolver fails";
}

/* Without it, what follows says so: WSANOTINITIALISED. */
void net_begin(void)
{
    WSADATA data;

    (void)!WSAStartup(MAKEWORD(2, 2), &data);
}
