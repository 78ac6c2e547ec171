/* Operator precedence parsing. The grammar, with what binds weakest first:
 *
 *   expression  = expression "|" expression | expression "||" expression | expression "&&" expression
 *               | expression comparator expression | "!" expression | "(" expression ")"
 *               | expression "." dotted | expression bracket | bracket | "*" | name | literal | "@" | function
 *   dotted      = name | "*" | function | list | hash
 *   bracket     = "[" ( number | slice | "*" ) "]" | "[]" | "[?" expression "]" | list
 *   list        = "[" expression { "," expression } "]"
 *   hash        = "{" name ":" expression { "," name ":" expression } "}"
 *   function    = identifier "(" [ argument { "," argument } ] ")"
 *   argument    = expression | "&" expression
 *   slice       = [ number ] ":" [ number ] [ ":" [ number ] ]
 *
 * A projection takes everything to its right that binds more strongly than PROJECTION_STOP. What '!' negates reaches as far: !a.b[0] is
 * !(a.b[0]), and !a == b is (!a) == b (JEP-9 lists '!' below the brackets). */
#include "base/limits.h"
#include "base/utf8.h"
#include "jmespath/ast.h"
#include "jmespath/functions.h"

enum { PROJECTION_STOP = 10, MAX_HASH_MEMBERS = 1024 };

struct parser {
    struct lexer lexer;
    struct arena *arena;
    struct jmespath_error *error;
    struct token current, next;
    unsigned depth;
};

static const struct node current_node = { .kind = NODE_CURRENT };

static bool parse_expression(struct parser *ps, unsigned power, const struct node **ret);

static bool unexpected(struct parser *ps, const char *wanted)
{
    return jmespath_fail(ps->error, JMESPATH_SYNTAX, ps->current.offset, "expected %s, found %s", wanted,
                         jmespath_token_text(ps->current.kind));
}

static bool advance(struct parser *ps)
{
    ps->current = ps->next;
    return jmespath_next_token(&ps->lexer, &ps->next);
}

static bool expect(struct parser *ps, enum token_kind kind)
{
    return ps->current.kind == kind ? advance(ps) : unexpected(ps, jmespath_token_text(kind));
}

static unsigned taller(unsigned height, const struct node *child) { return child && child->height > height ? child->height : height; }

/* make completes a node: its height is one more than that of its tallest child. */
static bool make(struct parser *ps, struct node model, const struct node **ret)
{
    struct node *made = ARENA_NEW(ps->arena, struct node);
    unsigned height = taller(taller(taller(0, model.left), model.right), model.condition);

    if (!made)
        return jmespath_no_memory(ps->error, model.offset);
    for (size_t i = 0; i < model.n; i++)
        height = taller(height, model.items[i]);
    if (height >= LIMIT_JMESPATH_DEPTH)
        return jmespath_fail(ps->error, JMESPATH_LIMIT, model.offset, "the expression nests deeper than %d", LIMIT_JMESPATH_DEPTH);
    *made = model;
    made->height = height + 1;
    *ret = made;
    return true;
}

static bool make_two(struct parser *ps, enum node_kind kind, size_t offset, const struct node *left, const struct node *right,
                     const struct node **ret)
{
    return make(ps, (struct node){ .kind = kind, .offset = offset, .left = left, .right = right }, ret);
}

/* ---- lists that grow ---- */

struct growing {
    const struct node **items;
    struct bytes *names;
    size_t n, capacity;
};

static bool grow(struct parser *ps, struct growing *list, struct bytes name, const struct node *item)
{
    if (list->n == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 4;

        list->items = arena_grow(ps->arena, list->items, list->n, capacity, sizeof *list->items);
        list->names = arena_grow(ps->arena, list->names, list->n, capacity, sizeof *list->names);
        if (!list->items || !list->names)
            return jmespath_no_memory(ps->error, ps->current.offset);
        list->capacity = capacity;
    }
    list->items[list->n] = item;
    list->names[list->n++] = name;
    return true;
}

/* The current token stands behind '['. */
static bool parse_list(struct parser *ps, size_t offset, const struct node **ret)
{
    struct growing list = { 0 };

    for (;;) {
        const struct node *item;

        if (!parse_expression(ps, 0, &item) || !grow(ps, &list, BYTES_NONE, item))
            return false;
        if (ps->current.kind != TOKEN_COMMA)
            break;
        if (!advance(ps))
            return false;
    }
    return expect(ps, TOKEN_RBRACKET) &&
           make(ps, (struct node){ .kind = NODE_LIST, .offset = offset, .items = list.items, .n = list.n }, ret);
}

/* Of two members with one name the later value stands in the earlier place. */
static bool add_member(struct parser *ps, struct growing *list, struct bytes name, const struct node *value)
{
    for (size_t i = 0; i < list->n; i++) {
        if (bytes_equal(list->names[i], name)) {
            list->items[i] = value;
            return true;
        }
    }
    if (list->n == MAX_HASH_MEMBERS)
        return jmespath_fail(ps->error, JMESPATH_LIMIT, ps->current.offset, "more than %d members", MAX_HASH_MEMBERS);
    return grow(ps, list, name, value);
}

/* The current token stands behind '{'. */
static bool parse_hash(struct parser *ps, size_t offset, const struct node **ret)
{
    struct growing list = { 0 };

    for (;;) {
        const struct node *value;
        struct bytes name = ps->current.name;

        if (ps->current.kind != TOKEN_IDENTIFIER && ps->current.kind != TOKEN_QUOTED)
            return unexpected(ps, "a name");
        if (!advance(ps) || !expect(ps, TOKEN_COLON) || !parse_expression(ps, 0, &value) || !add_member(ps, &list, name, value))
            return false;
        if (ps->current.kind != TOKEN_COMMA)
            break;
        if (!advance(ps))
            return false;
    }
    return expect(ps, TOKEN_RBRACE) &&
           make(ps, (struct node){ .kind = NODE_HASH, .offset = offset, .items = list.items, .names = list.names, .n = list.n }, ret);
}

/* ---- functions ---- */

static bool parse_argument(struct parser *ps, const struct node **ret)
{
    size_t offset = ps->current.offset;
    const struct node *inner;

    if (ps->current.kind != TOKEN_EXPREF)
        return parse_expression(ps, 0, ret);
    return advance(ps) && parse_expression(ps, 0, &inner) && make_two(ps, NODE_EXPREF, offset, inner, NULL, ret);
}

/* The function of that name for n arguments, or NULL and the reason. */
static const struct function *find_function(struct parser *ps, struct token name, size_t n)
{
    const struct function *f = jmespath_function_find(name.name);

    if (!f)
        jmespath_fail(ps->error, JMESPATH_UNKNOWN_FUNCTION, name.offset, "there is no function %.*s()",
                      BYTES_FMT(bytes_slice(name.name, 0, 60)));
    else if (n < f->min_args || (n > f->min_args && !f->variadic))
        jmespath_fail(ps->error, JMESPATH_INVALID_ARITY, name.offset, "%s() takes %s%u argument%s, found %zu", f->name,
                      f->variadic ? "at least " : "", f->min_args, f->min_args == 1 ? "" : "s", n);
    else
        return f;
    return NULL;
}

/* The current token is the name, the next one '('. */
static bool parse_call(struct parser *ps, const struct node **ret)
{
    struct token name = ps->current;
    struct growing list = { 0 };
    const struct function *f;

    if (!advance(ps) || !advance(ps))
        return false;
    while (ps->current.kind != TOKEN_RPAREN) {
        const struct node *item;

        if (!parse_argument(ps, &item) || !grow(ps, &list, BYTES_NONE, item))
            return false;
        if (ps->current.kind != TOKEN_COMMA)
            break;
        if (!advance(ps))
            return false;
        if (ps->current.kind == TOKEN_RPAREN)
            return unexpected(ps, "an argument");
    }
    if (!expect(ps, TOKEN_RPAREN))
        return false;
    f = find_function(ps, name, list.n);
    return f && make(ps, (struct node){ .kind = NODE_CALL, .offset = name.offset, .function = f, .items = list.items, .n = list.n }, ret);
}

/* ---- projections, brackets, dots ---- */

static bool parse_dotted(struct parser *ps, unsigned power, const struct node **ret)
{
    size_t offset = ps->current.offset;

    switch (ps->current.kind) {
    case TOKEN_IDENTIFIER:
    case TOKEN_QUOTED:
    case TOKEN_STAR:
        return parse_expression(ps, power, ret);
    case TOKEN_LBRACKET:
        return advance(ps) && parse_list(ps, offset, ret);
    case TOKEN_LBRACE:
        return advance(ps) && parse_hash(ps, offset, ret);
    default:
        return unexpected(ps, "a name, '*', '[' or '{' behind '.'");
    }
}

/* What a projection does to each element. */
static bool parse_projected(struct parser *ps, unsigned power, const struct node **ret)
{
    if (jmespath_token_power(ps->current.kind) < PROJECTION_STOP) {
        *ret = &current_node;
        return true;
    }
    switch (ps->current.kind) {
    case TOKEN_LBRACKET:
    case TOKEN_FILTER:
        return parse_expression(ps, power, ret);
    case TOKEN_DOT:
        return advance(ps) && parse_dotted(ps, power, ret);
    default:
        return unexpected(ps, "'.', '[' or an operator");
    }
}

static bool project(struct parser *ps, enum node_kind kind, size_t offset, const struct node *left, enum token_kind by,
                    const struct node **ret)
{
    const struct node *right;

    return parse_projected(ps, jmespath_token_power(by), &right) && make_two(ps, kind, offset, left, right, ret);
}

/* Numbers and colons up to ']': one number is an index, any colon makes a slice. */
static bool parse_index(struct parser *ps, size_t offset, const struct node **ret, bool *ret_is_slice)
{
    int64_t parts[3] = { 0, 0, 1 };
    bool given[3] = { false, false, false };
    unsigned colons = 0;
    size_t step_offset = offset;

    while (ps->current.kind != TOKEN_RBRACKET) {
        if (ps->current.kind == TOKEN_COLON && colons < 2) {
            colons++;
            step_offset = ps->next.offset;
        } else if (ps->current.kind == TOKEN_NUMBER && !given[colons]) {
            given[colons] = true;
            parts[colons] = ps->current.number;
        } else {
            return unexpected(ps, "a number, ':' or ']'");
        }
        if (!advance(ps))
            return false;
    }
    if (!expect(ps, TOKEN_RBRACKET))
        return false;
    *ret_is_slice = colons > 0;
    if (!colons)
        return make(ps, (struct node){ .kind = NODE_INDEX, .offset = offset, .index = parts[0] }, ret);
    if (parts[2] == 0)
        return jmespath_fail(ps->error, JMESPATH_INVALID_VALUE, step_offset, "the step of a slice cannot be 0");
    return make(
        ps,
        (struct node){ .kind = NODE_SLICE,
                       .offset = offset,
                       .slice = { .has_start = given[0], .has_stop = given[1], .start = parts[0], .stop = parts[1], .step = parts[2] } },
        ret);
}

/* The current token stands behind '[' and is a number or a colon. */
static bool parse_indexed(struct parser *ps, size_t offset, const struct node *left, const struct node **ret)
{
    const struct node *index, *chain;
    bool is_slice;

    if (!parse_index(ps, offset, &index, &is_slice) || !make_two(ps, NODE_CHAIN, offset, left, index, &chain))
        return false;
    if (is_slice)
        return project(ps, NODE_PROJECTION, offset, chain, TOKEN_STAR, ret);
    *ret = chain;
    return true;
}

static bool parse_flatten(struct parser *ps, size_t offset, const struct node *left, const struct node **ret)
{
    const struct node *flat;

    return make_two(ps, NODE_FLATTEN, offset, left, NULL, &flat) && project(ps, NODE_PROJECTION, offset, flat, TOKEN_FLATTEN, ret);
}

static bool parse_filter(struct parser *ps, size_t offset, const struct node *left, const struct node **ret)
{
    const struct node *condition, *right = &current_node;

    if (!parse_expression(ps, 0, &condition) || !expect(ps, TOKEN_RBRACKET))
        return false;
    if (ps->current.kind != TOKEN_FLATTEN && !parse_projected(ps, jmespath_token_power(TOKEN_FILTER), &right))
        return false;
    return make(ps, (struct node){ .kind = NODE_FILTER, .offset = offset, .left = left, .right = right, .condition = condition }, ret);
}

/* ---- expressions ---- */

static bool parse_leading_bracket(struct parser *ps, size_t offset, const struct node **ret)
{
    if (ps->current.kind == TOKEN_NUMBER || ps->current.kind == TOKEN_COLON)
        return parse_indexed(ps, offset, &current_node, ret);
    if (ps->current.kind == TOKEN_STAR && ps->next.kind == TOKEN_RBRACKET)
        return advance(ps) && advance(ps) && project(ps, NODE_PROJECTION, offset, &current_node, TOKEN_STAR, ret);
    return parse_list(ps, offset, ret);
}

/* What can begin an expression. */
static bool parse_first(struct parser *ps, const struct node **ret)
{
    struct token t = ps->current;
    const struct node *inner;

    if (t.kind == TOKEN_IDENTIFIER && ps->next.kind == TOKEN_LPAREN)
        return parse_call(ps, ret);
    if (!advance(ps))
        return false;
    switch (t.kind) {
    case TOKEN_QUOTED:
        if (ps->current.kind == TOKEN_LPAREN)
            return jmespath_fail(ps->error, JMESPATH_SYNTAX, t.offset, "a function's name is not quoted");
        return make(ps, (struct node){ .kind = NODE_FIELD, .offset = t.offset, .name = t.name }, ret);
    case TOKEN_IDENTIFIER:
        return make(ps, (struct node){ .kind = NODE_FIELD, .offset = t.offset, .name = t.name }, ret);
    case TOKEN_LITERAL:
        return make(ps, (struct node){ .kind = NODE_LITERAL, .offset = t.offset, .literal = t.literal }, ret);
    case TOKEN_CURRENT:
        *ret = &current_node;
        return true;
    case TOKEN_STAR:
        return project(ps, NODE_VALUE_PROJECTION, t.offset, &current_node, TOKEN_STAR, ret);
    case TOKEN_FILTER:
        return parse_filter(ps, t.offset, &current_node, ret);
    case TOKEN_FLATTEN:
        return parse_flatten(ps, t.offset, &current_node, ret);
    case TOKEN_LBRACKET:
        return parse_leading_bracket(ps, t.offset, ret);
    case TOKEN_LBRACE:
        return parse_hash(ps, t.offset, ret);
    case TOKEN_NOT:
        return parse_expression(ps, jmespath_token_power(TOKEN_NOT), &inner) && make_two(ps, NODE_NOT, t.offset, inner, NULL, ret);
    case TOKEN_LPAREN:
        return parse_expression(ps, 0, ret) && expect(ps, TOKEN_RPAREN);
    default:
        return jmespath_fail(ps->error, JMESPATH_SYNTAX, t.offset, "expected an expression, found %s", jmespath_token_text(t.kind));
    }
}

static bool parse_binary(struct parser *ps, enum node_kind kind, struct token op, const struct node *left, const struct node **ret)
{
    const struct node *right;

    return parse_expression(ps, jmespath_token_power(op.kind), &right) &&
           make(ps, (struct node){ .kind = kind, .offset = op.offset, .left = left, .right = right, .comparison = op.kind }, ret);
}

static bool parse_behind_dot(struct parser *ps, size_t offset, const struct node *left, const struct node **ret)
{
    const struct node *right;

    if (ps->current.kind == TOKEN_STAR)
        return advance(ps) && project(ps, NODE_VALUE_PROJECTION, offset, left, TOKEN_STAR, ret);
    return parse_dotted(ps, jmespath_token_power(TOKEN_DOT), &right) && make_two(ps, NODE_CHAIN, offset, left, right, ret);
}

static bool parse_behind_bracket(struct parser *ps, size_t offset, const struct node *left, const struct node **ret)
{
    if (ps->current.kind == TOKEN_NUMBER || ps->current.kind == TOKEN_COLON)
        return parse_indexed(ps, offset, left, ret);
    return expect(ps, TOKEN_STAR) && expect(ps, TOKEN_RBRACKET) && project(ps, NODE_PROJECTION, offset, left, TOKEN_STAR, ret);
}

/* What an operator makes of what stands on its left. */
static bool parse_next(struct parser *ps, const struct node *left, const struct node **ret)
{
    struct token t = ps->current;

    if (!advance(ps))
        return false;
    switch (t.kind) {
    case TOKEN_PIPE:
        return parse_binary(ps, NODE_PIPE, t, left, ret);
    case TOKEN_OR:
        return parse_binary(ps, NODE_OR, t, left, ret);
    case TOKEN_AND:
        return parse_binary(ps, NODE_AND, t, left, ret);
    case TOKEN_EQ:
    case TOKEN_NE:
    case TOKEN_LT:
    case TOKEN_LE:
    case TOKEN_GT:
    case TOKEN_GE:
        return parse_binary(ps, NODE_COMPARISON, t, left, ret);
    case TOKEN_FLATTEN:
        return parse_flatten(ps, t.offset, left, ret);
    case TOKEN_FILTER:
        return parse_filter(ps, t.offset, left, ret);
    case TOKEN_DOT:
        return parse_behind_dot(ps, t.offset, left, ret);
    case TOKEN_LBRACKET:
        return parse_behind_bracket(ps, t.offset, left, ret);
    default:
        return jmespath_fail(ps->error, JMESPATH_SYNTAX, t.offset, "expected an operator, found %s", jmespath_token_text(t.kind));
    }
}

static bool parse_expression(struct parser *ps, unsigned power, const struct node **ret)
{
    const struct node *left;

    if (ps->depth == LIMIT_JMESPATH_DEPTH)
        return jmespath_fail(ps->error, JMESPATH_LIMIT, ps->current.offset, "the expression nests deeper than %d", LIMIT_JMESPATH_DEPTH);
    ps->depth++;
    if (!parse_first(ps, &left))
        return false;
    while (power < jmespath_token_power(ps->current.kind))
        if (!parse_next(ps, left, &left))
            return false;
    ps->depth--;
    *ret = left;
    return true;
}

bool jmespath_parse(struct arena *a, struct bytes text, const struct jmespath_expr **ret, struct jmespath_error *error)
{
    struct parser ps = { .arena = a, .error = error };
    struct jmespath_expr *expr = ARENA_NEW(a, struct jmespath_expr);

    if (text.len > LIMIT_JMESPATH_TEXT_BYTES)
        return jmespath_fail(error, JMESPATH_LIMIT, 0, "the expression is longer than %d bytes", LIMIT_JMESPATH_TEXT_BYTES);
    if (!expr || !arena_copy(a, text, &expr->text))
        return jmespath_no_memory(error, 0);
    if (!utf8_is_valid(expr->text))
        return jmespath_fail(error, JMESPATH_SYNTAX, 0, "the expression is not UTF-8");
    ps.lexer = (struct lexer){ .arena = a, .text = expr->text, .error = error };
    if (!advance(&ps) || !advance(&ps) || !parse_expression(&ps, 0, &expr->root))
        return false;
    if (ps.current.kind != TOKEN_END)
        return unexpected(&ps, "an operator or the end");
    *ret = expr;
    return true;
}
