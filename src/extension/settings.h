/* extension/settings.h: config/<seq>.settings, the envelope around what a handler is told (guest-agent.md 6.6).
 *
 *   {"runtimeSettings":[{"handlerSettings":{"publicSettings":{…}|null,"protectedSettings":"<base64 CMS>"|null,
 *                                           "protectedSettingsCertThumbprint":"<40 hex>"|null}}]}
 *
 * An empty file means no settings. At most LIMIT_SETTINGS_BYTES, LIMIT_SETTINGS_DEPTH deep, no member twice, no NUL (7.2). */
#pragma once
#include "json/value.h"

enum { SETTINGS_THUMBPRINT_LEN = 40 /* hex characters */ };

struct handler_settings {
    const struct json *public_settings; /* an object; NULL: none */
    struct bytes protected_cms;         /* DER; empty: none */
    char thumbprint[SETTINGS_THUMBPRINT_LEN + 1];
};

/* The values keep views into `text`. */
MUST_CHECK bool handler_settings_parse(struct arena *a, struct bytes text, struct handler_settings *ret, struct err *err);

/* The name of a settings file: "3.settings", or "extension.3.settings" of a handler with several. */
struct settings_name {
    struct bytes extension; /* empty: the only one */
    uint32_t sequence;
};
bool settings_name_parse(struct bytes file_name, struct settings_name *ret);

/* What protectedSettings holds once it is decrypted; none of it may be shown. Empty: not given. Views into `text`, which the caller wipes. */
struct protected_settings {
    struct bytes reporting_token, proxy_credential, enrollment_token, client_cert_pem, client_key_pem;
    struct bytes unknown_key; /* one that we do not know, if possible one that is near to a known one; its name only */
    const char *meant_key;    /* the known one that it is near to; NULL: none */
};
/* A value that could never be used is refused: one with control characters, a proxy's credential without a colon, half a pair of certificate and key,
 * or a pair that is none. */
MUST_CHECK bool protected_settings_parse(struct arena *a, struct bytes text, struct protected_settings *ret, struct err *err);
