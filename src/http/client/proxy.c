#include "http/client/proxy.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include <strings.h>

void proxy_environment(struct proxy_settings *ret)
{
    const char *lower = getenv("https_proxy"), *no_lower = getenv("no_proxy");

    ret->https_proxy = lower ? lower : getenv("HTTPS_PROXY");
    ret->http_proxy = getenv("http_proxy");
    ret->exceptions = no_lower ? no_lower : getenv("NO_PROXY");
}

/* Splitting. */

static bool take_port(struct bytes text, unsigned *ret)
{
    unsigned port = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || port > 6553)
            return false;
        port = port * 10 + (text.data[i] - '0');
    }
    *ret = port;
    return text.len > 0 && port >= 1 && port <= 65535;
}

/* "host", "host:port", "[v6]", "[v6]:port", and a bare "v6". */
static bool split_host(struct bytes text, unsigned otherwise, struct bytes *ret_host, unsigned *ret_port)
{
    size_t colon = bytes_find(text, BYTES_LIT(":"));

    *ret_port = otherwise;
    if (text.len && text.data[0] == '[') {
        size_t end = bytes_find(text, BYTES_LIT("]"));

        if (end == SIZE_MAX)
            return false;
        *ret_host = bytes_slice(text, 1, end - 1);
        text = bytes_slice(text, end + 1, text.len);
        return ret_host->len && (!text.len || (text.data[0] == ':' && take_port(bytes_slice(text, 1, text.len), ret_port)));
    }
    *ret_host = text;
    if (colon == SIZE_MAX || bytes_find(bytes_slice(text, colon + 1, text.len), BYTES_LIT(":")) != SIZE_MAX)
        return text.len > 0;
    *ret_host = bytes_slice(text, 0, colon);
    return colon > 0 && take_port(bytes_slice(text, colon + 1, text.len), ret_port);
}

bool url_split(const char *url, struct url_parts *ret)
{
    struct bytes authority;
    size_t at;

    *ret = (struct url_parts){ .https = strncasecmp(url, "https://", 8) == 0 };
    if (!ret->https && strncasecmp(url, "http://", 7) != 0)
        return false;
    url += ret->https ? 8 : 7;
    authority = (struct bytes){ (const uint8_t *)url, strcspn(url, "/?#") };
    ret->path = bytes_of_string(url + authority.len);
    at = bytes_find(authority, BYTES_LIT("@"));
    if (at != SIZE_MAX) {
        ret->user = bytes_slice(authority, 0, at);
        authority = bytes_slice(authority, at + 1, authority.len);
    }
    return split_host(authority, ret->https ? 443 : 80, &ret->host, &ret->port);
}

/* Exceptions. */

struct address {
    int family; /* 0: a name */
    uint8_t bits[16];
};

static struct address address_of(struct bytes host)
{
    struct address a = { 0 };
    char text[64];

    if (host.len >= sizeof text)
        return a;
    memcpy(text, host.data, host.len);
    text[host.len] = 0;
    text[strcspn(text, "%")] = 0; /* fe80::1%eth0 */
    a.family = inet_pton(AF_INET, text, a.bits) == 1 ? AF_INET : inet_pton(AF_INET6, text, a.bits) == 1 ? AF_INET6 : 0;
    if (a.family == AF_INET6 && bytes_equal(bytes_slice(BYTES_OF(a.bits), 0, 12), BYTES_LIT("\0\0\0\0\0\0\0\0\0\0\xff\xff"))) {
        memmove(a.bits, a.bits + 12, 4); /* ::ffff:10.0.0.1 is 10.0.0.1 */
        a.family = AF_INET;
    }
    return a;
}

static bool is_within(const struct address *a, const struct address *block, unsigned prefix)
{
    unsigned whole = prefix / 8, rest = prefix % 8;

    if (!a->family || a->family != block->family || prefix > (a->family == AF_INET ? 32 : 128) || memcmp(a->bits, block->bits, whole) != 0)
        return false;
    return rest == 0 || (a->bits[whole] ^ block->bits[whole]) >> (8 - rest) == 0;
}

static bool ends_with_name(struct bytes host, struct bytes suffix)
{
    while (suffix.len && (suffix.data[0] == '.' || suffix.data[0] == '*'))
        suffix = bytes_slice(suffix, 1, suffix.len);
    if (!suffix.len || host.len < suffix.len ||
        strncasecmp((const char *)host.data + host.len - suffix.len, (const char *)suffix.data, suffix.len) != 0)
        return false;
    return host.len == suffix.len || host.data[host.len - suffix.len - 1] == '.';
}

static bool matches(const struct url_parts *url, struct bytes exception)
{
    size_t slash = bytes_find(exception, BYTES_LIT("/"));
    struct bytes host = exception;
    unsigned port = 0, prefix;
    struct address block, own = address_of(url->host);

    if (bytes_equal_string(exception, "*"))
        return true;
    if (slash != SIZE_MAX) {
        block = address_of(bytes_slice(exception, 0, slash));
        exception = bytes_slice(exception, slash + 1, exception.len);
        if (bytes_equal_string(exception, "0"))
            return own.family && own.family == block.family;
        return take_port(exception, &prefix) && is_within(&own, &block, prefix);
    }
    if (!address_of(exception).family && !split_host(exception, 0, &host, &port))
        return false;
    if (port && port != url->port)
        return false;
    block = address_of(host);
    return block.family ? is_within(&own, &block, block.family == AF_INET ? 32 : 128) : !own.family && ends_with_name(url->host, host);
}

static bool is_excepted(const struct url_parts *url, const char *list)
{
    while (*list) {
        size_t len = strcspn(list, ", \t");

        if (len && matches(url, (struct bytes){ (const uint8_t *)list, len }))
            return true;
        list += len;
        list += strspn(list, ", \t");
    }
    return false;
}

bool proxy_is_excepted(const char *url, const char *no_proxy)
{
    struct url_parts parts;

    return url_split(url, &parts) && is_excepted(&parts, no_proxy);
}

bool proxy_is_never(const char *url) { return proxy_is_excepted(url, "localhost,127.0.0.0/8,::1,169.254.0.0/16,fe80::/10,168.63.129.16"); }

/* Choosing. */

static const char *set_or_null(const char *text) { return text && *text ? text : NULL; }

static bool take_proxy(const char *text, bool configured, struct arena *a, const char **ret, bool *ret_dropped, struct err *err)
{
    const char *full = strstr(text, "://") ? text : arena_printf(a, "http://%s", text);
    struct url_parts parts;
    bool v6;

    if (!full)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    if (!url_split(full, &parts)) /* not quoted: it may hold a password */
        return err_set(err, ERR_MALFORMED, "the %s proxy is not http://HOST:PORT", configured ? "configured" : "environment's");
    if (parts.user.len && configured)
        return err_set(err, ERR_MALFORMED, "the configured proxy has credentials in its address: put them into the credentials file");
    *ret_dropped = parts.user.len > 0;
    if (!parts.https && parts.port == 80 &&
        !bytes_ends_with(bytes_slice(bytes_of_string(full), 0, strlen(full) - parts.path.len), BYTES_LIT(":80")))
        parts.port = 1080; /* as curl has it */
    v6 = bytes_find(parts.host, BYTES_LIT(":")) != SIZE_MAX;
    *ret = arena_printf(a, "%s://%s%.*s%s:%u", parts.https ? "https" : "http", v6 ? "[" : "", BYTES_FMT(parts.host), v6 ? "]" : "",
                        parts.port);
    return *ret ? true : err_set(err, ERR_NO_MEMORY, "out of memory");
}

bool proxy_choose(const struct proxy_settings *settings, const char *url, struct arena *a, const char **ret, bool *ret_dropped_credentials,
                  struct err *err)
{
    const char *configured = set_or_null(settings->proxy), *theirs;
    const char *exceptions = settings->no_proxy ? settings->no_proxy : set_or_null(settings->exceptions);
    struct url_parts parts;

    *ret = NULL;
    *ret_dropped_credentials = false;
    if (!url_split(url, &parts))
        return err_set(err, ERR_MALFORMED, "not an http or https address");
    theirs = set_or_null(parts.https ? settings->https_proxy : settings->http_proxy);
    if ((!configured && !theirs) || proxy_is_never(url) || (exceptions && is_excepted(&parts, exceptions)))
        return true;
    return take_proxy(configured ? configured : theirs, configured != NULL, a, ret, ret_dropped_credentials, err);
}
