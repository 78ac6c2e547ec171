#include <sys/stat.h>
#include "agent/files/secret_file.h"

const char secret_file_remedy[] = "chmod 0600";

bool secret_file_is_open(const char *path)
{
    struct stat s;

    return stat(path, &s) == 0 && (s.st_mode & (S_IRWXO | S_IWGRP));
}

bool secret_file_is_shared(const char *path)
{
    struct stat s;

    return stat(path, &s) == 0 && (s.st_mode & (S_IRWXG | S_IRWXO));
}
