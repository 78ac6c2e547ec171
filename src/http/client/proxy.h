/* http/client/proxy.h: which proxy a request takes, if any (guest-agent.md 8.5). Pure: settings are passed in.
 *
 * The settings' proxy, else the environment's https_proxy, HTTPS_PROXY (http_proxy for http URLs; HTTP_PROXY never: a CGI program's request
 * header would set it), else none; a variable that is empty is not set. Exceptions: the settings' no_proxy, else the environment's no_proxy or NO_PROXY: names separated by commas or blanks, "*" for
 * all, "example.org" and ".example.org" for the name and what ends with it, addresses and CIDR blocks for literal addresses, each
 * with ":PORT" if it is for one port only. Loopback, link-local and the hosts' wire address never go through a proxy. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

struct proxy_settings {
    const char *proxy, *no_proxy;                      /* what was configured; NULL: not */
    const char *https_proxy, *http_proxy, *exceptions; /* the environment's; NULL or "": not set */
};
/* The environment's part of *ret; the strings are getenv's. */
void proxy_environment(struct proxy_settings *ret);
/* The variable of the environment that counts: "https_proxy" or "HTTPS_PROXY", "no_proxy" or "NO_PROXY". */
const char *proxy_variable(void);
const char *proxy_exceptions_variable(void);

/* A proxy's address: [http[s]://][USER[:PASSWORD]@]HOST[:PORT][/], an IPv6 address between [ and ]. MALFORMED: it is none; the text quotes it without its
 * credentials. */
struct proxy_address {
    const char *url;          /* http[s]://HOST:PORT, in the arena */
    struct bytes credentials; /* as they stand there, percent-encoded; a view into `text`, empty: none */
};
MUST_CHECK bool proxy_address_read(const char *text, struct arena *a, struct proxy_address *ret, struct err *err);
/* "user:password", decoded, in the arena; with a colon in any case. MALFORMED, without a word of it: a bad escape, a control character, a colon in the user's name. */
MUST_CHECK bool proxy_credentials_read(struct bytes encoded, struct arena *a, struct bytes *ret, struct err *err);
/* The first word of a list of exceptions that is no name, address or block, and so excepts nothing; empty: there is none. */
struct bytes proxy_first_bad_exception(const char *no_proxy);

/* Whether `url`'s host and port are an exception. */
bool proxy_is_excepted(const char *url, const char *no_proxy);
/* "localhost", literal loopback and link-local addresses, 168.63.129.16. */
bool proxy_is_never(const char *url);

/* *ret is NULL for a direct connection, else "http://host:port" in the arena, without credentials. MALFORMED: a proxy that is not HTTP,
 * or a configured one with credentials in it: they belong into a file of their own. The environment's are dropped with
 * *ret_dropped_credentials set. */
MUST_CHECK bool proxy_choose(const struct proxy_settings *settings, const char *url, struct arena *a, const char **ret,
                             bool *ret_dropped_credentials, struct err *err);

/* The parts of http(s)://[user@]host[:port][/…]; host without brackets. */
struct url_parts {
    bool https;
    struct bytes user, host;
    unsigned port;
    struct bytes path; /* from the slash on; may be empty */
};
MUST_CHECK bool url_split(const char *url, struct url_parts *ret);
