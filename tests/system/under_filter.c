/* usage: under_filter PROGRAM [ARGUMENT…]: runs it under the daemon's system call filter, in which another call is the end of the process. */
#include <stdio.h>
#include <unistd.h>
#include "agent/sandbox.h"

int main(int argc, char **argv)
{
    struct err err = ERR_INIT;

    if (argc < 2)
        return 2;
    if (!sandbox_enter(true, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 3;
    }
    execv(argv[1], argv + 1);
    return 4;
}
