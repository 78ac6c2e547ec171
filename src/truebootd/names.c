#include "truebootd/names.h"
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdlib.h>
#include <unistd.h>
#include "attestation/provider/authority.h"
#include "base/limits.h"
#include "store/providers.h"

static void add(struct arena *a, struct server_names *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->items[i], name) == 0)
            return;
    if (names->n < SERVER_NAMES_MAX && (names->items[names->n] = arena_string(a, bytes_of_string(name))))
        names->n++;
}

/* The host of an address that has one of its own; NULL otherwise. */
static const char *host_of(struct arena *a, const char *uri, struct authority *ret)
{
    struct err ignored = ERR_INIT;

    return authority_of_uri(bytes_of_string(uri), ret, &ignored) ? arena_lower(a, ret->name) : NULL;
}

static void add_local_addresses(struct arena *a, struct server_names *names)
{
    struct ifaddrs *list = NULL;

    if (getifaddrs(&list) != 0)
        return;
    for (struct ifaddrs *i = list; i; i = i->ifa_next) {
        socklen_t len = !i->ifa_addr ? 0 : i->ifa_addr->sa_family == AF_INET ? 16 : i->ifa_addr->sa_family == AF_INET6 ? 28 : 0;
        char text[NI_MAXHOST];
        if (len && getnameinfo(i->ifa_addr, len, text, sizeof text, NULL, 0, NI_NUMERICHOST) == 0 && !strchr(text, '%'))
            add(a, names, text);
    }
    freeifaddrs(list);
}

void server_names_own(struct arena *a, const char *issuer, struct server_names *names)
{
    struct authority authority;
    const char *of_issuer = host_of(a, issuer, &authority);
    char host[256];

    names->n = 0;
    add(a, names, "localhost");
    if (gethostname(host, sizeof host) == 0 && memchr(host, 0, sizeof host) && host[0])
        add(a, names, host);
    if (of_issuer)
        add(a, names, of_issuer);
    add(a, names, "127.0.0.1");
    add(a, names, "::1");
    add(a, names, "10.0.2.2");
    add_local_addresses(a, names);
}

bool server_names_of_providers(struct store *store, struct arena *a, const char *issuer, struct server_names *names, struct err *err)
{
    const struct store_provider *rows;
    struct authority authority;
    const char *host = host_of(a, issuer, &authority), *after = NULL;
    size_t n;

    if (host && !authority.is_address && strchr(host, '.')) {
        host = arena_printf(a, "*.%s", host);
        if (host)
            add(a, names, host);
    }
    do {
        if (!store_provider_list(store, a, after, LIMIT_LIST_PAGE, &rows, &n, err))
            return false;
        for (size_t i = 0; i < n; i++) {
            host = host_of(a, rows[i].attest_uri, &authority);
            if (host)
                add(a, names, host);
        }
        after = n ? rows[n - 1].name : NULL;
    } while (n == LIMIT_LIST_PAGE);
    return true;
}
