/* usage: under_filter [--gently] PROGRAM [ARGUMENT…]: runs it under the daemon's system call filter, in which another call is the end of the
 * process, or, gently, fails as it does under the unit. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "agent/daemon/sandbox.h"

int main(int argc, char **argv)
{
    struct err err = ERR_INIT;
    bool gently = argc > 1 && strcmp(argv[1], "--gently") == 0;

    argv += gently;
    argc -= gently;
    if (argc < 2)
        return 2;
    if (!sandbox_enter(!gently, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 3;
    }
    execv(argv[1], argv + 1);
    return 4;
}
