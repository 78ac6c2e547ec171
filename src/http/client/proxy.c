#include "http/client/proxy.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include <strings.h>
#include "base/hex.h"
#include "base/url.h"

static const char *set_or_null(const char *text) { return text && *text ? text : NULL; }

const char *proxy_variable(void) { return set_or_null(getenv("https_proxy")) ? "https_proxy" : "HTTPS_PROXY"; }

const char *proxy_exceptions_variable(void) { return set_or_null(getenv("no_proxy")) ? "no_proxy" : "NO_PROXY"; }

void proxy_environment(struct proxy_settings *ret)
{
    ret->https_proxy = set_or_null(getenv(proxy_variable()));
    ret->http_proxy = set_or_null(getenv("http_proxy"));
    ret->exceptions = set_or_null(getenv(proxy_exceptions_variable()));
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
    size_t at = SIZE_MAX;

    *ret = (struct url_parts){ .https = strncasecmp(url, "https://", 8) == 0 };
    if (!ret->https && strncasecmp(url, "http://", 7) != 0)
        return false;
    url += ret->https ? 8 : 7;
    authority = (struct bytes){ (const uint8_t *)url, strcspn(url, "/?#") };
    ret->path = bytes_of_string(url + authority.len);
    for (size_t i = 0; i < authority.len; i++)
        at = authority.data[i] == '@' ? i : at; /* the last one: a password may have others */
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

/* "example.org." is the same name, written in full. */
static struct bytes without_last_dot(struct bytes name)
{
    return bytes_slice(name, 0, name.len && name.data[name.len - 1] == '.' ? name.len - 1 : name.len);
}

static bool ends_with_name(struct bytes host, struct bytes suffix)
{
    host = without_last_dot(host);
    suffix = without_last_dot(suffix);
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

static bool is_name(struct bytes text)
{
    size_t n = 0;

    while (text.len && (text.data[0] == '*' || text.data[0] == '.') && n++ < 2)
        text = bytes_slice(text, 1, text.len);
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i], low = (uint8_t)(c | 0x20);

        if (!(low >= 'a' && low <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_' && c != '.' && c < 0x80)
            return false;
    }
    return text.len > 0;
}

static bool means_something(struct bytes exception)
{
    size_t slash = bytes_find(exception, BYTES_LIT("/"));
    struct bytes host = exception;
    unsigned port;

    if (bytes_equal_string(exception, "*") || address_of(exception).family)
        return true;
    if (slash != SIZE_MAX) {
        struct address block = address_of(bytes_slice(exception, 0, slash));
        struct bytes length = bytes_slice(exception, slash + 1, exception.len);

        return block.family &&
               (bytes_equal_string(length, "0") || (take_port(length, &port) && port <= (block.family == AF_INET ? 32 : 128)));
    }
    return split_host(exception, 0, &host, &port) && (address_of(host).family || is_name(host));
}

/* What separates exceptions. */
static const char separators[] = ", \t";

struct bytes proxy_first_bad_exception(const char *list)
{
    while (*list) {
        struct bytes one = { (const uint8_t *)list, strcspn(list, separators) };

        if (one.len && !means_something(one))
            return one;
        list += one.len;
        list += strspn(list, separators);
    }
    return BYTES_NONE;
}

static bool is_excepted(const struct url_parts *url, const char *list)
{
    while (*list) {
        size_t len = strcspn(list, separators);

        if (len && matches(url, (struct bytes){ (const uint8_t *)list, len }))
            return true;
        list += len;
        list += strspn(list, separators);
    }
    return false;
}

bool proxy_is_excepted(const char *url, const char *no_proxy)
{
    struct url_parts parts;

    return url_split(url, &parts) && is_excepted(&parts, no_proxy);
}

bool proxy_is_never(const char *url) { return proxy_is_excepted(url, "localhost,127.0.0.0/8,::1,169.254.0.0/16,fe80::/10,168.63.129.16"); }

/* Addresses of proxies. */

static bool is_bare(struct bytes path)
{
    for (size_t i = 0; i < path.len; i++)
        if (path.data[i] != '/')
            return false;
    return true;
}

/* Behind the host, and the bracket that closes an IPv6 one, stands a number. */
static bool names_port(const struct url_parts *parts)
{
    const char *behind = (const char *)parts->host.data + parts->host.len;

    behind += *behind == ']';
    return behind[0] == ':' && behind[1] >= '0' && behind[1] <= '9';
}

bool proxy_address_read(const char *text, struct arena *a, struct proxy_address *ret, struct err *err)
{
    const char *full = strstr(text, "://") ? text : arena_printf(a, "http://%s", text), *clean;
    struct err why = ERR_INIT;
    struct url_parts parts;
    bool v6;

    if (!full)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    if (!url_split(full, &parts) || !is_bare(parts.path))
        return err_set(err, ERR_MALFORMED, "\"%s\" is not http://HOST:PORT", url_shown(a, bytes_of_string(text)));
    v6 = bytes_find(parts.host, BYTES_LIT(":")) != SIZE_MAX;
    if (!parts.https && parts.port == 80 && !names_port(&parts))
        parts.port = 1080; /* as curl has it */
    clean = arena_printf(a, "%s://%s%.*s%s:%u", parts.https ? "https" : "http", v6 ? "[" : "", BYTES_FMT(parts.host), v6 ? "]" : "",
                         parts.port);
    if (!clean)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    if (!url_check(bytes_of_string(clean), URL_HTTP_OR_HTTPS, &why))
        return err_set(err, ERR_MALFORMED, "\"%s\" is not http://HOST:PORT: %s", url_shown(a, bytes_of_string(text)), why.text);
    *ret = (struct proxy_address){ clean, parts.user };
    return true;
}

static bool unescape(struct bytes from, char *to, size_t *len)
{
    for (size_t i = 0; i < from.len; i++) {
        int c = from.data[i];

        if (c == '%') {
            if (i + 2 >= from.len || hex_digit(from.data[i + 1]) < 0 || hex_digit(from.data[i + 2]) < 0)
                return false;
            c = hex_digit(from.data[i + 1]) << 4 | hex_digit(from.data[i + 2]);
            i += 2;
        }
        if (c < 0x20 || c == 0x7f)
            return false;
        to[(*len)++] = (char)c;
    }
    return true;
}

bool proxy_credentials_read(struct bytes encoded, struct arena *a, struct bytes *ret, struct err *err)
{
    size_t colon = bytes_find(encoded, BYTES_LIT(":")), len = 0;
    struct bytes user = bytes_slice(encoded, 0, colon == SIZE_MAX ? encoded.len : colon);
    struct bytes password = colon == SIZE_MAX ? BYTES_NONE : bytes_slice(encoded, colon + 1, encoded.len);
    char *text = arena_alloc(a, encoded.len + 1);

    if (!text)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    if (!unescape(user, text, &len) || !len || memchr(text, ':', len))
        return err_set(err, ERR_MALFORMED,
                       "the user in front of the \"@\" is empty, or has a bad escape, a control character or a colon in it");
    text[len++] = ':';
    if (!unescape(password, text, &len))
        return err_set(err, ERR_MALFORMED, "the password in front of the \"@\" has a bad escape or a control character in it");
    *ret = (struct bytes){ (const uint8_t *)text, len };
    return true;
}

/* Choosing. */

static bool take_proxy(const char *text, const char *from, struct arena *a, const char **ret, bool *ret_dropped, struct err *err)
{
    struct proxy_address proxy;
    bool configured = !from;

    if (!proxy_address_read(text, a, &proxy, err))
        return err_within(err, "%s", configured ? "the configured proxy" : from);
    if (proxy.credentials.len && configured)
        return err_set(err, ERR_MALFORMED, "the configured proxy has credentials in its address: put them into the credentials file");
    *ret_dropped = proxy.credentials.len > 0;
    *ret = proxy.url;
    return true;
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
    return take_proxy(configured ? configured : theirs,
                      configured    ? NULL
                      : parts.https ? proxy_variable()
                                    : "http_proxy",
                      a, ret, ret_dropped_credentials, err);
}
