/* What an option's value has to be, seen before a command begins. */
#include <string.h>
#include "base/clock.h"
#include "base/hex.h"
#include "base/limits.h"
#include "base/uuid.h"
#include "cli/frame/cli.h"
#include "jmespath/jmespath.h"

/* `o` says more of a value than its kind. A kind's words follow "--NAME takes". */
struct value_kind {
    bool (*fits)(struct cli *cli, const struct cli_option *o, const char *value);
    const char *words;
};

static bool digits(const char *value, size_t most, int64_t *ret)
{
    size_t len = strlen(value);

    *ret = 0;
    for (size_t i = 0; i < len && len <= most; i++)
        *ret = *ret * 10 + (value[i] - '0');
    return len > 0 && len <= most && strspn(value, "0123456789") == len;
}

static bool is_number(struct cli *cli UNUSED, const struct cli_option *o, const char *value)
{
    int64_t n;
    return digits(value, 15, &n) && n >= 1 && (!o->most || n <= o->most);
}

static bool is_hex(struct cli *cli, const struct cli_option *o UNUSED, const char *value)
{
    struct err ignored = ERR_INIT;
    struct bytes decoded;

    return cli_hex(&cli->arena, value, &decoded, &ignored);
}

static bool is_time(struct cli *cli UNUSED, const struct cli_option *o UNUSED, const char *value)
{
    int64_t ms;
    return clock_parse(bytes_of_string(value), &ms);
}

static bool date_parse(const char *value, int64_t *ret_ms)
{
    char time[48];

    if (clock_parse(bytes_of_string(value), ret_ms))
        return true;
    snprintf(time, sizeof time, "%.20sT00:00:00Z", value);
    return clock_parse(bytes_of_string(time), ret_ms);
}

static bool is_date(struct cli *cli UNUSED, const struct cli_option *o UNUSED, const char *value)
{
    int64_t ms;
    return date_parse(value, &ms);
}

static bool is_uuid(struct cli *cli UNUSED, const struct cli_option *o UNUSED, const char *value)
{
    char canonical[UUID_TEXT_LEN];
    return uuid_canonical(bytes_of_string(value), canonical);
}

static bool is_registers(struct cli *cli UNUSED, const struct cli_option *o UNUSED, const char *value)
{
    uint32_t mask;
    return cli_registers(value, &mask);
}

static bool is_query(struct cli *cli, const struct cli_option *o UNUSED, const char *value)
{
    struct jmespath_error error = { .offset = 0 };
    const struct jmespath_expr *expr;

    return jmespath_parse(&cli->arena, bytes_of_string(value), &expr, &error);
}

/* The words stand in the option's argument: "on|off". */
static bool is_one_of(struct cli *cli UNUSED, const struct cli_option *o, const char *value)
{
    size_t len = strlen(value);

    for (const char *word = o->argument; len && word; word = strchr(word, '|') ? strchr(word, '|') + 1 : NULL)
        if (strcspn(word, "|") == len && strncmp(word, value, len) == 0)
            return true;
    return false;
}

/* attestation-service.md 1.2; the shared one's name is of the same form. */
static bool is_provider(struct cli *cli UNUSED, const struct cli_option *o UNUSED, const char *value)
{
    size_t len = strlen(value);

    return len >= 3 && len <= 24 && strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == len &&
           value[0] != '-' && value[len - 1] != '-';
}

static bool is_scope(struct cli *cli UNUSED, const struct cli_option *o UNUSED, const char *value)
{
    return (strncmp(value, "provider/", 9) == 0 && value[9]) || (strncmp(value, "vm/", 3) == 0 && value[3]);
}

static bool is_address(struct cli *cli UNUSED, const struct cli_option *o UNUSED, const char *value)
{
    return strncmp(value, "https://", 8) == 0 && value[8] && value[8] != '/';
}

/* A path may be anything that is no address. */
static bool is_server(struct cli *cli, const struct cli_option *o, const char *value)
{
    return strstr(value, "://") ? is_address(cli, o, value) : value[0] != '\0';
}

static const struct value_kind kinds[] = {
    [VALUE_TEXT] = { NULL, NULL },
    [VALUE_NUMBER] = { is_number, "a number from 1" },
    [VALUE_HEX] = { is_hex, "hexadecimal digits, two for each byte" },
    [VALUE_TIME] = { is_time, "a time of RFC 3339 such as 2026-11-21T12:00:00Z" },
    [VALUE_DATE] = { is_date, "a date such as 2026-07-14" },
    [VALUE_UUID] = { is_uuid, "a UUID" },
    [VALUE_REGISTERS] = { is_registers, "a list of registers such as 0-9,14" },
    [VALUE_QUERY] = { is_query, "a JMESPath expression" },
    [VALUE_ONE_OF] = { is_one_of, "one of" },
    [VALUE_PROVIDER] = { is_provider, "a provider's name: 3 to 24 letters, digits and inner hyphens" },
    [VALUE_SCOPE] = { is_scope, "provider/NAME or vm/NAME" },
    [VALUE_ADDRESS] = { is_address, "an address such as https://HOST:PORT" },
    [VALUE_SERVER] = { is_server, "the path of a socket or an address such as https://HOST:PORT" },
};

bool cli_value_fits(struct cli *cli, const struct cli_option *option, const char *value)
{
    const struct value_kind *kind = &kinds[option->value];
    struct jmespath_error error = { .offset = 0 };
    const struct jmespath_expr *expr;
    const char *shown;

    if (!kind->fits || kind->fits(cli, option, value))
        return true;
    if (option->value == VALUE_NUMBER && option->most)
        cli_fail(EXIT_USAGE, "--%s takes a number from 1 to %lld, not %s", option->name, (long long)option->most, value);
    else if (option->value == VALUE_ONE_OF)
        cli_fail(EXIT_USAGE, "--%s takes one of %s, not %s", option->name, option->argument, value);
    else if (option->value == VALUE_QUERY && !jmespath_parse(&cli->arena, bytes_of_string(value), &expr, &error))
        cli_fail(EXIT_USAGE, "--%s: %s: %s", option->name, jmespath_error_slug(error.kind),
                 (shown = jmespath_error_show(&cli->arena, bytes_of_string(value), &error)) != NULL ? shown : error.text);
    else
        cli_fail(EXIT_USAGE, "--%s takes %s, not %s", option->name, kind->words, value);
    return false;
}

/* ---- reading them ---- */

bool cli_hex(struct arena *a, const char *value, struct bytes *ret, struct err *err)
{
    if (value[0] == '0' && (value[1] == 'x' || value[1] == 'X'))
        value += 2;
    return hex_decode(a, bytes_of_string(value), ret, err);
}

static bool take_register(const char **text, int64_t *ret)
{
    char number[4] = "";
    size_t n = strspn(*text, "0123456789");

    if (n >= sizeof number)
        return false;
    memcpy(number, *text, n);
    *text += n;
    return digits(number, sizeof number - 1, ret) && *ret < LIMIT_PCRS;
}

bool cli_registers(const char *value, uint32_t *ret_mask)
{
    uint32_t mask = 0;

    for (bool more = true; more;) {
        int64_t first, last;

        if (!take_register(&value, &first))
            return false;
        last = first;
        if (*value == '-' && (value++, !take_register(&value, &last)))
            return false;
        if (first > last || (*value && *value != ','))
            return false;
        for (int64_t pcr = first; pcr <= last; pcr++)
            mask |= 1u << pcr;
        more = *value++ == ',';
    }
    *ret_mask = mask;
    return true;
}

int64_t cli_number(const struct cli *cli, const char *name, int64_t otherwise)
{
    const char *text = cli_option(cli, name);
    int64_t n;

    return text && digits(text, 15, &n) ? n : otherwise;
}

int64_t cli_time(const struct cli *cli, const char *name, int64_t otherwise)
{
    const char *text = cli_option(cli, name);
    int64_t time;

    return text && date_parse(text, &time) ? time : otherwise;
}
