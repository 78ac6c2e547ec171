#include "base/log.h"
#include <stdarg.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/writer.h"

static enum log_level threshold = LOG_INFO;

void log_set_level(enum log_level level) { threshold = level; }

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

void log_event(enum log_level level, const char *message, ...)
{
    static const char *const names[] = { "debug", "info", "warning", "error" };
    struct writer w CLEANUP(writer_done) = { .limit = 16 * 1024 };
    char now[CLOCK_TEXT_LEN];
    const char *key;
    va_list pairs;

    if (level < threshold)
        return;
    clock_format(clock_now_ms(), now);
    write_printf(&w, "time=%s level=%s msg=", now, names[level]);
    write_value(&w, message);
    va_start(pairs, message);
    while ((key = va_arg(pairs, const char *)) != NULL) {
        const char *value = va_arg(pairs, const char *);
        write_printf(&w, " %s=", key);
        write_value(&w, value ? value : "-");
    }
    va_end(pairs);
    write_string(&w, "\n");
    /* One write per line keeps lines whole; a log that cannot be written has nowhere to complain. */
    if (w.len && write(STDERR_FILENO, w.data, w.len) < 0)
        return;
}
