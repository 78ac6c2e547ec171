/* extension/config_value.h: one value of the settings: its type and its form (guest-agent.md 7.2). Not for other folders. */
#pragma once
#include "extension/attestation_config.h"

enum config_value_kind {
    CONFIG_VALUE_TEXT,      /* up to 2048 bytes, no control characters */
    CONFIG_VALUE_LONG_TEXT, /* any */
    CONFIG_VALUE_ENDPOINT,  /* https, no user info, no fragment, at most 2048 characters; "" is "not given" */
    CONFIG_VALUE_PROXY,     /* http or https, otherwise as an endpoint */
    CONFIG_VALUE_PEM,       /* at least one certificate */
    CONFIG_VALUE_PROTOCOL,
    CONFIG_VALUE_PROFILE,
    CONFIG_VALUE_FREQUENCY,
    CONFIG_VALUE_CHOICE,
    CONFIG_VALUE_PINS,
};

MUST_CHECK bool config_value_text(struct arena *a, enum config_value_kind kind, const struct json *v, struct bytes *ret, struct err *err);
/* What a value is, in 40 safe characters: "x", 7, a list. NULL: no memory. */
const char *config_value_shown(struct arena *a, const struct json *v);
/* After a refusal by one of these: adds to its sentence what the value is, in 40 safe characters. Not of certificates and long texts, nor of what
 * may hold a password: the sentence ends up in a status that many people read. Always false. */
bool config_value_refuse(struct arena *a, enum config_value_kind kind, const struct json *v, struct err *err);
/* A boolean, or "true" or "false" in any case. */
MUST_CHECK bool config_value_choice(const struct json *v, enum config_choice *ret, struct err *err);
/* SHA-256 hashes, each in hexadecimal or base64; kept as lower-case hexadecimal. */
MUST_CHECK bool config_value_pins(struct arena *a, const struct json *v, struct bytes ret[static CONFIG_PINS_MAX], size_t *ret_n,
                                  struct err *err);
