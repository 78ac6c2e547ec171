#include "base/url.h"

static bool is_host_byte(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr(".-_:[]", c) != NULL;
}

/* What follows the host's last colon, if it is not one within an IPv6 address. */
static bool is_port_fine(struct bytes authority)
{
    size_t at = authority.len;
    unsigned port = 0;

    while (at > 0 && authority.data[at - 1] != ':' && authority.data[at - 1] != ']')
        at--;
    if (at == 0 || authority.data[at - 1] == ']')
        return at == authority.len || at == 0;
    for (size_t i = at; i < authority.len; i++) {
        if (authority.data[i] < '0' || authority.data[i] > '9' || port > 6553)
            return false;
        port = port * 10 + (authority.data[i] - '0');
    }
    return port >= 1 && port <= 65535;
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
    if (!authority.len || authority.data[0] == ':')
        return err_set(err, ERR_MALFORMED, "the address names no host");
    for (size_t i = 0; i < authority.len; i++)
        if (!is_host_byte(authority.data[i]))
            return err_set(err, ERR_MALFORMED, "the address's host has a character that no host has");
    return is_port_fine(authority) ? true : err_set(err, ERR_MALFORMED, "a port from 1 to 65535 is expected behind the host");
}

bool url_check(struct bytes text, enum url_scheme scheme, struct err *err)
{
    bool plain = scheme == URL_HTTP_OR_HTTPS && !starts_with_scheme(text, BYTES_LIT("https://"));

    if (text.len > URL_MAX)
        return err_set(err, ERR_LIMIT, "at most %d characters are expected", URL_MAX);
    return check_behind(text, plain ? BYTES_LIT("http://") : BYTES_LIT("https://"), err);
}
