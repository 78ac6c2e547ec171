#include "extension/settings.h"
#include "base/base64.h"
#include "base/distance.h"
#include "base/utf8.h"
#include "base/limits.h"
#include "extension/client_pair.h"
#include "json/parse.h"

static bool parse_strictly(struct arena *a, struct bytes text, const struct json **ret, struct err *err)
{
    const struct json_options strict = { .max_depth = LIMIT_SETTINGS_DEPTH, .refuse_duplicates = true };

    if (text.len > LIMIT_SETTINGS_BYTES)
        return err_set(err, ERR_LIMIT, "settings are at most %d bytes", LIMIT_SETTINGS_BYTES);
    return json_parse(a, text, &strict, ret, err) && json_refuse_nul(*ret, err);
}

static bool is_null(const struct json *v) { return !v || v->type == JSON_NULL; }

static bool take_thumbprint(const struct json *v, char ret[static SETTINGS_THUMBPRINT_LEN + 1], struct err *err)
{
    struct bytes text = json_text(v, BYTES_NONE);

    if (text.len != SETTINGS_THUMBPRINT_LEN)
        return err_set(err, ERR_MALFORMED, "protectedSettingsCertThumbprint: 40 hexadecimal digits are expected");
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];

        if (c >= 'a' && c <= 'f')
            c = (uint8_t)(c - 'a' + 'A');
        if (!(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'F'))
            return err_set(err, ERR_MALFORMED, "protectedSettingsCertThumbprint: 40 hexadecimal digits are expected");
        ret[i] = (char)c;
    }
    ret[text.len] = 0;
    return true;
}

/* Base64 that was wrapped somewhere on its way. */
static bool without_white_space(struct arena *a, struct bytes *text, struct err *err)
{
    uint8_t *to = arena_alloc(a, text->len);
    size_t n = 0;

    if (!to)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < text->len; i++)
        if (!strchr(" \t\r\n", text->data[i]))
            to[n++] = text->data[i];
    *text = (struct bytes){ to, n };
    return true;
}

static bool take_protected(struct arena *a, const struct json *from, struct handler_settings *ret, struct err *err)
{
    const struct json *v = json_get(from, "protectedSettings");
    struct bytes text = json_text(v, BYTES_NONE);

    if (is_null(v) || (v->type == JSON_STRING && !text.len))
        return true;
    if (v->type != JSON_STRING)
        return err_set(err, ERR_MALFORMED, "protectedSettings: a text in base64 is expected");
    if (!without_white_space(a, &text, err))
        return false;
    if (!base64_decode(a, BASE64_STANDARD, text, &ret->protected_cms, err))
        return err_set(err, ERR_MALFORMED, "protectedSettings: this is not base64");
    return take_thumbprint(json_get(from, "protectedSettingsCertThumbprint"), ret->thumbprint, err);
}

bool handler_settings_parse(struct arena *a, struct bytes text, struct handler_settings *ret, struct err *err)
{
    struct handler_settings found = { 0 };
    const struct json *all, *list, *inner;

    *ret = found;
    text = utf8_without_mark(text);
    if (!bytes_trim(text).len)
        return true;
    if (!parse_strictly(a, text, &all, err) || !json_need_array(all, "runtimeSettings", &list, err))
        return false;
    if (!list->array.n)
        return true;
    if (!json_need_object(list->array.items[0], "handlerSettings", &inner, err))
        return err_within(err, "runtimeSettings[0]");
    found.public_settings = json_get(inner, "publicSettings");
    if (is_null(found.public_settings))
        found.public_settings = NULL;
    else if (found.public_settings->type != JSON_OBJECT)
        return err_set(err, ERR_MALFORMED, "publicSettings: an object is expected");
    if (!take_protected(a, inner, &found, err))
        return false;
    *ret = found;
    return true;
}

bool settings_name_parse(struct bytes file_name, struct settings_name *ret)
{
    static const struct bytes suffix = { (const uint8_t *)".settings", 9 };
    struct bytes stem = bytes_slice(file_name, 0, file_name.len > suffix.len ? file_name.len - suffix.len : 0);
    size_t digits = 0;
    uint64_t number = 0;

    if (!stem.len || !bytes_ends_with(file_name, suffix))
        return false;
    while (digits < stem.len && stem.data[stem.len - 1 - digits] >= '0' && stem.data[stem.len - 1 - digits] <= '9')
        digits++;
    if (!digits || digits > 10)
        return false;
    for (size_t i = stem.len - digits; i < stem.len; i++)
        number = number * 10 + (stem.data[i] - '0');
    if (number > UINT32_MAX)
        return false;
    stem.len -= digits;
    if (stem.len && (stem.data[stem.len - 1] != '.' || stem.len == 1))
        return false;
    *ret = (struct settings_name){ .extension = bytes_slice(stem, 0, stem.len ? stem.len - 1 : 0), .sequence = (uint32_t)number };
    return true;
}

/* Each says what is expected and never what there is: all of it is secret. */
static bool is_word_line(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < 0x20 || text.data[i] == 0x7f)
            return false;
    return true;
}

/* What a server would refuse later, and nobody would connect with these settings. */
static bool check_protected(const struct protected_settings *p, struct err *err)
{
    if (p->proxy_credential.len && bytes_find(p->proxy_credential, BYTES_LIT(":")) == SIZE_MAX)
        return err_set(err, ERR_MALFORMED, "protectedSettings.proxyCredential: user:password is expected");
    if (!p->client_cert_pem.len != !p->client_key_pem.len)
        return err_set(err, ERR_MALFORMED, "protectedSettings.%s is missing: certificate and key go together",
                       p->client_cert_pem.len ? "clientKeyPem" : "clientCertPem");
    if (!p->client_cert_pem.len)
        return true;
    return client_pair_check(p->client_cert_pem, p->client_key_pem, err);
}

enum protected_form { FORM_LINE, FORM_LINES };

static bool take_protected_value(const char *name, enum protected_form form, const struct json *v, struct bytes *ret, struct err *err)
{
    struct bytes text =
        bytes_trim(json_text(v, BYTES_NONE)); /* a token's file ends with a line's end, and so does what was pasted from it */

    if (!is_null(v) && v->type != JSON_STRING)
        return err_set(err, ERR_MALFORMED, "protectedSettings.%s: a text is expected", name);
    if (form == FORM_LINE && !is_word_line(text))
        return err_set(err, ERR_MALFORMED, "protectedSettings.%s: control characters are refused", name);
    *ret = text;
    return true;
}

bool protected_settings_parse(struct arena *a, struct bytes text, struct protected_settings *ret, struct err *err)
{
    struct protected_settings found = { 0 };
    const struct {
        const char *name;
        enum protected_form form;
        struct bytes *to;
    } keys[] = { { "reportingToken", FORM_LINE, &found.reporting_token },
                 { "proxyCredential", FORM_LINE, &found.proxy_credential },
                 { "enrollmentToken", FORM_LINE, &found.enrollment_token },
                 { "clientCertPem", FORM_LINES, &found.client_cert_pem },
                 { "clientKeyPem", FORM_LINES, &found.client_key_pem } };
    const struct json *all;

    /* The parser's sentence may quote what it read: here that is secret. What does not even begin like an object was encrypted to another key: it opens into
     * random bytes once in a while (crypto/cms.h). */
    if (!parse_strictly(a, text, &all, err) || all->type != JSON_OBJECT)
        return bytes_starts_with(bytes_trim(text), BYTES_LIT("{"))
                   ? err_set(err, ERR_MALFORMED, "protectedSettings: what was decrypted is no JSON object")
                   : err_set(err, ERR_UNTRUSTED,
                             "protectedSettings: it is not encrypted to this certificate, or it is damaged: what it opens into is no JSON "
                             "object");
    for (size_t i = 0; i < all->object.n; i++) {
        const struct json_member *m = &all->object.members[i];
        unsigned distance = DISTANCE_NEAR;
        const char *near = NULL;
        size_t k = 0;

        while (k < ARRAY_LEN(keys) && !bytes_equal_string(m->name, keys[k].name))
            k++;
        for (size_t n = 0; n < ARRAY_LEN(keys) && k == ARRAY_LEN(keys); n++) {
            unsigned d = distance_between(m->name, keys[n].name);

            near = d < distance ? keys[n].name : near;
            distance = d < distance ? d : distance;
        }
        if (k == ARRAY_LEN(keys) && (!found.unknown_key.len || near)) {
            found.unknown_key = m->name;
            found.meant_key = near;
        }
        if (k < ARRAY_LEN(keys) && !take_protected_value(keys[k].name, keys[k].form, m->value, keys[k].to, err))
            return false;
    }
    if (!check_protected(&found, err))
        return false;
    *ret = found;
    return true;
}
