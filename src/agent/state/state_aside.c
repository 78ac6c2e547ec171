#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "agent/state/inside.h"
#include "base/clock.h"
#include "base/file.h"

#define PREFIX "state."
static const char *const kept[] = { "ak.json", "ak.crt", "ak.chain", "ak.ctx", "identity.json", "state.json", "spool" };

/* "DIR/state.20261130T095000Z", which is not there yet. */
static bool make_folder(const char *dir, char ret[static STATE_PATH_LEN], struct err *err)
{
    char when[CLOCK_TEXT_LEN], digits[CLOCK_TEXT_LEN];
    size_t n = 0;

    clock_format(clock_now_ms(), when);
    for (const char *c = when; *c && *c != '.'; c++)
        if (*c != '-' && *c != ':' && *c != 'Z')
            digits[n++] = *c;
    digits[n] = 0;
    for (unsigned i = 0; i < 100; i++) {
        char number[8] = "";

        if (i)
            snprintf(number, sizeof number, "-%u", i + 1);
        if (snprintf(ret, STATE_PATH_LEN, "%s/" PREFIX "%sZ%s", dir, digits, number) >= STATE_PATH_LEN)
            return err_set(err, ERR_LIMIT, "the state folder's name is too long");
        if (access(ret, F_OK) != 0)
            return file_make_dirs(ret, 0700, err);
    }
    return err_set(err, ERR_CONFLICT, "there are too many folders of old state");
}

bool state_set_aside(struct agent_state *s, struct err *err)
{
    struct agent_state fresh = { .dir = s->dir, .in_memory = s->in_memory, .look_only = s->look_only };
    char folder[STATE_PATH_LEN], from[1024], to[1024];
    bool fine = s->in_memory || make_folder(s->dir, folder, err);

    for (size_t i = 0; fine && !s->in_memory && i < ARRAY_LEN(kept); i++) {
        snprintf(from, sizeof from, "%s/%s", s->dir, kept[i]);
        snprintf(to, sizeof to, "%s/%s", folder, kept[i]);
        if (rename(from, to) != 0 && errno != ENOENT)
            fine = err_set(err, ERR_IO, "%s: %s", kept[i], strerror(errno));
    }
    if (!fine)
        return false;
    state_remove_token(s); /* of the other machine */
    memcpy(fresh.boot_id, s->boot_id, sizeof fresh.boot_id);
    fresh.counter = s->counter; /* the monitor's memory of this VM goes on, whatever its key */
    fresh.sequence = s->sequence;
    state_done(s);
    *s = fresh;
    return true;
}

static void empty(const char *folder, unsigned depth)
{
    DIR *entries = opendir(folder);
    char path[1024];

    for (const struct dirent *e; entries && (e = readdir(entries)) != NULL;) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
            snprintf(path, sizeof path, "%s/%s", folder, e->d_name) >= (int)sizeof path)
            continue;
        if (unlink(path) != 0 && depth > 0)
            empty(path, depth - 1);
    }
    if (entries)
        closedir(entries);
    rmdir(folder);
}

void state_erase_aside(const char *dir)
{
    DIR *entries = opendir(dir);
    char path[1024];

    for (const struct dirent *e; entries && (e = readdir(entries)) != NULL;)
        if (strncmp(e->d_name, PREFIX, strlen(PREFIX)) == 0 && e->d_name[strlen(PREFIX)] >= '0' && e->d_name[strlen(PREFIX)] <= '9' &&
            snprintf(path, sizeof path, "%s/%s", dir, e->d_name) < (int)sizeof path)
            empty(path, 1);
    if (entries)
        closedir(entries);
}
