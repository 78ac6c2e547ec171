/* Replays a corpus folder through one fuzz target, and every truncation of its small seeds, without a fuzzing engine. */
#include <dirent.h>
#include <limits.h>
#include <string.h>
#include "base/file.h"
#include "fuzz.h"

enum { SEED_LIMIT = 8 * 1024 * 1024, TRUNCATE_BELOW = 4096 };

/* Each input gets a block of exactly its size, so that sanitizers see any overrun. */
static void run_one(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size);

    if (!copy && size)
        abort();
    if (size)
        memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

int main(int argc, char **argv)
{
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    unsigned seeds = 0, runs = 0;
    struct dirent *entry;

    if (!folder) {
        fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]);
        return 2;
    }
    while ((entry = readdir(folder)) != NULL) {
        char path[PATH_MAX];
        struct bytes seed = BYTES_NONE;
        struct err err = ERR_INIT;

        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
        if (!file_read(path, SEED_LIMIT, &seed, &err)) {
            fprintf(stderr, "%s\n", err.text);
            return 1;
        }
        run_one(seed.data, seed.len);
        for (size_t n = 0; seed.len < TRUNCATE_BELOW && n < seed.len; n++, runs++)
            run_one(seed.data, n);
        file_free(&seed);
        seeds++;
        runs++;
    }
    closedir(folder);
    printf("%s 1 - %u seeds, %u runs\n1..1\n", seeds ? "ok" : "not ok", seeds, runs);
    return seeds ? 0 : 1;
}
