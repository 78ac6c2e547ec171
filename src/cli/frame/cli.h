/* cli/frame/cli.h: the command line's frame: one command table makes parsing, help and completions; results are JSON values that are
 * printed as JSON, as YAML or as a table.
 *
 * Exit codes: architecture.md 8. USAGE is for a command line that cannot be used whatever files, server and machine are like: a command or an
 * option that there is not, an argument missing or too many, options that exclude each other, an option's value that is not of the option's
 * kind (enum cli_value; seen before the command begins, so nothing is half done). ERROR is for what a command was asked to work on: a file that
 * cannot be read or holds something else, an expression for `query`, an answer of the server. */
#pragma once
#include <stdio.h>
#include "base/arena.h"
#include "base/err.h"
#include "json/write.h"

enum exit_code {
    EXIT_OK = 0,
    EXIT_ERROR = 1,
    EXIT_USAGE = 2,
    EXIT_NOT_FOUND = 3,
    EXIT_PERMISSION = 4,
    EXIT_UNREACHABLE = 5,
    EXIT_CONFLICT = 6,
    EXIT_JUDGED_UNHEALTHY = 10,
    EXIT_JUDGED_UNKNOWN = 11,
};

enum output { OUTPUT_JSON, OUTPUT_YAML, OUTPUT_TABLE };

enum { CLI_OPTIONS_MAX = 64, CLI_ARGUMENTS_MAX = 32 };

struct cli;

/* What may stand behind an option; values.c says so for each kind in one place. */
enum cli_value {
    VALUE_TEXT,   /* anything: a name, a file, free text */
    VALUE_NUMBER, /* from 1 to `most` */
    VALUE_HEX,
    VALUE_TIME,
    VALUE_DATE, /* or a time */
    VALUE_UUID,
    VALUE_REGISTERS,
    VALUE_QUERY,
    VALUE_ONE_OF, /* a word of `argument`: "on|off" */
    VALUE_PROVIDER,
    VALUE_SCOPE,
    VALUE_ADDRESS,
    VALUE_SERVER,
};

struct cli_option {
    const char *name;     /* without the dashes */
    const char *argument; /* what its value is called; NULL: a flag, which may be given as NAME, NAME=true, NAME=false */
    const char *help;
    enum cli_value value;
    int64_t most; /* of a number; 0: any */
};

struct cli_command {
    const char *path;      /* "vm create" */
    const char *arguments; /* "NAME", "[NAME…]", "" */
    int min_arguments, max_arguments;
    const char *summary; /* one line */
    const struct cli_option *options;
    size_t n_options;
    int (*run)(struct cli *cli);
};

struct cli {
    struct arena arena;
    const struct cli_command *command;
    const char *arguments[CLI_ARGUMENTS_MAX];
    int n_arguments;
    struct {
        const struct cli_option *option;
        const char *value; /* "true" or "false" for flags */
    } given[CLI_OPTIONS_MAX];
    size_t n_given;
    enum output output;
    const char *query;  /* JMESPath, or NULL */
    const char *server; /* socket path or URL, or NULL for the usual place */
    bool has_read_stdin;
};

/* cli_read reads a file that was named on the command line into the arena; "-" is standard input, once. */
MUST_CHECK bool cli_read(struct cli *cli, const char *path, size_t limit, struct bytes *ret, struct err *err);

/* Options of the command, or global ones. cli_option_at gives the i-th use of a repeatable one; NULL when there is none. */
const char *cli_option(const struct cli *cli, const char *name);
const char *cli_option_at(const struct cli *cli, const char *name, size_t i);
/* A flag: *ret is set when it was given, in either sense. */
bool cli_flag(const struct cli *cli, const char *name, bool otherwise);
bool cli_was_given(const struct cli *cli, const char *name);
int64_t cli_number(const struct cli *cli, const char *name, int64_t otherwise);
int64_t cli_time(const struct cli *cli, const char *name, int64_t otherwise); /* a date alone is its midnight */

/* Whether a value is of the option's kind; prints what the option takes when it is not (EXIT_USAGE). */
bool cli_value_fits(struct cli *cli, const struct cli_option *option, const char *value);
/* Values of their kinds, read. Hexadecimal with or without "0x"; a bit per register. */
MUST_CHECK bool cli_hex(struct arena *a, const char *value, struct bytes *ret, struct err *err);
MUST_CHECK bool cli_registers(const char *value, uint32_t *ret_mask);

/* cli_fail prints one sentence to standard error and returns the code. cli_fail_err maps the error's code. */
int cli_fail(enum exit_code code, const char *fmt, ...) PRINTF_LIKE(2, 3);
int cli_fail_err(const struct err *err);
/* A file that cannot be used is an error of the command (exit code 1), whatever is wrong with it: 3 means that the server knows no such
 * thing. */
int cli_fail_input(const struct err *err);

/* cli_print applies --query and prints the value: as JSON or YAML, or by `table`, which may be NULL (generic key/value table).
 * Returns EXIT_OK, or the code of a failed query. A table is not used when --query is given. */
int cli_print(struct cli *cli, const struct json *value, void (*table)(struct cli *cli, const struct json *value));
/* The JSON value of a writer's content; NULL: no memory, said on standard error. */
const struct json *cli_json(struct cli *cli, const struct writer *w);

/* The program's own: what it can do. */
extern const struct cli_option cli_global_options[];
extern const size_t cli_n_global_options;
extern const struct cli_command *const cli_commands[];
extern const size_t cli_n_commands;
