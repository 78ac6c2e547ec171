#include "extension/config_value.h"
#include <stdio.h>
#include "base/base64.h"
#include "base/hex.h"
#include "base/url.h"
#include "base/utf8.h"
#include "crypto/pem.h"
#include "x509/cert.h"

enum { SHA256_LEN = 32, SHOWN_BYTES = 40 };

bool config_value_choice(const struct json *v, enum config_choice *ret, struct err *err)
{
    struct bytes word = json_text(v, BYTES_NONE);
    bool yes = v->type == JSON_BOOLEAN ? v->boolean : bytes_equal_no_case(word, "true");

    if (v->type != JSON_BOOLEAN && !yes && !bytes_equal_no_case(word, "false"))
        return err_set(err, ERR_MALFORMED, "true or false is expected");
    *ret = yes ? CHOICE_YES : CHOICE_NO;
    return true;
}

/* Values go into a configuration file, one a line. */
static bool is_one_line(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < 0x20 || text.data[i] == 0x7f)
            return false;
    return true;
}

/* The word as the agent's configuration has it: in lower case. */
static bool take_word(struct bytes *text, const char *const *words, size_t n, struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes_equal_no_case(*text, words[i])) {
            *text = bytes_of_string(words[i]);
            return true;
        }
    }
    return err_set(err, ERR_MALFORMED, "%s, %s%s%s is expected", words[0], n > 2 ? words[1] : "or", n > 2 ? ", … or " : " ", words[n - 1]);
}

/* Every certificate of it, as whoever connects takes all or none. The file that it becomes is everybody's to read: no place for a key. */
static bool check_pem(struct arena *a, struct bytes text, struct err *err)
{
    struct bytes der, rest = text;
    struct err none = ERR_INIT;
    size_t n = 0;

    if (bytes_find(text, BYTES_LIT("PRIVATE KEY-----")) != SIZE_MAX)
        return err_set(err, ERR_MALFORMED, "a private key is among the certificates: it has no place here");
    while (pem_next(a, &rest, "CERTIFICATE", &der, &none)) {
        struct cert *cert CLEANUP(cert_free_at) = NULL;

        if (!cert_parse(der, &cert, err))
            return err_within(err, "certificate %zu", n + 1);
        n++;
    }
    return (n && none.code == ERR_NOT_FOUND) || err_set(err, none.code, "certificate %zu: %.150s", n + 1, none.text);
}

static bool check_form(struct arena *a, enum config_value_kind kind, struct bytes *form, struct err *err)
{
    static const char *const protocols[] = { "tpm", "azureguest", "auto" };
    static const char *const profiles[] = { "auto", "azure", "azurelocal", "selfhosted" };

    const struct bytes text = *form;

    switch (kind) {
    case CONFIG_VALUE_ENDPOINT:
        return url_check(text, URL_HTTPS, err);
    case CONFIG_VALUE_PROXY:
        return url_check(text, URL_HTTP_OR_HTTPS, err);
    case CONFIG_VALUE_PROTOCOL:
        return take_word(form, protocols, ARRAY_LEN(protocols), err);
    case CONFIG_VALUE_PROFILE:
        return take_word(form, profiles, ARRAY_LEN(profiles), err);
    case CONFIG_VALUE_PEM:
        return check_pem(a, text, err);
    default:
        return true;
    }
}

bool config_value_text(struct arena *a, enum config_value_kind kind, const struct json *v, struct bytes *ret, struct err *err)
{
    struct bytes text = bytes_trim(json_text(v, BYTES_NONE));
    bool free_form = kind == CONFIG_VALUE_PEM || kind == CONFIG_VALUE_LONG_TEXT;

    if (v->type != JSON_STRING)
        return err_set(err, ERR_MALFORMED, "a text is expected");
    if (!free_form && text.len > CONFIG_TEXT_MAX)
        return err_set(err, ERR_LIMIT, "longer than %d characters", CONFIG_TEXT_MAX);
    if (!free_form && !is_one_line(text))
        return err_set(err, ERR_MALFORMED, "control characters are refused");
    while ((kind == CONFIG_VALUE_ENDPOINT || kind == CONFIG_VALUE_PROXY) && text.len && text.data[text.len - 1] == '/')
        text.len--;
    if (text.len && !check_form(a, kind, &text, err))
        return false;
    *ret = text;
    return true;
}

static bool take_pin(struct arena *a, struct bytes text, struct bytes *ret, struct err *err)
{
    char *hex = arena_alloc(a, 2 * SHA256_LEN + 1);
    struct bytes raw = BYTES_NONE;

    if (!hex)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    if (bytes_starts_with(text, BYTES_LIT("sha256//"))) /* as curl and our own diagnosis write them */
        text = bytes_slice(text, 8, text.len);
    if (text.len == 2 * SHA256_LEN ? !hex_decode(a, text, &raw, err) : !base64_decode_any(a, text, &raw, err))
        return false;
    if (raw.len != SHA256_LEN)
        return err_set(err, ERR_MALFORMED, "%zu bytes instead of %d", raw.len, SHA256_LEN);
    hex_encode(raw, hex);
    *ret = (struct bytes){ (const uint8_t *)hex, 2 * SHA256_LEN };
    return true;
}

const char *config_value_shown(struct arena *a, const struct json *v)
{
    static const char *const others[] = { [JSON_ARRAY] = "a list", [JSON_OBJECT] = "an object" };
    struct bytes value = v->type == JSON_STRING ? v->string : v->raw;
    const char *quote = v->type == JSON_STRING ? "\"" : "";
    char *safe;

    if (v->type == JSON_ARRAY || v->type == JSON_OBJECT)
        return others[v->type];
    safe = text_for_people(a, bytes_slice(value, 0, SHOWN_BYTES));
    return safe ? arena_printf(a, "%s%.60s%s%s", quote, safe, value.len > SHOWN_BYTES ? "…" : "", quote) : NULL;
}

bool config_value_refuse(struct arena *a, enum config_value_kind kind, const struct json *v, struct err *err)
{
    struct bytes value = v->type == JSON_STRING ? v->string : v->raw;
    const char *shown;
    char why[sizeof err->text];

    if (kind == CONFIG_VALUE_PEM || kind == CONFIG_VALUE_LONG_TEXT || err->code == ERR_NO_MEMORY ||
        bytes_find(value, BYTES_LIT("@")) != SIZE_MAX || (kind == CONFIG_VALUE_PINS && v->type == JSON_ARRAY) /* the item is named */)
        return false;
    shown = config_value_shown(a, v);
    snprintf(why, sizeof why, "%.150s", err->text);
    return shown && err_set(err, err->code, "%s; it is %s", why, shown);
}

bool config_value_pins(struct arena *a, const struct json *v, struct bytes ret[static CONFIG_PINS_MAX], size_t *ret_n, struct err *err)
{
    if (v->type != JSON_ARRAY)
        return err_set(err, ERR_MALFORMED, "an array of texts is expected");
    if (v->array.n > CONFIG_PINS_MAX)
        return err_set(err, ERR_LIMIT, "at most %d are kept", CONFIG_PINS_MAX);
    for (size_t i = 0; i < v->array.n; i++)
        if (!take_pin(a, bytes_trim(json_text(v->array.items[i], BYTES_NONE)), &ret[i], err))
            return err->code != ERR_NO_MEMORY &&
                   err_set(err, ERR_MALFORMED, "[%zu]: a SHA-256 hash in hexadecimal or base64 is expected", i);
    *ret_n = v->array.n;
    return true;
}
