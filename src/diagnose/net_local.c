/* This system's own words around the network: its firewalls, where people's proxies stand. */
#include <stdio.h>
#include "base/file.h"
#include "diagnose/net.h"

/* The commonest case: people's shells have a proxy, the service has none. */
const char *net_other_proxy(struct diagnosis *d, const char *root)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const char *path = arena_printf(&a, "%s/etc/environment", root), *found;
    struct bytes text;
    struct err ignored;

    if (!path || !file_read_in(&a, path, 65536, &text, &ignored) || !(found = arena_string(&a, text)))
        return NULL;
    found = strcasestr(found, "https_proxy");
    return found ? arena_printf(d->arena, "/etc/environment") : NULL;
}

static bool is_v6(const struct net_address *a) { return a->at.ss_family == AF_INET6; }

void net_local_allow(struct diagnosis *d, struct checked *c, const struct net_target *target)
{
    const struct net_address *first = target->n ? &target->addresses[0] : NULL;
    const char *to = first ? first->text : "ADDRESS";

    checked_fix(d, c, "nftables:  nft insert rule inet filter output %s daddr %s tcp dport %u accept", first && is_v6(first) ? "ip6" : "ip",
                to, target->port);
    checked_fix(d, c,
                "firewalld: firewall-cmd --permanent --direct --add-rule %s filter OUTPUT 0 -p tcp -d %s --dport %u -j ACCEPT && "
                "firewall-cmd --reload",
                first && is_v6(first) ? "ipv6" : "ipv4", to, target->port);
}

void net_local_allow_names(struct diagnosis *d, struct checked *c)
{
    checked_fix(d, c, "nftables:  nft insert rule inet filter output meta l4proto { tcp, udp } th dport 53 accept");
    checked_fix(d, c,
                "firewalld: firewall-cmd --permanent --direct --add-rule ipv4 filter OUTPUT 0 -p udp --dport 53 -j ACCEPT && firewall-cmd "
                "--reload");
}

void net_local_lower_mtu(struct diagnosis *d, struct checked *c)
{
    checked_fix(d, c, "now:       ip link set dev INTERFACE mtu 1400     (NET.02 names the interface)");
}

void net_local_set_clock(struct diagnosis *d, struct checked *c)
{
    checked_fix(d, c, "clock:     timedatectl set-ntp true     (or chronyc makestep)");
}
