#include "extension/status.h"
#include <stdarg.h>
#include <stdio.h>
#include "base/utf8.h"
#include "json/write.h"

static const char handler_name[] = "GuestAttestation";

static const char *const substatus_names[] = {
#define X(name, text) text,
    SUBSTATUS(X)
#undef X
};

const char *status_word_text(enum status_word word)
{
    static const char *const words[] = { "transitioning", "warning", "error", "success" };

    return words[word];
}

PRINTF_LIKE(2, 0)
static void format_message(char to[static STATUS_MESSAGE_MAX + 1], const char *fmt, va_list arguments)
{
    size_t len;

    vsnprintf(to, STATUS_MESSAGE_MAX + 1, fmt, arguments);
    len = strlen(to);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)to[i] < 0x20 || to[i] == 0x7f)
            to[i] = ' ';
    /* Where the text was cut, the last character may be half of one. */
    while (len && !utf8_is_valid((struct bytes){ (const uint8_t *)to, len }) && len > STATUS_MESSAGE_MAX - 4)
        to[--len] = 0;
    for (size_t i = 0; i < len && !utf8_is_valid((struct bytes){ (const uint8_t *)to, len }); i++)
        if ((unsigned char)to[i] >= 0x80)
            to[i] = '?';
}

void handler_status_set(struct handler_status *status, enum status_word word, int code, const char *fmt, ...)
{
    va_list arguments;

    status->status = word;
    status->code = code;
    va_start(arguments, fmt);
    format_message(status->message, fmt, arguments);
    va_end(arguments);
}

void handler_status_sub(struct handler_status *status, enum substatus_name name, enum status_word word, int code, const char *fmt, ...)
{
    struct substatus *sub = &status->sub[name];
    va_list arguments;

    sub->shown = true;
    sub->status = word;
    sub->code = code;
    va_start(arguments, fmt);
    format_message(sub->message, fmt, arguments);
    va_end(arguments);
}

static void put_message(struct json_out *out, const char *message)
{
    json_begin_object(out, "formattedMessage");
    json_put_string(out, "lang", "en-US");
    json_put_string(out, "message", message);
    json_end(out);
}

static void put_substatus(struct json_out *out, const struct handler_status *status)
{
    json_begin_array(out, "substatus");
    for (size_t i = 0; i < SUBSTATUS_N; i++) {
        if (!status->sub[i].shown)
            continue;
        json_begin_object(out, NULL);
        json_put_string(out, "name", substatus_names[i]);
        json_put_string(out, "status", status_word_text(status->sub[i].status));
        json_put_integer(out, "code", status->sub[i].code);
        put_message(out, status->sub[i].message);
        json_end(out);
    }
    json_end(out);
}

void handler_status_write(struct writer *w, const struct handler_status *status, int64_t now_ms)
{
    struct json_out out = json_out_to(w, JSON_COMPACT);

    json_begin_array(&out, NULL);
    json_begin_object(&out, NULL);
    json_put_raw(&out, "version", BYTES_LIT("1.0"));
    json_put_time(&out, "timestampUTC", now_ms);
    json_begin_object(&out, "status");
    json_put_string(&out, "name", handler_name);
    json_put_string(&out, "operation", status->operation);
    if (status->applied_ms)
        json_put_time(&out, "configurationAppliedTime", status->applied_ms);
    json_put_string(&out, "status", status_word_text(status->status));
    json_put_integer(&out, "code", status->code);
    put_message(&out, status->message);
    put_substatus(&out, status);
    json_end(&out);
    json_end(&out);
    json_end(&out);
    write_string(w, "\n");
}

void heartbeat_write(struct writer *w, bool ready, int code, const char *message)
{
    struct json_out out = json_out_to(w, JSON_COMPACT);

    json_begin_array(&out, NULL);
    json_begin_object(&out, NULL);
    json_put_raw(&out, "version", BYTES_LIT("1.0"));
    json_begin_object(&out, "heartbeat");
    json_put_string(&out, "status", ready ? "Ready" : "NotReady");
    json_put_integer(&out, "code", code);
    json_put_string(&out, "Message", message); /* the older spelling */
    put_message(&out, message);
    json_end(&out);
    json_end(&out);
    json_end(&out);
    write_string(w, "\n");
}
