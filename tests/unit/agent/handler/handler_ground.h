/* A handler's folder as a VM agent makes it, below a folder of the test's own; nothing is started. */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "agent/handler/handler.h"
#include "agent/handler/normalise.h"
#include "agent/handler/owner.h"
#include "agent/handler/publish.h"
#include "agent/handler/service.h"
#include "agent/verbs/verb.h"
#include "base/clock.h"
#include "base/file.h"
#include "json/parse.h"
#include "support/test.h"

/* handler_system.c, handler_system_windows.c: what only the system can do for the test. */
bool system_make_dir(char *ret, size_t size); /* a new folder; its path has slashes */
void system_remove(const char *path);         /* all of it */
void system_make_old(const char *path);       /* last written long ago */
bool system_link(const char *to, const char *link);
extern const char *const system_units[]; /* NULL at the end */
extern const char system_program[];      /* its file's name when it is installed */

struct ground {
    char dir[128], install[256];
    struct invocation in;
};

static const char *const variables[] = { "ConfigSequenceNumber",
                                         "ConfigExtensionName",
                                         "VERSION",
                                         "AZURE_GUEST_AGENT_EXTENSION_PATH",
                                         "AZURE_GUEST_AGENT_EXTENSION_VERSION",
                                         "TRUEBOOT_AGENT_TOOLS",
                                         "https_proxy",
                                         "HTTPS_PROXY",
                                         "no_proxy",
                                         "NO_PROXY" };

static UNUSED void ground_done(struct ground *g)
{
    system_remove(g->dir);
    arena_done(&g->in.arena);
    for (size_t i = 0; i < ARRAY_LEN(variables); i++)
        unsetenv(variables[i]);
}

static UNUSED void put(const char *path, const char *text)
{
    struct err err = ERR_INIT;

    CHECK(file_write(path, bytes_of_string(text), 0600, &err));
}

static UNUSED const char *below(struct ground *g, const char *path) { return arena_printf(&g->in.arena, "%s/%s", g->dir, path); }

static UNUSED struct bytes read_text(struct ground *g, const char *path)
{
    struct err err = ERR_INIT;
    struct bytes text = BYTES_NONE;

    (void)!file_read_in(&g->in.arena, below(g, path), 65536, &text, &err);
    return text;
}

static UNUSED bool says(struct ground *g, const char *path, const char *what)
{
    return bytes_find(read_text(g, path), bytes_of_string(what)) != SIZE_MAX;
}

/* … of a file in one of the agent's folders, whatever this system calls them. */
static UNUSED const char *in(struct ground *g, const char *folder, const char *name)
{
    return arena_printf(&g->in.arena, "%s/%s", folder, name);
}

static UNUSED bool says_in(struct ground *g, const char *folder, const char *name, const char *what)
{
    struct bytes text = BYTES_NONE;
    struct err err = ERR_INIT;

    (void)!file_read_in(&g->in.arena, in(g, folder, name), 65536, &text, &err);
    return bytes_find(text, bytes_of_string(what)) != SIZE_MAX;
}

static UNUSED void locate(struct ground *g, const char *version)
{
    setenv("AZURE_GUEST_AGENT_EXTENSION_PATH", g->install, 1);
    setenv("AZURE_GUEST_AGENT_EXTENSION_VERSION", version, 1);
}

static UNUSED bool ground_make(struct ground *g)
{
    static const char *const folders[] = { "lib/E.T-1.0/config", "lib/E.T-1.0/status", "lib/E.T-1.0/units", "log/events", "root" };
    struct err err = ERR_INIT;

    *g = (struct ground){ .dir = "" };
    if (!system_make_dir(g->dir, sizeof g->dir))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(variables); i++)
        unsetenv(variables[i]);
    for (size_t i = 0; i < ARRAY_LEN(folders); i++)
        if (!file_make_dirs(below(g, folders[i]), 0755, &err))
            return false;
    snprintf(g->install, sizeof g->install, "%s/lib/E.T-1.0", g->dir);
    put(below(g, "lib/E.T-1.0/HandlerEnvironment.json"),
        arena_printf(&g->in.arena,
                     "[{\"handlerEnvironment\":{\"logFolder\":\"%s/log\",\"configFolder\":\"%s/config\",\"statusFolder\":\"%s/status\","
                     "\"heartbeatFile\":\"%s/heartbeat.log\",\"eventsFolder\":\"%s/log/events\"}}]",
                     g->dir, g->install, g->install, g->install, g->dir));
    for (size_t i = 0; system_units[i]; i++)
        put(arena_printf(&g->in.arena, "%s/units/%s", g->install, system_units[i]), "[Unit]\n");
    locate(g, "1.0");
    g->in.services = "none";
    g->in.places.root = below(g, "root");
    config_defaults(&g->in.config);
    return places_init(&g->in.places_of, &g->in.arena, g->in.places.root, NULL, NULL, &err);
}

static UNUSED void settings(struct ground *g, unsigned sequence, const char *public)
{
    put(arena_printf(&g->in.arena, "%s/config/%u.settings", g->install, sequence),
        arena_printf(&g->in.arena, "{\"runtimeSettings\":[{\"handlerSettings\":{\"publicSettings\":%s}}]}", public));
}

#define ENDPOINT "{\"AttestationConfig\":{\"MaaSettings\":{\"maaEndpoint\":\"https://a.example\"}}}"
