/* attestation/provider/authority.h: HOST[:PORT] of an attestUri or of a Host header, taken apart, compared and written in its one spelling
 * (RFC 3986 3.2; attestation-service.md 1.1: the host chooses the provider, the attestUri is the issuer). */
#pragma once
#include <stdbool.h>
#include "base/arena.h"
#include "base/err.h"

struct authority {
    struct bytes name; /* a view: without brackets and without the dot that ends a fully qualified name */
    unsigned port;     /* 443 when none is given */
    bool is_address;   /* IPv4, or IPv6 in brackets */
};

/* Letters, digits, hyphens and underscores in labels, an IPv4 address, or an IPv6 address in brackets; MALFORMED otherwise. */
MUST_CHECK bool authority_read(struct bytes text, struct authority *ret, struct err *err);
/* "https://HOST[:PORT]" with nothing behind it. */
MUST_CHECK bool authority_of_uri(struct bytes uri, struct authority *ret, struct err *err);

bool authority_same_name(const struct authority *a, const struct authority *b); /* ports aside */
/* "https://host" or "https://host:PORT" in small letters; NULL: no memory. */
MUST_CHECK const char *authority_uri(struct arena *a, const struct authority *authority);
