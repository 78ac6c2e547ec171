/* A machine in a folder: files as a guest has them. */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/file.h"
#include "diagnose/machine.h"
#include "support/test.h"

struct fake_root {
    char dir[64];
    struct machine_places places;
    struct arena arena;
    struct diagnosis d;
};

UNUSED static bool fake_put(const struct fake_root *f, const char *path, struct bytes content)
{
    char full[400], folder[400];
    struct err err = ERR_INIT;

    snprintf(full, sizeof full, "%s%s", f->dir, path);
    snprintf(folder, sizeof folder, "%s", full);
    *strrchr(folder, '/') = 0;
    return file_make_dirs(folder, 0755, &err) && file_write(full, content, 0600, &err);
}

UNUSED static bool fake_put_text(const struct fake_root *f, const char *path, const char *text)
{
    return fake_put(f, path, bytes_of_string(text));
}

UNUSED static bool fake_start(struct fake_root *f)
{
    *f = (struct fake_root){ .dir = "/tmp/trueboot-machine-XXXXXX" };
    if (!mkdtemp(f->dir))
        return false;
    f->places = (struct machine_places){ .root = f->dir,
                                         .state_dir = "/var/lib/trueboot-agent",
                                         .run_dir = "/run/trueboot-agent",
                                         .log_dir = "/var/log/trueboot-agent",
                                         .handler_record = "/etc/trueboot-agent/handler.json",
                                         .handler_conf = "/etc/trueboot-agent/handler.conf" };
    diagnosis_init(&f->d, &f->arena, "test", 30);
    return true;
}

UNUSED static void fake_stop(struct fake_root *f)
{
    char command[100];

    arena_done(&f->arena);
    snprintf(command, sizeof command, "rm -rf '%s'", f->dir);
    if (f->dir[0] && system(command) != 0)
        test_note("%s stays", f->dir);
}

#define FAKE_ROOT(f)                               \
    CLEANUP(fake_stop) struct fake_root f = { 0 }; \
    REQUIRE(fake_start(&f))
