/* From a class to the rule that is most likely in the way, and the lines that would open it (guest-agent.md 8.5; control-plane.md 6.1). */
#include <stdio.h>
#include "diagnose/net.h"

static bool is_cloud(const struct net_target *target) { return bytes_ends_with(target->host, BYTES_LIT(".attest.azure.net")); }

/* Outbound TCP to the target, in three firewalls' words. */
static void allow_target(struct diagnosis *d, struct checked *c, const struct net_target *target)
{
    const struct net_address *first = target->n ? &target->addresses[0] : NULL;
    char literal[80];

    snprintf(literal, sizeof literal, "%.64s", first ? first->text : "ADDRESS");
    net_local_allow(d, c, target);
    checked_fix(d, c,
                "NSG:       az network nsg rule create -g GROUP --nsg-name NSG -n AllowAttestation --priority 200 --direction Outbound "
                "--access Allow "
                "--protocol Tcp --destination-port-ranges %u --destination-address-prefixes %s",
                target->port, is_cloud(target) ? "AzureAttestation" : literal);
    checked_fix(d, c, "FQDN rule: allow https to %.*s%s, port %u", BYTES_FMT(bytes_slice(target->host, 0, 200)),
                is_cloud(target) ? " (or *.attest.azure.net, service tag AzureAttestation)" : "", target->port);
}

static void allow_names(struct diagnosis *d, struct checked *c, const struct net_target *target UNUSED)
{
    net_local_allow_names(d, c);
    checked_fix(
        d, c,
        "NSG:       az network nsg rule create -g GROUP --nsg-name NSG -n AllowDns --priority 190 --direction Outbound --access Allow "
        "--protocol '*' --destination-port-ranges 53 --destination-address-prefixes RESOLVER");
    checked_fix(d, c, "hosts:     a private server can be named in %s", machine_words.hosts_file);
}

static void allow_in_proxy(struct diagnosis *d, struct checked *c, const struct net_target *target)
{
    checked_fix(d, c, "squid:     acl attestation dstdomain %.*s", BYTES_FMT(bytes_slice(target->host, 0, 200)));
    checked_fix(d, c, "squid:     http_access allow CONNECT attestation");
    checked_fix(d, c, "agent:     net.no_proxy = %.*s      (if it can be reached directly)", BYTES_FMT(bytes_slice(target->host, 0, 200)));
}

static void give_credentials(struct diagnosis *d, struct checked *c, const struct net_target *target UNUSED)
{
    checked_fix(d, c, "agent:     net.proxy_credentials_file = %sproxy.credentials   (user:password; %s)", machine_words.config_folder,
                machine_words.only_ours);
}

static void spare_inspection(struct diagnosis *d, struct checked *c, const struct net_target *target)
{
    checked_fix(d, c, "squid:     acl attestation ssl::server_name %.*s", BYTES_FMT(bytes_slice(target->host, 0, 200)));
    checked_fix(d, c, "squid:     ssl_bump splice attestation");
    checked_fix(d, c, "agent:     net.ca_file = %sca.pem       (the CA of the server, or the inspecting proxy's)",
                machine_words.config_folder);
}

static void lower_mtu(struct diagnosis *d, struct checked *c, const struct net_target *target UNUSED)
{
    net_local_lower_mtu(d, c);
    checked_fix(d, c, "router:    nft add rule inet filter forward tcp flags syn tcp option maxseg size set rt mtu");
    checked_fix(d, c, "firewall:  let ICMP \"fragmentation needed\" and ICMPv6 \"packet too big\" pass");
}

static void set_clock(struct diagnosis *d, struct checked *c, const struct net_target *target UNUSED) { net_local_set_clock(d, c); }

static const struct {
    enum http_failure failure;
    enum cause cause;
    const char *remedy;
    void (*fixes)(struct diagnosis *d, struct checked *c, const struct net_target *target);
} classes[] = {
    { HTTP_FAILURE_DNS, CAUSE_DNS, "correct the name or the resolver; for split DNS or an NSG allow port 53 to it", allow_names },
    { HTTP_FAILURE_CONNECT_TIMEOUT, CAUSE_FIREWALL, "a firewall or NSG drops it (rule: outbound TCP denied): allow it outbound",
      allow_target },
    { HTTP_FAILURE_CONNECT_REFUSED, CAUSE_FIREWALL, "the service is down, or a firewall rejects it: start it, or allow it outbound",
      allow_target },
    { HTTP_FAILURE_PROXY_AUTH, CAUSE_PROXY, "give the proxy's user and password", give_credentials },
    { HTTP_FAILURE_PROXY_BLOCK, CAUSE_PROXY, "put the name on the proxy's allow-list", allow_in_proxy },
    { HTTP_FAILURE_TLS_UNTRUSTED, CAUSE_TLS, "exclude the name from TLS inspection, or install the CA that issued the presented chain",
      spare_inspection },
    { HTTP_FAILURE_TLS_NAME, CAUSE_TLS, "use a name that the certificate has, or give the server a certificate for this one", NULL },
    { HTTP_FAILURE_TLS_TIME, CAUSE_TIME, "set this machine's clock, or renew the server's certificate", set_clock },
    { HTTP_FAILURE_TLS_PROTO, CAUSE_TLS, "a firewall that filters by name (SNI) cuts it off, or the server has no TLS 1.2: allow the name",
      allow_target },
    { HTTP_FAILURE_MTU, CAUSE_FIREWALL, "large packets are lost on the path: lower the MTU", lower_mtu },
    { HTTP_FAILURE_TIMEOUT, CAUSE_FIREWALL, "the server is overloaded, or a middlebox swallows the answer", NULL },
    { HTTP_FAILURE_CA_FILE, CAUSE_TLS, "correct net.ca_file: PEM certificates are wanted", NULL },
    { HTTP_FAILURE_DROPPED, CAUSE_FIREWALL,
      "the server stopped, or a firewall that looks inside cuts it off: try again, then allow the name in it", allow_target },
    { HTTP_FAILURE_TOO_LARGE, CAUSE_PROXY,
      "somebody else than our server answers: correct the address, or have the proxy let this name through", allow_in_proxy },
    { HTTP_FAILURE_CLIENT_CERT, CAUSE_TLS, "correct net.client_cert_file and net.client_key_file: PEM, and the key of that certificate",
      NULL },
    { HTTP_FAILURE_LOCAL, CAUSE_OTHER, "free some memory or file descriptors and run it again", NULL },
    { HTTP_FAILURE_URL, CAUSE_OTHER, "correct the address: https://HOST[:PORT]", NULL },
};

void net_classify(struct diagnosis *d, struct checked *c, enum http_failure failure, const struct net_target *target)
{
    c->class = http_failure_slug(failure);
    c->number = http_failure_number(failure);
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        if (classes[i].failure != failure)
            continue;
        c->cause = classes[i].cause;
        checked_remedy(d, c, "%s", classes[i].remedy);
        if (classes[i].fixes)
            classes[i].fixes(d, c, target);
    }
}
