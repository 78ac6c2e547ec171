/* run.h: the real trueboot program, started as a person would start it. */
#pragma once
#include "base/arena.h"
#include "json/value.h"

struct ran {
    int code;           /* its exit code; 128 + n after signal n; -1: it could not be started */
    struct bytes out;   /* standard output; in the arena, with a NUL after its end */
    struct bytes error; /* standard error */
};

enum { RUN_ARGUMENTS_MAX = 48 };

struct command {
    const char *arguments[RUN_ARGUMENTS_MAX];
    size_t n;
};

void command_add(struct command *c, const char *first, ...) __attribute__((sentinel));
/* `input` becomes its standard input; NULL: none. The program is $TRUEBOOT_PROGRAM. */
struct ran run(struct arena *a, const struct command *c, const char *input);
/* Standard output as JSON; NULL, and a note, when it is none. */
const struct json *run_json(struct arena *a, const struct ran *r);
/* A file with this content in a temporary folder that is removed at exit. NULL: no. */
const char *temporary_file(struct arena *a, const char *name, struct bytes content);
