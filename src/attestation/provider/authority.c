#include "attestation/provider/authority.h"
#include <arpa/inet.h>
#include <strings.h>
#include "base/limits.h"

enum { NAME_MAX_LEN = 253, LABEL_MAX_LEN = 63, HTTPS_PORT = 443, PORT_MAX = 65535, PORT_DIGITS = 5 };

/* ---- reading ---------------------------------------------------------------------------------------------------------- */

static bool is_ip(int family, struct bytes text)
{
    char copy[INET6_ADDRSTRLEN];
    struct in6_addr ignored;

    if (text.len == 0 || text.len >= sizeof copy || memchr(text.data, 0, text.len))
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    return inet_pton(family, copy, &ignored) == 1;
}

static bool is_host_name(struct bytes name)
{
    size_t in_label = 0;

    if (name.len == 0 || name.len > NAME_MAX_LEN)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.data[i], small = c | 0x20;
        if (c == '.' ? in_label == 0 : !((small >= 'a' && small <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
            return false;
        in_label = c == '.' ? 0 : in_label + 1;
        if (in_label > LABEL_MAX_LEN)
            return false;
    }
    return in_label > 0;
}

/* Only digits and dots: an address or nothing, never a name. */
static bool looks_like_ipv4(struct bytes name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.data[i] != '.' && !(name.data[i] >= '0' && name.data[i] <= '9'))
            return false;
    return true;
}

/* What follows the host: nothing, a lone colon (RFC 3986 3.2.3), or a colon and a port. */
static bool read_port(struct bytes text, unsigned *ret)
{
    unsigned port = 0;

    *ret = HTTPS_PORT;
    if (text.len == 0 || (text.len == 1 && text.data[0] == ':'))
        return true;
    if (text.data[0] != ':' || text.len > 1 + PORT_DIGITS)
        return false;
    for (size_t i = 1; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        port = port * 10 + (unsigned)(text.data[i] - '0');
    }
    *ret = port;
    return port > 0 && port <= PORT_MAX;
}

bool authority_read(struct bytes text, struct authority *ret, struct err *err)
{
    bool in_brackets = text.len && text.data[0] == '[';
    size_t end = bytes_find(text, in_brackets ? BYTES_LIT("]") : BYTES_LIT(":"));
    struct authority a = { .name = bytes_slice(text, in_brackets, in_brackets && end != SIZE_MAX ? end - 1 : end) };
    struct bytes rest = end == SIZE_MAX ? BYTES_NONE : bytes_slice(text, end + in_brackets, SIZE_MAX);
    bool fine;

    if (in_brackets)
        fine = a.is_address = end != SIZE_MAX && is_ip(AF_INET6, a.name);
    else if (looks_like_ipv4(a.name))
        fine = a.is_address = is_ip(AF_INET, a.name);
    else
        fine = is_host_name(a.name = bytes_slice(a.name, 0, a.name.len - bytes_ends_with(a.name, BYTES_LIT("."))));
    if (!fine || !read_port(rest, &a.port))
        return err_set(err, ERR_MALFORMED, "not HOST or HOST:PORT");
    *ret = a;
    return true;
}

bool authority_of_uri(struct bytes uri, struct authority *ret, struct err *err)
{
    static const char scheme[] = "https://";
    size_t n = sizeof scheme - 1;

    if (uri.len <= n || strncasecmp((const char *)uri.data, scheme, n) != 0)
        return err_set(err, ERR_MALFORMED, "not https://HOST or https://HOST:PORT");
    return authority_read(bytes_slice(uri, n, SIZE_MAX), ret, err) ||
           err_set(err, ERR_MALFORMED, "not https://HOST or https://HOST:PORT with nothing behind it");
}

/* ---- comparing and writing -------------------------------------------------------------------------------------------- */

bool authority_same_name(const struct authority *a, const struct authority *b)
{
    return a->name.len == b->name.len && a->is_address == b->is_address &&
           strncasecmp((const char *)a->name.data, (const char *)b->name.data, a->name.len) == 0;
}

const char *authority_uri(struct arena *a, const struct authority *authority)
{
    const char *host = arena_lower(a, authority->name), *open = "", *close = "";

    if (authority->is_address && memchr(authority->name.data, ':', authority->name.len)) {
        open = "[";
        close = "]";
    }
    if (!host)
        return NULL;
    if (authority->port == HTTPS_PORT)
        return arena_printf(a, "https://%s%s%s", open, host, close);
    return arena_printf(a, "https://%s%s%s:%u", open, host, close, authority->port);
}
