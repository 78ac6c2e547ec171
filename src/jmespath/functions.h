/* jmespath/functions.h: the built-in functions, as rows. */
#pragma once
#include "jmespath/eval.h"

enum { MAX_TYPED_ARGS = 2 };

/* What an argument may be: a set of these bits. */
enum argument_type {
    ARG_NULL = 1,
    ARG_BOOLEAN = 2,
    ARG_NUMBER = 4,
    ARG_STRING = 8,
    ARG_ARRAY = 16,
    ARG_OBJECT = 32,
    ARG_NUMBERS = 64,  /* an array of numbers */
    ARG_STRINGS = 128, /* an array of strings */
    ARG_EXPREF = 256,
    ARG_ANY = ARG_NULL | ARG_BOOLEAN | ARG_NUMBER | ARG_STRING | ARG_ARRAY | ARG_OBJECT,
};

struct argument {
    const struct json *value;  /* NULL for an expression reference */
    const struct node *expref; /* NULL for a value */
};

struct function {
    const char *name;
    unsigned min_args;
    bool variadic; /* the last type holds for all further arguments */
    unsigned types[MAX_TYPED_ARGS];
    bool (*call)(struct evaluation *ev, const struct argument *args, size_t n, const struct json **ret);
};

const struct function *jmespath_function_find(struct bytes name); /* NULL: none */
/* jmespath_function_call checks the arguments' types against the row, then calls. */
MUST_CHECK bool jmespath_function_call(struct evaluation *ev, const struct function *f, const struct argument *args, size_t n,
                                       const struct json **ret);
