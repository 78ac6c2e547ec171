/* base/url.h: the form of an address that somebody wrote into settings, before anybody calls it (guest-agent.md 7.2, RFC 3986). */
#pragma once
#include "base/arena.h"
#include "base/err.h"

enum { URL_MAX = 2048 };

enum url_scheme { URL_HTTPS, URL_HTTP_OR_HTTPS };

/* scheme://HOST[:PORT][/PATH][?QUERY], the scheme in either case; no user, no fragment, no character that has no place in an address. At most URL_MAX
 * characters: ERR_LIMIT. */
MUST_CHECK bool url_check(struct bytes text, enum url_scheme scheme, struct err *err);

/* What people may be shown of an address, however wrong it is: at most 80 characters, harmless, and "***" in place of whatever stands in front of an "@", as that
 * may be a password. Never NULL. */
const char *url_shown(struct arena *a, struct bytes text);
