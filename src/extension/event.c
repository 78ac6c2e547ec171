#include "extension/event.h"
#include <stdio.h>
#include "base/clock.h"
#include "base/utf8.h"
#include "json/parse.h"
#include "json/write.h"

enum { SHORT_MAX = 128 };

void event_name(int64_t time_ms, unsigned counter, char ret[static EVENT_NAME_LEN])
{
    snprintf(ret, EVENT_NAME_LEN, "%lld.json", (long long)time_ms * 10000 + counter % 10000);
}

bool event_name_is_valid(const char *name)
{
    size_t digits = strspn(name, "0123456789");

    return digits && digits < 30 && strcmp(name + digits, ".json") == 0;
}

/* At most `max` bytes of text, not ending within a character; control characters become spaces. */
static void put_clipped(struct json_out *out, const char *name, const char *text, size_t max)
{
    char copy[LIMIT_EVENT_MESSAGE_BYTES + 1];
    size_t len = strnlen(text, max);

    memcpy(copy, text, len);
    while (len && text[len] && ((unsigned char)text[len] & 0xc0) == 0x80)
        len--;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)copy[i] < 0x20 || copy[i] == 0x7f || copy[i] == '"' || copy[i] == '\\')
            copy[i] = copy[i] == '"' ? '\'' : copy[i] == '\\' ? '/' : ' ';
    json_put_bytes(out, name, len ? (struct bytes){ (const uint8_t *)copy, len } : BYTES_LIT("-"));
}

void event_write(struct writer *w, const struct handler_event *event)
{
    struct json_out out = json_out_to(w, JSON_COMPACT);
    char id[24];

    snprintf(id, sizeof id, "%d", event->pid);
    json_begin_object(&out, NULL);
    put_clipped(&out, "Version", event->version, SHORT_MAX);
    json_put_time(&out, "Timestamp", event->time_ms);
    put_clipped(&out, "TaskName", event->task, SHORT_MAX);
    put_clipped(&out, "EventLevel", event->level, SHORT_MAX);
    put_clipped(&out, "Message", event->message, LIMIT_EVENT_MESSAGE_BYTES);
    json_put_string(&out, "EventPid", id);
    json_put_string(&out, "EventTid", id);
    put_clipped(&out, "OperationId", event->operation, SHORT_MAX);
    json_end(&out);
    write_string(w, "\n");
}

static bool take_text(struct arena *a, const struct json *from, const char *name, const char **ret, struct err *err)
{
    struct bytes text;

    if (!json_need_string(from, name, &text, err))
        return false;
    *ret = arena_string(a, text);
    return *ret ? true : err_set(err, ERR_NO_MEMORY, "out of memory");
}

static bool level_is_known(const char *level)
{
    static const char *const levels[] = { "Critical", "Error", "Warning", "Verbose", "Informational", "LogAlways" };

    for (size_t i = 0; i < ARRAY_LEN(levels); i++)
        if (strcmp(level, levels[i]) == 0)
            return true;
    return false;
}

bool event_parse(struct arena *a, struct bytes text, struct handler_event *ret, struct err *err)
{
    struct handler_event found = { 0 };
    struct bytes time;
    const char *pid;
    const struct json *v;

    if (text.len > LIMIT_EVENT_BYTES)
        return err_set(err, ERR_LIMIT, "an event is at most %d bytes", LIMIT_EVENT_BYTES);
    if (!json_parse(a, text, NULL, &v, err) || !take_text(a, v, "Version", &found.version, err) ||
        !take_text(a, v, "TaskName", &found.task, err) || !take_text(a, v, "EventLevel", &found.level, err) ||
        !take_text(a, v, "Message", &found.message, err) || !take_text(a, v, "OperationId", &found.operation, err) ||
        !take_text(a, v, "EventPid", &pid, err) || !json_need_string(v, "Timestamp", &time, err))
        return err_within(err, "event");
    if (!clock_parse(time, &found.time_ms) || !level_is_known(found.level) || sscanf(pid, "%9d", &found.pid) != 1)
        return err_set(err, ERR_MALFORMED, "event: Timestamp, EventLevel or EventPid is not what we write");
    *ret = found;
    return true;
}
