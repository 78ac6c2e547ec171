#include "agent/failure/failure.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/arena.h"
#include "base/utf8.h"

static const struct {
    const char *name;
    const char *reason;
    enum retry_class retry;
    const char *retry_name, *meaning;
} failures[] = { [FAILURE_NONE] = { "NONE", "", RETRY_PERIOD, "", "" },
#define X(name, reason, retry, meaning) [FAILURE_##name] = { #name, reason, RETRY_##retry, #retry, meaning },
                 FAILURES(X)
#undef X
};

/* Sentences of servers and of the TPM end up on terminals and in logs. */
static void keep_printable(char *text)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const char *safe = text_for_people(&a, bytes_of_string(text));

    if (safe && strcmp(safe, text) != 0)
        snprintf(text, sizeof((struct failure *)NULL)->text, "%s", safe);
}

void failure_record(struct failure *why, enum failure_id id, const char *fmt, ...)
{
    char text[sizeof why->text];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    *why = FAILURE_INIT;
    why->id = id;
    memcpy(why->text, text, sizeof text);
    keep_printable(why->text);
}

void failure_adopt(struct failure *why, enum failure_id id, const struct err *err)
{
    if (err->code == ERR_NO_MEMORY)
        id = FAILURE_NO_MEMORY;
    failure_record(why, id, "%s", err->text);
}

void failure_prefix(struct failure *why, const char *fmt, ...)
{
    char place[160], text[sizeof why->text];
    va_list args;

    va_start(args, fmt);
    vsnprintf(place, sizeof place, fmt, args);
    va_end(args);
    snprintf(text, sizeof text, "%s: %.*s", place, (int)(sizeof text - sizeof place - 3), why->text);
    memcpy(why->text, text, sizeof text);
    keep_printable(why->text);
}

unsigned failure_number(enum failure_id id)
{
    static const struct {
        enum failure_id id;
        unsigned number;
    } numbers[] = {
        { FAILURE_DNS, 6401 },         { FAILURE_CONNECT_TIMEOUT, 6402 },
        { FAILURE_PROXY_AUTH, 6403 },  { FAILURE_CONNECT_REFUSED, 6404 },
        { FAILURE_PROXY_BLOCK, 6405 }, { FAILURE_TLS_UNTRUSTED, 6406 },
        { FAILURE_TLS_NAME, 6407 },    { FAILURE_TLS_TIME, 6408 },
        { FAILURE_TLS_PROTO, 6409 },   { FAILURE_MTU, 6410 },
        { FAILURE_TIMEOUT, 6411 },
    };

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (numbers[i].id == id)
            return numbers[i].number;
    return 0;
}

bool failure_is_network(enum failure_id id) { return failure_number(id) > 0 || id == FAILURE_UNREACHABLE || id == FAILURE_TLS; }

void failure_put(struct json_out *out, const char *name, const struct failure *failure)
{
    if (!failure || failure->id == FAILURE_NONE) {
        json_put_null(out, name);
        return;
    }
    json_begin_object(out, name);
    json_put_string(out, "code", failure_name(failure->id));
    json_put_string(out, "reason", failure_reason(failure->id));
    json_put_string(out, "message", failure->text);
    if (failure_number(failure->id))
        json_put_integer(out, "number", failure_number(failure->id));
    json_end(out);
}

const char *failure_name(enum failure_id id) { return failures[id].name; }

enum failure_id failure_from_name(struct bytes name)
{
    for (size_t id = 0; id < ARRAY_LEN(failures); id++)
        if (failures[id].name && bytes_equal_string(name, failures[id].name))
            return (enum failure_id)id;
    return FAILURE_NONE;
}

const char *failure_reason(enum failure_id id) { return failures[id].reason; }

const char *failure_meaning(enum failure_id id) { return failures[id].meaning; }

enum retry_class failure_retry(enum failure_id id) { return failures[id].retry; }

const char *failure_retry_name(enum failure_id id) { return failures[id].retry_name; }
