/* Windows' own words around the network: its firewall, where people's proxies stand. */
#include "diagnose/registry_windows.h"
#include <winhttp.h>
#include "diagnose/net.h"

#define INTERNET_KEY L"Software\\Microsoft\\Windows\\CurrentVersion\\Internet Settings"

/* WinHTTP's own default first: services of others use that. */
const char *net_other_proxy(struct diagnosis *d UNUSED, const char *root UNUSED)
{
    WINHTTP_PROXY_INFO system = { 0 };
    const char *found = NULL;
    DWORD on = 0;

    if (WinHttpGetDefaultProxyConfiguration(&system) && system.lpszProxy && *system.lpszProxy)
        found = "WinHTTP's setting (netsh winhttp show proxy)";
    GlobalFree(system.lpszProxy);
    GlobalFree(system.lpszProxyBypass);
    if (!found && registry_number(HKEY_CURRENT_USER, INTERNET_KEY, L"ProxyEnable", &on) && on)
        found = "this user's Internet Settings";
    return found;
}

void net_local_allow(struct diagnosis *d, struct checked *c, const struct net_target *target)
{
    checked_fix(
        d, c,
        "Windows Firewall: New-NetFirewallRule -DisplayName \"trueboot attestation\" -Direction Outbound -Action Allow -Protocol TCP "
        "-RemoteAddress %s -RemotePort %u",
        target->n ? target->addresses[0].text : "ADDRESS", target->port);
}

void net_local_allow_names(struct diagnosis *d, struct checked *c)
{
    checked_fix(
        d, c, "Windows Firewall: New-NetFirewallRule -DisplayName \"DNS\" -Direction Outbound -Action Allow -Protocol UDP -RemotePort 53");
}

void net_local_lower_mtu(struct diagnosis *d, struct checked *c)
{
    checked_fix(d, c,
                "now:       netsh interface ipv4 set subinterface \"INTERFACE\" mtu=1400 store=active     (NET.02 names the interface)");
}

void net_local_set_clock(struct diagnosis *d, struct checked *c) { checked_fix(d, c, "clock:     w32tm /resync"); }
