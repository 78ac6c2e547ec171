#include "agent/settings/config.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include "agent/files/usual.h"
#include "base/distance.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/url.h"
#include "base/utf8.h"
#include "json/parse.h"

enum { KEY_MAX = 48 };

static const struct config_key keys[] = {
#define X(key, member, kind, otherwise, least, most, help) { key, CONFIG_##kind, otherwise, least, most, help },
    CONFIG_KEYS(X)
#undef X
};

static const size_t offsets[] = {
#define X(key, member, kind, otherwise, least, most, help) offsetof(struct agent_config, member),
    CONFIG_KEYS(X)
#undef X
};

const struct config_key *config_keys(size_t *ret_n)
{
    *ret_n = ARRAY_LEN(keys);
    return keys;
}

void config_defaults(struct agent_config *ret)
{
    *ret = (struct agent_config)
    {
#define X(key, member, kind, otherwise, least, most, help) .member = (CONFIG_TYPE_##kind)otherwise,
        CONFIG_KEYS(X)
#undef X
    };
    ret->state_dir = "/var/lib/trueboot-agent";
    ret->run_dir = "/run/trueboot-agent";
}

const char *config_nearest_key(struct bytes key)
{
    const char *nearest = NULL;
    unsigned best = DISTANCE_NEAR;

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        unsigned d = distance_between(key, keys[i].key);

        if (d < best) {
            best = d;
            nearest = keys[i].key;
        }
    }
    return nearest;
}

/* Values. */

static bool parse_number(struct bytes text, uint64_t *ret, struct bytes *ret_rest)
{
    bool hex = bytes_starts_with(text, BYTES_LIT("0x")) && text.len > 2;
    size_t i = hex ? 2 : 0, first = i;
    uint64_t value = 0;

    for (; i < text.len; i++) {
        uint8_t c = text.data[i];
        unsigned digit = c >= '0' && c <= '9' ? c - '0' : hex && (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : 99;

        if (digit > 15)
            break;
        value = value * (hex ? 16 : 10) + digit;
        if (value > UINT32_MAX)
            return false;
    }
    *ret = value;
    *ret_rest = bytes_slice(text, i, text.len - i);
    return i > first;
}

static bool parse_duration(struct bytes text, uint64_t *ret)
{
    static const struct {
        const char *unit;
        unsigned seconds;
    } units[] = { { "", 1 }, { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 } };
    struct bytes unit;

    if (!parse_number(text, ret, &unit))
        return false;
    unit = bytes_trim(unit);
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (unit.len == strlen(units[i].unit) && (!unit.len || (unit.data[0] | 0x20) == units[i].unit[0])) {
            *ret *= units[i].seconds;
            return true;
        }
    }
    return false;
}

static bool parse_switch(struct bytes text, bool *ret)
{
    static const struct {
        const char *word;
        bool on;
    } words[] = { { "true", true },   { "yes", true }, { "on", true },   { "1", true },
                  { "false", false }, { "no", false }, { "off", false }, { "0", false } };

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (bytes_equal_no_case(text, words[i].word)) {
            *ret = words[i].on;
            return true;
        }
    }
    return false;
}

/* Values end up in logs, statuses and headers. */
static bool is_plain_text(struct bytes value)
{
    for (size_t i = 0; i < value.len; i++)
        if ((value.data[i] < 0x20 && value.data[i] != '\t') || value.data[i] == 0x7f)
            return false;
    return utf8_is_valid(value);
}

static bool set_value(struct agent_config *config, size_t i, struct arena *a, struct bytes value, struct err *err)
{
    void *member = (char *)config + offsets[i];
    uint64_t number = 0;
    struct bytes rest = BYTES_NONE;
    bool fine = true;

    switch (keys[i].kind) {
    case CONFIG_TEXT:
        if (!is_plain_text(value))
            return err_set(err, ERR_MALFORMED, "%s has a control character in it, or is not UTF-8", keys[i].key);
        *(const char **)member = arena_string(a, value);
        return *(const char **)member ? true : err_set(err, ERR_NO_MEMORY, "out of memory");
    case CONFIG_SWITCH:
        return parse_switch(value, member) ? true : err_set(err, ERR_MALFORMED, "%s is yes or no", keys[i].key);
    case CONFIG_NUMBER:
        fine = parse_number(value, &number, &rest) && !rest.len;
        break;
    case CONFIG_DURATION:
        fine = parse_duration(value, &number);
        break;
    }
    if (!fine || number < keys[i].least || number > keys[i].most)
        return err_set(err, ERR_MALFORMED, "%s is %s from %u to %u", keys[i].key,
                       keys[i].kind == CONFIG_DURATION ? "a time (45s, 30m, 8h)" : "a number", (unsigned)keys[i].least,
                       (unsigned)keys[i].most);
    *(uint32_t *)member = (uint32_t)number;
    return true;
}

static bool find_key(struct bytes key, size_t *ret, struct err *err)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const char *nearest, *shown;

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (bytes_equal_string(key, keys[i].key)) {
            *ret = i;
            return true;
        }
    }
    nearest = config_nearest_key(key);
    shown = text_for_people(&a, bytes_slice(key, 0, 60));
    return err_set(err, ERR_NOT_FOUND, "there is no key \"%.120s\"%s%s%s", shown ? shown : "", nearest ? "; did you mean " : "",
                   nearest ? nearest : "", nearest ? "?" : "");
}

bool config_knows(const char *key)
{
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (strcmp(keys[i].key, key) == 0)
            return true;
    return false;
}

/* A proxy's may lack its scheme. User and password in it are for whoever uses it to refuse, with a word on where they belong. */
static bool check_proxy(struct arena *a, struct bytes value, struct err *err)
{
    size_t scheme = bytes_find(value, BYTES_LIT("://")), from = scheme == SIZE_MAX ? 0 : scheme + 3;
    struct bytes front = bytes_slice(value, 0, from);
    const char *clean;

    for (size_t i = from; i < value.len; i++)
        from = value.data[i] == '@' ? i + 1 : from;
    clean =
        arena_printf(a, "%.*s%.*s", BYTES_FMT(front.len ? front : BYTES_LIT("http://")), BYTES_FMT(bytes_slice(value, from, value.len)));
    return clean ? url_check(bytes_of_string(clean), URL_HTTP_OR_HTTPS, err) : err_set(err, ERR_NO_MEMORY, "out of memory");
}

/* Keys whose text is an address. http:// is for servers on this very machine, which is looked at when one is used, and for proxies. */
static bool is_address_fine(struct arena *a, struct bytes key, struct bytes value, struct err *err)
{
    static const char *const addresses[] = { "attest.endpoint", "report.endpoint", "enroll.endpoint" };
    bool fine = true, is_proxy = bytes_equal_string(key, "net.proxy");

    for (size_t i = 0; i < ARRAY_LEN(addresses) && value.len; i++)
        if (bytes_equal_string(key, addresses[i]))
            fine = url_check(value, URL_HTTP_OR_HTTPS, err);
    if (is_proxy && value.len)
        fine = check_proxy(a, value, err);
    if (!fine && err->code == ERR_MALFORMED) {
        struct err found = *err;

        err_set(err, found.code, "%s: \"%s\"", found.text, url_shown(a, value));
    }
    return fine || err_within(err, "%.*s", BYTES_FMT(key));
}

/* Keys whose text is one of a few words. */
static const struct {
    const char *key;
    const char *words[5];
} choices[] = {
    { "attest.protocol", { "auto", "tpm", "azureguest" } },
    { "report.format", { "trueboot", "compatible" } },
    { "report.auth", { "key", "custom" } },
    { "tpm.profile", { "auto", "azure", "azurelocal", "selfhosted" } },
    { "enroll.iak", { "auto", "require", "never" } },
    { "ak.type", { "rsa", "ecc" } },
};

/* In any case; *value is the word as we write it from then on. */
static bool take_choice(struct bytes key, struct bytes *value, struct err *err)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const char *shown = text_for_people(&a, bytes_slice(*value, 0, 40));
    char words[120] = "";

    for (size_t i = 0; i < ARRAY_LEN(choices); i++) {
        if (!bytes_equal_string(key, choices[i].key))
            continue;
        for (size_t w = 0, len = 0; choices[i].words[w]; w++) {
            if (bytes_equal_no_case(*value, choices[i].words[w])) {
                *value = bytes_of_string(choices[i].words[w]);
                return true;
            }
            len += (size_t)snprintf(words + len, sizeof words - len, "%s%s", w ? ", " : "", choices[i].words[w]);
        }
        return err_set(err, ERR_MALFORMED, "%s: \"%.80s\" is none of %s", choices[i].key, shown ? shown : "", words);
    }
    return true;
}

static bool set_checked(struct agent_config *config, size_t i, struct arena *a, struct bytes value, struct err *err)
{
    struct bytes key = bytes_of_string(keys[i].key);

    return take_choice(key, &value, err) && is_address_fine(a, key, value, err) && set_value(config, i, a, value, err);
}

bool config_set(struct agent_config *config, struct arena *a, const char *place, struct bytes key, struct bytes value, struct err *err)
{
    size_t i;

    if (!find_key(key, &i, err) || !set_checked(config, i, a, value, err))
        return err_within(err, "%s", place);
    return true;
}

/* Files. */

struct file_parser {
    struct agent_config *config;
    struct arena *a;
    char section[KEY_MAX + 1];
    bool seen[ARRAY_LEN(keys)];
};

static bool enter_section(struct file_parser *p, struct bytes line, struct err *err)
{
    struct bytes name = line.len > 2 && line.data[line.len - 1] == ']' ? bytes_trim(bytes_slice(line, 1, line.len - 2)) : BYTES_NONE;

    if (!name.len || name.len >= KEY_MAX)
        return err_set(err, ERR_MALFORMED, "a section is [name]");
    snprintf(p->section, sizeof p->section, "%.*s.", BYTES_FMT(name));
    return true;
}

static bool take_pair(struct file_parser *p, struct bytes line, struct err *err)
{
    size_t equals = bytes_find(line, BYTES_LIT("="));
    char full[2 * KEY_MAX + 64];
    struct bytes key, value;
    size_t i;

    if (equals == SIZE_MAX)
        return err_set(err, ERR_MALFORMED, "a line is \"key = value\"");
    key = bytes_trim(bytes_slice(line, 0, equals));
    value = bytes_trim(bytes_slice(line, equals + 1, line.len - equals - 1));
    snprintf(full, sizeof full, "%s%.*s", p->section, BYTES_FMT(bytes_slice(key, 0, 80)));
    if (!find_key(bytes_of_string(full), &i, err))
        return false;
    if (p->seen[i])
        return err_set(err, ERR_CONFLICT, "%s is set a second time", keys[i].key);
    p->seen[i] = true;
    return set_checked(p->config, i, p->a, value, err);
}

bool config_parse(struct agent_config *config, struct arena *a, const char *file_name, struct bytes text, struct err *err)
{
    struct file_parser p = { .config = config, .a = a };

    text = utf8_without_mark(text);
    if (bytes_find(text, (struct bytes){ (const uint8_t *)"", 1 }) != SIZE_MAX)
        return err_set(err, ERR_MALFORMED, "%s: this is no text file", file_name);
    for (unsigned number = 1; text.len; number++) {
        size_t end = bytes_find(text, BYTES_LIT("\n"));
        struct bytes line = bytes_trim(bytes_slice(text, 0, end));
        bool fine = true;

        text = end == SIZE_MAX ? BYTES_NONE : bytes_slice(text, end + 1, text.len - end - 1);
        if (line.len && line.data[0] == '[')
            fine = enter_section(&p, line, err);
        else if (line.len && line.data[0] != '#' && line.data[0] != ';')
            fine = take_pair(&p, line, err);
        if (!fine)
            return err_within(err, "%s:%u", file_name, number);
    }
    return true;
}

bool config_parse_fw_cfg(struct agent_config *config, struct arena *a, struct bytes text, struct err *err)
{
    const struct json *item;
    struct bytes endpoint, ca;

    while (text.len && text.data[text.len - 1] == 0)
        text.len--; /* QEMU's string= adds none, but tools do */
    if (!json_parse(a, utf8_without_mark(text), NULL, &item, err) || !json_need_string(item, "endpoint", &endpoint, err) ||
        !url_check(endpoint, URL_HTTP_OR_HTTPS, err))
        return err_within(err, "fw_cfg opt/org.trueboot/agent");
    config->endpoint = arena_string(a, endpoint);
    ca = json_text(json_get(item, "ca_pem"), BYTES_NONE);
    if (!config->endpoint || !arena_copy(a, ca, &config->ca_pem))
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    config->has_fw_cfg = true;
    return true;
}

static bool load_fw_cfg(struct agent_config *config, struct arena *a, const char *path, struct err *err)
{
    const char *copy = arena_printf(a, "%s/" CONFIG_HOST_COPY, config->run_dir);
    struct bytes text;

    if (!*path)
        return true;
    if (!copy)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    /* Neither a device nor a copy: as if nothing had been said. */
    if (!file_read_in(a, path, LIMIT_SMALL_BODY_BYTES, &text, err) && !file_read_in(a, copy, LIMIT_SMALL_BODY_BYTES, &text, err))
        return err->code == ERR_NOT_FOUND || err->code == ERR_IO;
    return config_parse_fw_cfg(config, a, text, err);
}

static bool load_file(struct agent_config *config, struct arena *a, const char *path, bool required, struct err *err)
{
    struct bytes text;

    if (!file_read_in(a, path, LIMIT_SMALL_BODY_BYTES, &text, err))
        return !required && err->code == ERR_NOT_FOUND;
    return config_parse(config, a, path, text, err);
}

static int is_drop_in(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    return len > 5 && entry->d_name[0] != '.' && strcmp(entry->d_name + len - 5, ".conf") == 0;
}

static bool load_drop_ins(struct agent_config *config, struct arena *a, const char *file, struct err *err)
{
    struct dirent **entries = NULL;
    char *dir = arena_printf(a, "%s.d", file);
    int n = dir ? scandir(dir, &entries, is_drop_in, alphasort) : -1;
    bool fine = true;

    for (int i = 0; i < n; i++) {
        char *path = arena_printf(a, "%s/%s", dir, entries[i]->d_name);

        fine = fine && (path ? load_file(config, a, path, true, err) : err_set(err, ERR_NO_MEMORY, "out of memory"));
        free(entries[i]);
    }
    free(entries);
    return fine;
}

static bool load_environment(struct agent_config *config, struct arena *a, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        char name[KEY_MAX + 20];
        const char *value;

        snprintf(name, sizeof name, "TRUEBOOT_AGENT_%s", keys[i].key);
        for (char *c = name; *c; c++)
            *c = *c == '.' ? '_' : *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
        value = getenv(name);
        if (value && *value && !config_set(config, a, name, bytes_of_string(keys[i].key), bytes_of_string(value), err))
            return err_within(err, "environment variable");
    }
    return true;
}

static bool load(struct agent_config *ret, struct arena *a, const struct config_places *places, bool with_handler, struct err *err)
{
    const char *file, *handler;
    struct usual_places usual;

    config_defaults(ret);
    if (!usual_places(&usual, a, places->root ? places->root : "", err))
        return false;
    ret->state_dir = usual.state;
    ret->run_dir = usual.run;
    file = places->file ? places->file : arena_printf(a, "%s/agent.conf", usual.etc);
    handler = arena_printf(a, "%s/handler.conf", usual.etc);
    if (!file || !handler)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    if (!load_fw_cfg(ret, a, places->fw_cfg ? places->fw_cfg : usual.host_item, err))
        return false;
    if (*file && (!load_file(ret, a, file, places->file != NULL, err) || !load_drop_ins(ret, a, file, err)))
        return false;
    if (with_handler && !places->file && !load_file(ret, a, handler, false, err))
        return false;
    return load_environment(ret, a, err);
}

bool config_load(struct agent_config *ret, struct arena *a, const struct config_places *places, struct err *err)
{
    return load(ret, a, places, true, err);
}

bool config_load_without_handler(struct agent_config *ret, struct arena *a, const struct config_places *places, struct err *err)
{
    return load(ret, a, places, false, err);
}
