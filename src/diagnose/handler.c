/* The VM extension's side, read as anybody with root can read it: nothing of the handler is called. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "base/clock.h"
#include "base/path.h"
#include "base/utf8.h"
#include "diagnose/machine.h"
#include "json/parse.h"

enum { HEARTBEAT_OLD_MS = 10 * 60 * 1000, STATUS_OLD_MS = 2 * 60 * 60 * 1000, EVENTS_MANY = 100, FILE_MAX = 1 << 20 };

static const struct json *read_json(struct diagnosis *d, const struct machine_places *places, const char *path, const char **ret_why)
{
    struct bytes text = machine_read(d, places, FILE_MAX, "%s", path);
    const struct json *v = NULL;
    struct err err = ERR_INIT;

    *ret_why = "cannot be read";
    if (!text.len)
        return NULL;
    if (json_parse(d->arena, utf8_without_mark(text), NULL, &v, &err))
        return v;
    *ret_why = arena_printf(d->arena, "is not JSON: %s", err.text);
    return NULL;
}

static const char *text_of(struct diagnosis *d, const struct json *v, const char *name)
{
    struct bytes text = json_text(json_get(v, name), BYTES_NONE);

    return text.len ? arena_string(d->arena, text) : NULL;
}

static void skip_rest(struct diagnosis *d, const char *why)
{
    for (enum check c = CHECK_HANDLER_ENV; c <= CHECK_HANDLER_EVENTS; c++)
        diagnosis_add(d, c, RESULT_SKIP, "%s", why);
}

/* "…/status/7.status" → "…" */
static const char *handler_folder(struct diagnosis *d, const char *status_file)
{
    const char *end = strstr(status_file, "/status/");

    return end ? arena_string(d->arena, (struct bytes){ (const uint8_t *)status_file, (size_t)(end - status_file) }) : NULL;
}

static const struct json *check_environment(struct diagnosis *d, const struct machine_places *places, const char *folder)
{
    char path[400];
    const char *why;
    const struct json *v, *first;
    struct checked *c;

    snprintf(path, sizeof path, "%s/HandlerEnvironment.json", folder);
    v = read_json(d, places, path, &why);
    first = v && v->type == JSON_ARRAY && v->array.n ? v->array.items[0] : v;
    if (v && json_get(first, "handlerEnvironment")) {
        diagnosis_add(d, CHECK_HANDLER_ENV, RESULT_PASS, "%s", path);
        return json_get(first, "handlerEnvironment");
    }
    c = diagnosis_add(d, CHECK_HANDLER_ENV, RESULT_FAIL, "%s %s", path, v ? "has no handlerEnvironment" : why);
    checked_remedy(d, c, "%s; if it is broken, have the VM agent install the extension again", machine_words.be_privileged);
    return NULL;
}

/* Milliseconds since the last change; -1: not there. */
static int64_t age_of(const struct machine_places *places, const char *path)
{
    char full[512];
    struct stat s;

    snprintf(full, sizeof full, "%s%s", places->root, path);
    return stat(full, &s) == 0 ? clock_now_ms() - (int64_t)s.st_mtime * 1000 : -1;
}

static const char *age_in_words(struct diagnosis *d, int64_t ms)
{
    const char *text = ms < 0 ? "missing" : arena_printf(d->arena, "%lld s", (long long)(ms / 1000));

    return text ? text : "";
}

static void check_ages(struct diagnosis *d, const struct machine_places *places, const struct json *record)
{
    const char *status = text_of(d, record, "statusFile"), *heartbeat = text_of(d, record, "heartbeatFile");
    int64_t status_ms = status ? age_of(places, status) : -1, heartbeat_ms = heartbeat ? age_of(places, heartbeat) : -1;
    bool missing = status_ms < 0 || (heartbeat && heartbeat_ms < 0);
    bool old = heartbeat_ms > HEARTBEAT_OLD_MS;
    struct checked *c;

    c = diagnosis_add(d, CHECK_HANDLER_STATUS, missing || old ? RESULT_WARN : RESULT_PASS, "status %s, heartbeat %s",
                      age_in_words(d, status_ms), age_in_words(d, heartbeat_ms));
    if (c->result == RESULT_WARN)
        checked_remedy(d, c, "%s", machine_words.ask_publisher);
}

static void check_events(struct diagnosis *d, const struct machine_places *places, const struct json *record)
{
    const char *folder = text_of(d, record, "eventsFolder");
    char full[512];
    unsigned n = 0;
    DIR *dir;
    struct checked *c;

    if (!folder) {
        diagnosis_add(d, CHECK_HANDLER_EVENTS, RESULT_SKIP, "the VM agent gave no events folder");
        return;
    }
    snprintf(full, sizeof full, "%s%s", places->root, folder);
    if (!(dir = opendir(full))) {
        diagnosis_add(d, CHECK_HANDLER_EVENTS, RESULT_SKIP, "%s cannot be read", folder);
        return;
    }
    for (const struct dirent *e; (e = readdir(dir)) != NULL;)
        n += e->d_name[0] != '.';
    closedir(dir);
    c = diagnosis_add(d, CHECK_HANDLER_EVENTS, n > EVENTS_MANY ? RESULT_WARN : RESULT_PASS, "%u", n);
    if (n > EVENTS_MANY)
        checked_remedy(d, c, "the VM agent does not collect them: is it running?");
}

void machine_check_handler(struct diagnosis *d, const struct machine_places *places,
                           void (*settings)(struct diagnosis *d, const struct machine_places *places, const char *config_folder,
                                            const char *status_file))
{
    const char *why, *status, *folder;
    const struct json *environment;
    struct bytes config;
    const struct json *record = read_json(d, places, places->handler_record, &why);
    int64_t sequence = 0;

    if (!record) {
        if (machine_has(d, places, places->handler_record))
            checked_remedy(d, diagnosis_add(d, CHECK_MODE, RESULT_WARN, "%s %s", places->handler_record, why),
                           "%s; if it is broken, have the VM agent enable the extension again", machine_words.be_privileged);
        else
            diagnosis_add(d, CHECK_MODE, RESULT_PASS, "plain service: no handler has been here");
        skip_rest(d, "no VM extension here");
        return;
    }
    status = text_of(d, record, "statusFile");
    folder = status ? handler_folder(d, status) : NULL;
    if (!json_as_integer(json_get(record, "sequence"), &sequence))
        sequence = 0;
    diagnosis_add(d, CHECK_MODE, RESULT_PASS, "VM extension, sequence %lld%s%s", (long long)sequence, folder ? ", in " : "",
                  folder ? folder : "");
    if (!folder) {
        skip_rest(d, "the handler's folder is not known");
        return;
    }
    environment = check_environment(d, places, folder);
    config = environment ? json_text(json_get(environment, "configFolder"), BYTES_NONE) : BYTES_NONE;
    settings(d, places, config.len ? path_copy(d->arena, config) : arena_printf(d->arena, "%s/config", folder), status);
    check_ages(d, places, record);
    check_events(d, places, record);
}
