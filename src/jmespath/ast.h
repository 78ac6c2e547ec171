/* jmespath/ast.h: a parsed expression. Nodes are immutable and keep the place they came from. */
#pragma once
#include "jmespath/jmespath.h"
#include "jmespath/lex.h"

enum node_kind {
    NODE_CURRENT,          /* @, and what stands left of a leading '[' or '*' */
    NODE_FIELD,            /* name */
    NODE_LITERAL,          /* literal */
    NODE_CHAIN,            /* left, then right on its result: '.' and '[n]' */
    NODE_PIPE,             /* the same, but ends projections */
    NODE_INDEX,            /* index */
    NODE_SLICE,            /* slice */
    NODE_FLATTEN,          /* left, one level of arrays joined */
    NODE_PROJECTION,       /* right on each element of left */
    NODE_VALUE_PROJECTION, /* right on each member's value of left */
    NODE_FILTER,           /* right on each element of left for which condition holds */
    NODE_OR,
    NODE_AND,
    NODE_NOT,        /* left */
    NODE_COMPARISON, /* comparison */
    NODE_LIST,       /* items */
    NODE_HASH,       /* names, items */
    NODE_CALL,       /* function, items */
    NODE_EXPREF      /* left, unevaluated; only as an argument */
};

struct slice {
    bool has_start, has_stop;
    int64_t start, stop, step;
};

struct node {
    enum node_kind kind;
    unsigned height; /* of the tree below; bounds the evaluator's recursion */
    size_t offset;
    const struct node *left, *right, *condition;
    enum token_kind comparison;
    struct bytes name;
    const struct json *literal;
    int64_t index;
    struct slice slice;
    const struct node **items;
    struct bytes *names;
    size_t n;
    const struct function *function;
};

struct jmespath_expr {
    struct bytes text;
    const struct node *root;
};
