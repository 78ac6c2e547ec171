#include "agent/handler/record.h"
#include "agent/files/folder.h"
#include "base/clock.h"
#include "base/file.h"
#include "json/parse.h"
#include "json/write.h"

static const char *text_of(struct arena *a, const struct json *from, const char *name)
{
    struct bytes text = json_text(json_get(from, name), BYTES_NONE);

    return text.len ? arena_string(a, text) : NULL;
}

static int64_t time_of(const struct json *from, const char *name)
{
    int64_t time_ms;

    return clock_parse(json_text(json_get(from, name), BYTES_NONE), &time_ms) ? time_ms : 0;
}

static bool flag_of(const struct json *from, const char *name)
{
    bool value;

    return json_as_boolean(json_get(from, name), &value) && value;
}

static void take_warnings(struct arena *a, const struct json *list, struct handler_record *ret)
{
    for (size_t i = 0; list && list->type == JSON_ARRAY && i < list->array.n && ret->n_warnings < LIMIT_SETTINGS_WARNINGS; i++) {
        const char *text = arena_string(a, json_text(list->array.items[i], BYTES_NONE));

        if (text && *text)
            ret->warnings[ret->n_warnings++] = text;
    }
}

bool record_read(struct arena *a, const char *path, struct handler_record *ret, struct err *err)
{
    struct handler_record found = { 0 };
    struct bytes text;
    const struct json *v;
    int64_t schema, sequence;

    if (!file_read_in(a, path, LIMIT_SMALL_BODY_BYTES, &text, err))
        return false;
    if (!json_parse(a, text, NULL, &v, err) || !json_need_integer(v, "schema", &schema, err) ||
        !json_need_integer(v, "sequence", &sequence, err))
        return err_within(err, "%s", path);
    if (schema != RECORD_SCHEMA || sequence < 0 || sequence > UINT32_MAX)
        return err_set(err, ERR_UNSUPPORTED, "%s: written by another version", path);
    found.sequence = (uint32_t)sequence;
    found.version = text_of(a, v, "handler");
    found.status_file = text_of(a, v, "statusFile");
    found.heartbeat_file = text_of(a, v, "heartbeatFile");
    found.events_folder = text_of(a, v, "eventsFolder");
    found.log_folder = text_of(a, v, "logFolder");
    found.operation = text_of(a, v, "operation");
    found.config_sha256 = text_of(a, v, "configSha256");
    found.enabled_ms = time_of(v, "enabledTime");
    found.first_enabled_ms = time_of(v, "firstEnabledTime");
    found.applied_ms = time_of(v, "appliedTime");
    found.strict = flag_of(v, "strict");
    found.purge = flag_of(v, "purge");
    found.upgraded = flag_of(v, "upgraded");
    found.disabled = flag_of(v, "disabled");
    take_warnings(a, json_get(v, "warnings"), &found);
    *ret = found;
    return true;
}

static void put_time(struct json_out *out, const char *name, int64_t time_ms)
{
    if (time_ms)
        json_put_time(out, name, time_ms);
}

bool record_write(const struct handler_record *record, const char *path, struct err *err)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_INDENTED);

    json_begin_object(&out, NULL);
    json_put_integer(&out, "schema", RECORD_SCHEMA);
    json_put_string(&out, "handler", record->version);
    json_put_integer(&out, "sequence", record->sequence);
    json_put_string(&out, "statusFile", record->status_file);
    json_put_string(&out, "heartbeatFile", record->heartbeat_file);
    json_put_string(&out, "eventsFolder", record->events_folder);
    json_put_string(&out, "logFolder", record->log_folder);
    json_put_string(&out, "operation", record->operation);
    put_time(&out, "enabledTime", record->enabled_ms);
    put_time(&out, "firstEnabledTime", record->first_enabled_ms);
    put_time(&out, "appliedTime", record->applied_ms);
    json_put_string(&out, "configSha256", record->config_sha256);
    json_put_boolean(&out, "strict", record->strict);
    json_put_boolean(&out, "purge", record->purge);
    json_put_boolean(&out, "upgraded", record->upgraded);
    json_put_boolean(&out, "disabled", record->disabled);
    json_begin_array(&out, "warnings");
    for (size_t i = 0; i < record->n_warnings; i++)
        json_put_string(&out, NULL, record->warnings[i]);
    json_end(&out);
    json_end(&out);
    write_string(&w, "\n");
    return writer_ok(&w) ? folder_put(path, writer_bytes(&w), 0600, err) : err_set(err, ERR_NO_MEMORY, "out of memory");
}
