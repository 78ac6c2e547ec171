#include "agent/handler/owner.h"
#include <stdio.h>
#include "agent/files/folder.h"

bool owner_read(const struct places *places, char ret[static OWNER_MAX])
{
    struct arena a CLEANUP(arena_done) = { 0 };
    int fd CLEANUP(folder_close_at) = -1;
    struct err err = ERR_INIT;
    struct folder_file file;

    if (!folder_open(places->state_dir, &fd, &err) || !folder_read(fd, "owner", OWNER_MAX - 1, &a, &file, &err))
        return false;
    snprintf(ret, OWNER_MAX, "%.*s", BYTES_FMT(bytes_trim(file.content)));
    return *ret != 0;
}

bool owner_write(const struct places *places, const char *version, struct err *err)
{
    int fd CLEANUP(folder_close_at) = -1;
    char line[OWNER_MAX + 1];

    snprintf(line, sizeof line, "%.*s\n", OWNER_MAX - 2, version);
    return folder_open(places->state_dir, &fd, err) && folder_write(fd, fd, "owner", bytes_of_string(line), 0644, err);
}

void owner_forget(const struct places *places)
{
    struct err err = ERR_INIT;
    int fd CLEANUP(folder_close_at) = -1;

    if (folder_open(places->state_dir, &fd, &err))
        (void)!folder_unlink(fd, "owner", &err);
}
