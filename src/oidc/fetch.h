/* oidc/fetch.h: reading an issuer's keys: from its discovery document, an address or a file. Private to src/oidc. */
#pragma once
#include "oidc/keys.h"

/* One to three requests, each within the settings' time. On failure err is a sentence that names the address. */
MUST_CHECK bool oidc_fetch(const struct oidc_settings *s, struct oidc_keys **ret, struct err *err);
