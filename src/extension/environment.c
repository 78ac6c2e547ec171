#include "extension/environment.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/utf8.h"
#include "json/parse.h"

enum { PATH_BYTES_MAX = 1024 };

/* "…/events/" is …/events: what is put behind a folder begins with a slash of its own. The root keeps its one. */
static void cut_last_slashes(char *path)
{
    for (size_t len = strlen(path); len > 1 && path[len - 1] == '/' && path[len - 2] != ':'; len--)
        path[len - 1] = 0;
}

static bool take_path(struct arena *a, const struct json *from, const char *name, const char **ret, struct err *err)
{
    struct bytes text;
    char *copy;

    if (!json_need_string(from, name, &text, err))
        return false;
    copy = path_copy(a, bytes_slice(text, 0, PATH_BYTES_MAX));
    if (!copy)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    if (text.len > PATH_BYTES_MAX || memchr(text.data, 0, text.len) || !path_is_absolute(copy))
        return err_set(err, ERR_MALFORMED, "%s is no absolute path", name);
    cut_last_slashes(copy);
    *ret = copy;
    return true;
}

static bool take_events_folder(struct arena *a, const struct json *from, struct handler_environment *ret, struct err *err)
{
    static const char *const names[] = { "eventsFolder", "eventsFolder_preview" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (json_text(json_get(from, names[i]), BYTES_NONE).len)
            return take_path(a, from, names[i], &ret->events_folder, err);
    return true;
}

/* 6.13: whether every manager reads heartbeats is not known. */
static bool take_heartbeat_file(struct arena *a, const struct json *from, struct handler_environment *ret, struct err *err)
{
    const struct json *name = json_get(from, "heartbeatFile");

    return !name || name->type == JSON_NULL || take_path(a, from, "heartbeatFile", &ret->heartbeat_file, err);
}

bool handler_environment_parse(struct arena *a, struct bytes text, struct handler_environment *ret, struct err *err)
{
    struct handler_environment found = { 0 };
    const struct json *all, *inner;

    text = utf8_without_mark(text);
    if (text.len > LIMIT_SETTINGS_BYTES)
        return err_set(err, ERR_LIMIT, "HandlerEnvironment.json is larger than %d bytes", LIMIT_SETTINGS_BYTES);
    if (!json_parse(a, text, NULL, &all, err))
        return err_within(err, "HandlerEnvironment.json");
    if (all->type == JSON_ARRAY && all->array.n) /* 6.3; some managers leave the list out */
        all = all->array.items[0];
    if (all->type != JSON_OBJECT)
        return err_set(err, ERR_MALFORMED, "HandlerEnvironment.json: an array of one object is expected");
    if (!json_need_object(all, "handlerEnvironment", &inner, err) || !take_path(a, inner, "logFolder", &found.log_folder, err) ||
        !take_path(a, inner, "configFolder", &found.config_folder, err) ||
        !take_path(a, inner, "statusFolder", &found.status_folder, err) || !take_heartbeat_file(a, inner, &found, err) ||
        !take_events_folder(a, inner, &found, err))
        return err_within(err, "HandlerEnvironment.json");
    *ret = found;
    return true;
}
