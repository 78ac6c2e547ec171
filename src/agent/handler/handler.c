#include "agent/handler/handler.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "agent/files/folder.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/path.h"
#include "extension/settings.h"

enum { ENVIRONMENT_TRIES = 5, VERSION_MAX = 64, FILES_MAX = 16384 };

static bool out_of_memory(struct err *err) { return err_set(err, ERR_NO_MEMORY, "out of memory"); }

/* …/PACKAGE/bin/trueboot-agent → …/PACKAGE */
static const char *folder_above_program(struct arena *a)
{
    const char *path = path_of_program(a);
    size_t len = path ? strlen(path) : 0;

    for (unsigned i = 0; i < 2; i++)
        do
            len = len ? len - 1 : 0;
        while (len && path[len] != '/');
    return len ? arena_string(a, (struct bytes){ (const uint8_t *)path, len }) : NULL;
}

static bool is_version(const char *text)
{
    size_t n = strlen(text);

    return n && n < VERSION_MAX && strspn(text, "0123456789.") == n;
}

static const char *version_of(const char *install_dir)
{
    const char *given = getenv("AZURE_GUEST_AGENT_EXTENSION_VERSION"), *name = strrchr(install_dir, '/'), *hyphen;

    if (given && is_version(given))
        return given;
    if (name && is_version(name + 1)) /* …\TYPE\VERSION, as on Windows */
        return name + 1;
    hyphen = name ? strchr(name, '-') : NULL;
    return hyphen && is_version(hyphen + 1) ? hyphen + 1 : TRUEBOOT_VERSION;
}

static const char *without_last_slash(struct arena *a, const char *path)
{
    char *copy = path_copy(a, bytes_of_string(path));

    for (size_t len = copy ? strlen(copy) : 0; len > 1 && copy[len - 1] == '/'; len--)
        copy[len - 1] = 0;
    return copy;
}

bool handler_locate(struct arena *a, struct handler *ret, struct err *err)
{
    const char *given = getenv("AZURE_GUEST_AGENT_EXTENSION_PATH");

    *ret = (struct handler){ .extension = "" };
    ret->install_dir = given && path_is_absolute(given) ? without_last_slash(a, given) : folder_above_program(a);
    if (!ret->install_dir)
        return err_set(err, ERR_NOT_FOUND, "the folder of the package is not known");
    ret->version = version_of(ret->install_dir);
    return true;
}

static bool read_environment(struct arena *a, struct handler *h, struct err *err)
{
    const struct timespec second = { .tv_sec = 1 };
    char *path = arena_printf(a, "%s/HandlerEnvironment.json", h->install_dir);

    for (unsigned i = 1; path; i++) {
        struct bytes text;

        if (!file_read_in(a, path, LIMIT_SETTINGS_BYTES, &text, err))
            return err->code == ERR_NOT_FOUND
                       ? err_set(err, ERR_NOT_FOUND,
                                 "no VM agent has put its HandlerEnvironment.json into %s: enable is called by one; a "
                                 "machine without one has the service trueboot-agent and its agent.conf",
                                 h->install_dir)
                       : false;
        if (handler_environment_parse(a, text, &h->environment, err)) {
            if (!h->environment.heartbeat_file) /* its usual place (6.1) */
                h->environment.heartbeat_file = arena_printf(a, "%s/heartbeat.log", h->install_dir);
            return h->environment.heartbeat_file || out_of_memory(err);
        }
        if (i == ENVIRONMENT_TRIES)
            return false;
        nanosleep(&second, NULL);
    }
    return out_of_memory(err);
}

static bool sequence_from_environment(uint32_t *ret)
{
    const char *text = getenv("ConfigSequenceNumber");
    char *end;
    unsigned long long number;

    if (!text || *text < '0' || *text > '9')
        return false;
    number = strtoull(text, &end, 10);
    *ret = (uint32_t)number;
    return !*end && number <= UINT32_MAX;
}

/* The file of the newest modification, not of the highest number: after a rollback they differ. */
static bool newest_sequence(struct arena *a, const struct handler *h, uint32_t *ret)
{
    int folder CLEANUP(folder_close_at) = -1;
    struct err err = ERR_INIT;
    const char **names;
    int64_t newest = 0;
    bool found = false;
    size_t n;

    if (!folder_open(h->environment.config_folder, &folder, &err) || !folder_list(folder, a, FILES_MAX, &names, &n, &err))
        return false;
    for (size_t i = 0; i < n; i++) {
        struct settings_name name;
        int64_t modified;

        if (!settings_name_parse(bytes_of_string(names[i]), &name) || !bytes_equal_string(name.extension, h->extension) ||
            !folder_modified(folder, names[i], &modified) || (found && modified < newest))
            continue;
        found = true;
        newest = modified;
        *ret = name.sequence;
    }
    return found;
}

static bool find_settings(struct arena *a, struct handler *h, struct err *err)
{
    const char *given = getenv("ConfigExtensionName"), *dot;
    bool told;

    if (given && *given && (strpbrk(given, "/\\:") || *given == '.' || strlen(given) > 128))
        return err_set(err, ERR_MALFORMED, "ConfigExtensionName is no name of an extension");
    h->extension = given ? given : "";
    told = sequence_from_environment(&h->sequence);
    if (!told && !newest_sequence(a, h, &h->sequence))
        h->sequence = 0;
    dot = *h->extension ? "." : "";
    h->settings_file = arena_printf(a, "%s/%s%s%u.settings", h->environment.config_folder, h->extension, dot, h->sequence);
    h->status_file = arena_printf(a, "%s/%s%s%u.status", h->environment.status_folder, h->extension, dot, h->sequence);
    h->mrseq_file = arena_printf(a, "%s/%s%smrseq", h->install_dir, h->extension, dot);
    if (!h->settings_file || !h->status_file || !h->mrseq_file)
        return out_of_memory(err);
    if (!file_exists(h->settings_file))
        h->settings_file = NULL;
    return true;
}

bool handler_find(struct arena *a, struct handler *ret, struct err *err)
{
    return handler_locate(a, ret, err) && read_environment(a, ret, err) && find_settings(a, ret, err);
}

bool handler_applied_sequence(const struct handler *handler, uint32_t *ret)
{
    struct bytes text CLEANUP(file_free) = BYTES_NONE;
    struct err err = ERR_INIT;
    char number[16];
    unsigned value;
    char rest;

    if (!file_read(handler->mrseq_file, sizeof number - 1, &text, &err))
        return false;
    snprintf(number, sizeof number, "%.*s", BYTES_FMT(bytes_trim(text)));
    if (sscanf(number, "%10u%c", &value, &rest) != 1)
        return false;
    *ret = value;
    return true;
}

bool handler_note_applied(const struct handler *handler, struct err *err)
{
    char number[16];

    snprintf(number, sizeof number, "%u\n", handler->sequence);
    return folder_put(handler->mrseq_file, bytes_of_string(number), 0600, err);
}
