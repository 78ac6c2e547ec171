#include "base/log.h"
#include <stdarg.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/utf8.h"
#include "base/writer.h"

static _Atomic enum log_level threshold = LOG_INFO;
static _Atomic enum log_format layout = LOG_TEXT;

void log_set_level(enum log_level level) { threshold = level; }
static void (*second_place)(enum log_level level, int64_t time_ms, struct bytes line);

void log_set_sink(void (*sink)(enum log_level level, int64_t time_ms, struct bytes line)) { second_place = sink; }

void log_set_format(enum log_format format) { layout = format; }

static void write_value(struct writer *w, const char *value)
{
    write_string(w, "\"");
    for (const char *c = value; *c; c++) {
        if (*c == '"' || *c == '\\')
            write_printf(w, "\\%c", *c);
        else if ((unsigned char)*c < 0x20 || *c == 0x7f)
            write_printf(w, "\\x%02x", (unsigned char)*c);
        else
            write_u8(w, (uint8_t)*c);
    }
    write_string(w, "\"");
}

/* A JSON string; what is no UTF-8 becomes U+FFFD. (json/ is above this folder.) */
static void write_json(struct writer *w, const char *value)
{
    struct bytes rest = bytes_of_string(value);
    uint32_t c;

    write_string(w, "\"");
    while (rest.len > 0) {
        if (!utf8_next(&rest, &c)) {
            rest = bytes_slice(rest, 1, rest.len);
            c = 0xfffd;
        }
        if (c == '"' || c == '\\')
            write_printf(w, "\\%c", (char)c);
        else if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029)
            write_printf(w, "\\u%04x", (unsigned)c);
        else
            utf8_write(w, c);
    }
    write_string(w, "\"");
}

static void write_pair(struct writer *w, enum log_format format, const char *key, const char *value)
{
    if (format == LOG_JSON) {
        write_string(w, w->len > 1 ? "," : "");
        write_json(w, key);
        write_string(w, ":");
        if (value)
            write_json(w, value);
        else
            write_string(w, "null");
        return;
    }
    write_printf(w, " %s=", key);
    write_value(w, value ? value : "-");
}

static void write_second(enum log_level level, int64_t now_ms, const char *message, va_list pairs)
{
    struct writer w CLEANUP(writer_done) = { .limit = 16 * 1024 };
    const char *key;

    for (const char *c = message; *c; c++)
        write_u8(&w, (unsigned char)*c < 0x20 || *c == 0x7f ? ' ' : (uint8_t)*c);
    while ((key = va_arg(pairs, const char *)) != NULL) {
        const char *value = va_arg(pairs, const char *);

        write_pair(&w, LOG_TEXT, key, value);
    }
    second_place(level, now_ms, writer_bytes(&w));
}

void log_event(enum log_level level, const char *message, ...)
{
    static const char *const names[] = { "debug", "info", "warning", "error" };
    struct writer w CLEANUP(writer_done) = { .limit = 16 * 1024 };
    char now[CLOCK_TEXT_LEN];
    int64_t now_ms = clock_now_ms();
    enum log_format format = layout;
    const char *key;
    va_list pairs;

    if (level < threshold)
        return;
    clock_format(now_ms, now);
    if (format == LOG_JSON) {
        write_string(&w, "{");
        write_pair(&w, format, "time", now);
        write_pair(&w, format, "level", names[level]);
        write_pair(&w, format, "msg", message);
    } else {
        write_printf(&w, "time=%s level=%s msg=", now, names[level]);
        write_value(&w, message);
    }
    va_start(pairs, message);
    while ((key = va_arg(pairs, const char *)) != NULL) {
        const char *value = va_arg(pairs, const char *);
        write_pair(&w, format, key, value);
    }
    va_end(pairs);
    if (second_place) {
        va_start(pairs, message);
        write_second(level, now_ms, message, pairs);
        va_end(pairs);
    }
    write_string(&w, format == LOG_JSON ? "}\n" : "\n");
    /* One write per line keeps lines whole; a log that cannot be written has nowhere to complain. */
    if (w.len && write(STDERR_FILENO, w.data, (unsigned)w.len) < 0)
        return;
}
