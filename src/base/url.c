#include "base/url.h"
#include "base/utf8.h"

enum { HOST_MAX = 253, LABEL_MAX = 63 /* RFC 1035, 2.3.4 */, IPV6_GROUPS = 8 };

/* What IPv6 addresses are written with: up to eight groups of hexadecimal digits, "::" once for as many zero groups as are missing, and perhaps an
 * IPv4 address in place of the last two (RFC 4291, 2.2). */
static bool is_ipv6(struct bytes text)
{
    unsigned groups = 0, digits = 0, gaps = 0, dots = 0;
    bool decimal = true;

    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        bool is_number = c >= '0' && c <= '9';

        if (is_number || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f' && !dots)) {
            decimal = decimal && is_number;
            groups += digits == 0 && !dots;
            if (++digits > (dots ? 3 : 4))
                return false;
        } else if (c == ':' && !dots) {
            bool doubled = i + 1 < text.len && text.data[i + 1] == ':';

            if (!doubled && (digits == 0 || i + 1 == text.len))
                return false;
            gaps += doubled;
            i += doubled;
            digits = 0;
            decimal = true;
        } else if (c == '.' && digits && digits <= 3 && decimal) {
            dots++;
            digits = 0;
        } else {
            return false;
        }
    }
    groups += dots > 0;
    return gaps <= 1 && (dots == 0 || (dots == 3 && digits)) && (gaps ? groups < IPV6_GROUPS : groups == IPV6_GROUPS);
}

/* Labels with dots between and perhaps one behind: a name, or an IPv4 address. */
static bool is_name(struct bytes text)
{
    size_t label = 0;

    if (text.len && text.data[text.len - 1] == '.')
        text.len--;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i], low = (uint8_t)(c | 0x20);

        if (c == '.' && label == 0)
            return false;
        label = c == '.' ? 0 : label + 1;
        if (label > LABEL_MAX || !((low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'))
            return false;
    }
    return label && text.len <= HOST_MAX;
}

static bool is_port(struct bytes text)
{
    unsigned port = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || port > 6553)
            return false;
        port = port * 10 + (text.data[i] - '0');
    }
    return port >= 1 && port <= 65535;
}

/* host[:port] */
static bool check_authority(struct bytes text, struct err *err)
{
    bool literal = text.len && text.data[0] == '[';
    size_t end = literal ? bytes_find(text, BYTES_LIT("]")) : bytes_find(text, BYTES_LIT(":"));
    struct bytes host, port;

    if (literal && (end == SIZE_MAX || !is_ipv6(bytes_slice(text, 1, end - 1))))
        return err_set(err, ERR_MALFORMED, "an IPv6 address between [ and ] is expected as the address's host");
    end = end == SIZE_MAX ? text.len : end + literal;
    host = bytes_slice(text, 0, end);
    port = bytes_slice(text, end, text.len);
    if (!host.len)
        return err_set(err, ERR_MALFORMED, "the address names no host");
    if (!literal && !is_name(host))
        return err_set(err, ERR_MALFORMED, "the address's host is neither a name nor an address (IPv6 addresses stand between [ and ])");
    if (port.len && (port.data[0] != ':' || !is_port(bytes_slice(port, 1, port.len))))
        return err_set(err, ERR_MALFORMED, "a port from 1 to 65535 is expected behind the host");
    return true;
}

/* RFC 3986, 3.1: in either case. */
static bool starts_with_scheme(struct bytes text, struct bytes scheme)
{
    return bytes_equal_no_case(bytes_slice(text, 0, scheme.len), (const char *)scheme.data);
}

/* scheme://host[:port][/path][?query] */
static bool check_behind(struct bytes text, struct bytes scheme, struct err *err)
{
    struct bytes rest = bytes_slice(text, scheme.len, text.len), authority;
    size_t end = 0;

    if (!starts_with_scheme(text, scheme))
        return err_set(err, ERR_MALFORMED, "an address that starts with %.*s is expected", BYTES_FMT(scheme));
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] <= 0x20 || text.data[i] >= 0x7f || strchr("\"<>\\^`{|}", text.data[i]))
            return err_set(err, ERR_MALFORMED, "a character that has no place in an address");
    while (end < rest.len && !strchr("/?#", rest.data[end]))
        end++;
    authority = bytes_slice(rest, 0, end);
    if (bytes_find(authority, BYTES_LIT("@")) != SIZE_MAX)
        return err_set(err, ERR_MALFORMED, "an address with user or password in it is refused");
    if (bytes_find(text, BYTES_LIT("#")) != SIZE_MAX)
        return err_set(err, ERR_MALFORMED, "an address with a fragment (#) is refused");
    return check_authority(authority, err);
}

bool url_check(struct bytes text, enum url_scheme scheme, struct err *err)
{
    bool plain = scheme == URL_HTTP_OR_HTTPS && !starts_with_scheme(text, BYTES_LIT("https://"));

    if (text.len > URL_MAX)
        return err_set(err, ERR_LIMIT, "at most %d characters are expected", URL_MAX);
    return check_behind(text, plain ? BYTES_LIT("http://") : BYTES_LIT("https://"), err);
}

const char *url_shown(struct arena *a, struct bytes text)
{
    enum { SHOWN_MAX = 80, SCHEME_MAX = 10 };
    size_t scheme = bytes_find(text, BYTES_LIT("://")), from = 0;
    const char *shown;

    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] == '@')
            from = i;
    for (size_t i = 0; i < scheme && scheme != SIZE_MAX; i++)
        if (((text.data[i] | 0x20) < 'a' || (text.data[i] | 0x20) > 'z') && (text.data[i] < '0' || text.data[i] > '9'))
            scheme = SIZE_MAX; /* it stands in a password */
    scheme = scheme > SCHEME_MAX || scheme > from ? 0 : scheme + 3;
    shown = text_for_people(a, bytes_slice(text, from, SHOWN_MAX));
    if (shown && from)
        shown = arena_printf(a, "%.*s***%s", BYTES_FMT(bytes_slice(text, 0, scheme)), shown);
    return shown ? shown : "";
}
