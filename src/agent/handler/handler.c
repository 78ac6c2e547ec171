#include "agent/handler/handler.h"
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "agent/files/folder.h"
#include "base/file.h"
#include "base/limits.h"
#include "extension/settings.h"

enum { ENVIRONMENT_TRIES = 5, VERSION_MAX = 64 };

static bool out_of_memory(struct err *err) { return err_set(err, ERR_NO_MEMORY, "out of memory"); }

/* …/PACKAGE/bin/trueboot-agent → …/PACKAGE */
static const char *folder_above_program(struct arena *a)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);

    if (n <= 0)
        return NULL;
    path[n] = 0;
    for (unsigned i = 0; i < 2; i++) {
        char *slash = strrchr(path, '/');

        if (!slash || slash == path)
            return NULL;
        *slash = 0;
    }
    return arena_string(a, bytes_of_string(path));
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
    hyphen = name ? strchr(name, '-') : NULL;
    return hyphen && is_version(hyphen + 1) ? hyphen + 1 : TRUEBOOT_VERSION;
}

bool handler_locate(struct arena *a, struct handler *ret, struct err *err)
{
    const char *given = getenv("AZURE_GUEST_AGENT_EXTENSION_PATH");

    *ret = (struct handler){ .extension = "" };
    ret->install_dir = given && *given == '/' ? given : folder_above_program(a);
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
            return false;
        if (handler_environment_parse(a, text, &h->environment, err))
            return true;
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
static bool newest_sequence(const struct handler *h, uint32_t *ret)
{
    DIR *dir = opendir(h->environment.config_folder);
    const struct dirent *entry;
    struct timespec newest = { 0 };
    bool found = false;

    while (dir && (entry = readdir(dir)) != NULL) {
        struct settings_name name;
        struct stat st;

        if (!settings_name_parse(bytes_of_string(entry->d_name), &name) || !bytes_equal_string(name.extension, h->extension) ||
            fstatat(dirfd(dir), entry->d_name, &st, 0) || !S_ISREG(st.st_mode))
            continue;
        if (found && (st.st_mtim.tv_sec < newest.tv_sec || (st.st_mtim.tv_sec == newest.tv_sec && st.st_mtim.tv_nsec < newest.tv_nsec)))
            continue;
        found = true;
        newest = st.st_mtim;
        *ret = name.sequence;
    }
    if (dir)
        closedir(dir);
    return found;
}

static bool find_settings(struct arena *a, struct handler *h, struct err *err)
{
    const char *given = getenv("ConfigExtensionName"), *dot;
    bool told;

    if (given && *given && (strchr(given, '/') || *given == '.' || strlen(given) > 128))
        return err_set(err, ERR_MALFORMED, "ConfigExtensionName is no name of an extension");
    h->extension = given ? given : "";
    told = sequence_from_environment(&h->sequence);
    if (!told && !newest_sequence(h, &h->sequence))
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
