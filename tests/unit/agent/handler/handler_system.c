#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "handler_ground.h"

const char *const system_units[] = { "trueboot-agent.service",
                                     "trueboot-agent-collect.service",
                                     "trueboot-agent-collect.path",
                                     "trueboot-agent-publish.service",
                                     "trueboot-agent-publish.path",
                                     "trueboot-agent-publish.timer",
                                     NULL };
const char system_program[] = "trueboot-agent";

bool system_make_dir(char *ret, size_t size)
{
    snprintf(ret, size, "/tmp/trueboot-handler-XXXXXX");
    return mkdtemp(ret) != NULL;
}

void system_remove(const char *path)
{
    char command[512];

    snprintf(command, sizeof command, "rm -rf %s", path);
    (void)!system(command);
}

void system_make_old(const char *path)
{
    const struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };

    utimensat(AT_FDCWD, path, old, 0);
}

bool system_link(const char *to, const char *link) { return symlink(to, link) == 0; }
