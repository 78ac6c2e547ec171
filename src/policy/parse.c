/* One function per production of attestation-service.md 8.2, in the grammar's order:
 *
 *   policy     = "version" "=" decimal ";" { section }
 *   section    = name "{" { rule } "}" [ ";" ]
 *   rule       = [ condition { "&&" condition } ] "=>" action [ ";" ]
 *   condition  = [ "!" ] [ identifier ":" ] "[" test { "," test } "]"
 *   test       = property operator expression
 *   action     = ( "permit" | "deny" ) "(" ")" | ( "add" | "issue" | "issueproperty" ) "(" argument ")"
 *   argument   = "claim" "=" identifier | property "=" expression { "," property "=" expression }
 *   expression = string | integer | boolean | identifier "." property | name "(" [ expression { "," expression } ] ")"
 *
 * A missing ';' is accepted only behind the last section and behind the last rule of a section. */
#include "base/base64.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "policy/ast.h"
#include "policy/suggest.h"

struct parser {
    struct policy_lexer lexer;
    struct arena *arena;
    struct policy *policy;
    struct policy_error *error;
    struct policy_token current;
    size_t previous_end; /* of the token before */
    unsigned depth, n_rules;
    size_t line_offset; /* how far lines are counted: places only move forward, and the text is read once */
    unsigned line;
};

enum { SYMBOL_SHOWN = 40 };

static bool is_end(const struct parser *ps) { return ps->current.kind == POLICY_TOKEN_END; }
static bool is_name(const struct parser *ps) { return ps->current.kind == POLICY_TOKEN_IDENTIFIER; }

static bool fail_at(struct parser *ps, size_t offset, enum err_code code, const char *what)
{
    ps->lexer.place.offset = offset;
    return policy_fail(ps->error, ps->lexer.place, code, "%s", what);
}

static bool no_memory(struct parser *ps)
{
    return fail_at(ps, ps->current.offset, ERR_NO_MEMORY, "the policy needs more memory than allowed");
}

/* The words of the original, which people search for (attestation-service.md 2.5). */
static bool unexpected(struct parser *ps, const char *wanted)
{
    struct bytes symbol = bytes_slice(ps->lexer.place.text, ps->current.offset, ps->current.end - ps->current.offset);
    size_t shown = symbol.len > SYMBOL_SHOWN ? SYMBOL_SHOWN : symbol.len;

    ps->lexer.place.offset = ps->current.offset;
    if (is_end(ps))
        return policy_fail(ps->error, ps->lexer.place, ERR_TRUNCATED, "mismatched input '<EOF>' expecting %s", wanted);
    while (shown < symbol.len && shown && (symbol.data[shown] & 0xc0) == 0x80) /* whole characters */
        shown--;
    return policy_fail(ps->error, ps->lexer.place, ERR_MALFORMED, "mismatched input '%.*s%s' expecting %s",
                       BYTES_FMT(bytes_slice(symbol, 0, shown)), shown < symbol.len ? "…" : "", wanted);
}

static bool advance(struct parser *ps)
{
    ps->previous_end = ps->current.end;
    return policy_next_token(&ps->lexer, &ps->current);
}

/* A ';' that is not there belongs behind the token before. */
static bool missing_semicolon(struct parser *ps, const char *behind)
{
    size_t line_start;
    unsigned line = policy_line(ps->lexer.place.text, ps->previous_end, &line_start);

    if (unexpected(ps, behind))
        return false;
    return policy_suggest(ps->error, "write ';' behind column %u of line %u",
                          policy_column(ps->lexer.place.text, line_start, ps->previous_end) - 1, line);
}

/* A word that is none of those that may stand here. */
static bool wrong_word(struct parser *ps, const char *wanted, const char *const *words, size_t n)
{
    const char *meant = is_name(ps) ? suggest_nearest(ps->current.text, words, n) : NULL;

    if (unexpected(ps, wanted) || !meant)
        return false;
    return policy_suggest(ps->error, "write %s", meant);
}

static bool is(const struct parser *ps, enum policy_token_kind kind) { return ps->current.kind == kind; }

static bool expect(struct parser *ps, enum policy_token_kind kind)
{
    return is(ps, kind) ? advance(ps) : unexpected(ps, policy_token_text(kind));
}

/* room_for_one makes *items hold n + 1 elements; capacities are powers of two. */
static bool room_for_one(struct parser *ps, void **items, size_t n, size_t size)
{
    void *grown;

    if (n & (n - 1)) /* neither 0 nor a power of two: there is room */
        return true;
    grown = arena_grow(ps->arena, *items, n, n ? 2 * n : 1, size);
    if (!grown)
        return no_memory(ps);
    *items = grown;
    return true;
}

/* ---- expressions ---- */

static const char *const property_names[] = { "type", "value", "valueType", "issuer" };

static bool property_of(struct bytes name, enum claim_property *ret)
{
    for (unsigned i = 0; i < ARRAY_LEN(property_names); i++) {
        if (bytes_equal_string(name, property_names[i])) {
            *ret = (enum claim_property)i;
            return true;
        }
    }
    return false;
}

static bool parse_property(struct parser *ps, enum claim_property *ret)
{
    if (!is(ps, POLICY_TOKEN_IDENTIFIER) || !property_of(ps->current.text, ret))
        return wrong_word(ps, "type, value, valueType or issuer", property_names, ARRAY_LEN(property_names));
    return advance(ps);
}

static bool parse_expression(struct parser *ps, struct expression **ret);

static bool parse_arguments(struct parser *ps, struct expression *call)
{
    if (ps->depth == LIMIT_POLICY_CALL_DEPTH)
        return fail_at(ps, call->offset, ERR_LIMIT, "function calls nest too deeply");
    ps->depth++;
    if (!expect(ps, POLICY_TOKEN_LPAREN))
        return false;
    while (!is(ps, POLICY_TOKEN_RPAREN)) {
        if (call->n_args && !expect(ps, POLICY_TOKEN_COMMA))
            return false;
        if (!room_for_one(ps, (void **)&call->args, call->n_args, sizeof *call->args) || !parse_expression(ps, &call->args[call->n_args]))
            return false;
        call->n_args++;
    }
    ps->depth--;
    return advance(ps);
}

/* identifier.property, a call, true or false; the current token is a name. No word is reserved: true.value belongs to a claim. */
static bool parse_named(struct parser *ps, struct expression *e)
{
    bool is_true = bytes_equal_string(ps->current.text, "true");

    e->name = ps->current.text;
    if (!advance(ps))
        return false;
    if (is(ps, POLICY_TOKEN_DOT)) {
        e->kind = EXPRESSION_PROPERTY;
        return advance(ps) && parse_property(ps, &e->property);
    }
    if (is(ps, POLICY_TOKEN_LPAREN)) {
        e->kind = EXPRESSION_CALL;
        return parse_arguments(ps, e);
    }
    if (!is_true && !bytes_equal_string(e->name, "false"))
        return unexpected(ps, "'.' or '(' behind a name") ||
               policy_suggest(ps->error, "write %.*s.value", BYTES_FMT(bytes_slice(e->name, 0, 60)));
    e->literal = (struct policy_value){ .type = POLICY_BOOLEAN, .boolean = is_true };
    return true;
}

static bool parse_expression(struct parser *ps, struct expression **ret)
{
    struct expression *e = ARENA_NEW(ps->arena, struct expression);
    bool ok;

    if (!e)
        return no_memory(ps);
    e->offset = ps->current.offset;
    switch (ps->current.kind) {
    case POLICY_TOKEN_STRING:
        e->literal = (struct policy_value){ .type = POLICY_STRING, .string = ps->current.text };
        ok = advance(ps);
        break;
    case POLICY_TOKEN_INTEGER:
        e->literal = (struct policy_value){ .type = POLICY_INTEGER, .integer = ps->current.integer };
        ok = advance(ps);
        break;
    case POLICY_TOKEN_IDENTIFIER:
        ok = parse_named(ps, e);
        break;
    default:
        ok = unexpected(ps, "a string, integer, boolean, claim property or function call");
    }
    *ret = e;
    return ok;
}

/* ---- conditions ---- */

/* The line of the current token. */
static unsigned current_line(struct parser *ps)
{
    size_t ignored;

    ps->line += policy_line(bytes_slice(ps->lexer.place.text, ps->line_offset, ps->current.offset - ps->line_offset),
                            ps->current.offset - ps->line_offset, &ignored) -
                1;
    ps->line_offset = ps->current.offset;
    return ps->line;
}

/* What was read from `offset` up to the current token. */
static struct bytes text_since(const struct parser *ps, size_t offset)
{
    return bytes_slice(ps->lexer.place.text, offset, ps->previous_end - offset);
}

static bool parse_test(struct parser *ps, struct property_condition *test)
{
    test->offset = ps->current.offset;
    if (!parse_property(ps, &test->property))
        return false;
    if (is(ps, POLICY_TOKEN_ASSIGN))
        return fail_at(ps, ps->current.offset, ERR_MALFORMED, "a single '=' in a condition: write '=='") ||
               policy_suggest(ps->error, "write '==': a single '=' only gives a value to a claim in an action");
    if (ps->current.kind < POLICY_TOKEN_EQ || ps->current.kind > POLICY_TOKEN_GT)
        return unexpected(ps, "a comparison operator");
    test->op = ps->current.kind;
    if (!advance(ps) || !parse_expression(ps, &test->right))
        return false;
    test->text = text_since(ps, test->offset);
    return true;
}

static bool parse_condition(struct parser *ps, struct condition *c)
{
    c->offset = ps->current.offset;
    c->line = current_line(ps);
    c->negated = is(ps, POLICY_TOKEN_NOT);
    if (c->negated && !advance(ps))
        return false;
    if (is(ps, POLICY_TOKEN_IDENTIFIER)) {
        c->name = ps->current.text;
        if (!advance(ps) || !expect(ps, POLICY_TOKEN_COLON))
            return false;
    }
    if (!expect(ps, POLICY_TOKEN_LBRACKET))
        return false;
    do {
        if (c->n_tests && !advance(ps))
            return false;
        if (!room_for_one(ps, (void **)&c->tests, c->n_tests, sizeof *c->tests))
            return false;
        c->tests[c->n_tests] = (struct property_condition){ 0 };
        if (!parse_test(ps, &c->tests[c->n_tests]))
            return false;
        c->n_tests++;
    } while (is(ps, POLICY_TOKEN_COMMA));
    if (!expect(ps, POLICY_TOKEN_RBRACKET))
        return false;
    c->text = text_since(ps, c->offset);
    return true;
}

static bool parse_conditions(struct parser *ps, struct rule *rule)
{
    if (is(ps, POLICY_TOKEN_ARROW))
        return true;
    do {
        if (rule->n_conditions && !advance(ps))
            return false;
        if (rule->n_conditions == LIMIT_POLICY_CONDITIONS)
            return fail_at(ps, ps->current.offset, ERR_LIMIT, "too many conditions in one rule");
        if (!room_for_one(ps, (void **)&rule->conditions, rule->n_conditions, sizeof *rule->conditions))
            return false;
        rule->conditions[rule->n_conditions] = (struct condition){ 0 };
        if (!parse_condition(ps, &rule->conditions[rule->n_conditions]))
            return false;
        rule->n_conditions++;
    } while (is(ps, POLICY_TOKEN_AND));
    return true;
}

/* ---- actions ---- */

static const struct {
    const char *name;
    bool takes_claim;
} verbs[] = { { "permit", false }, { "deny", false }, { "add", true }, { "issue", true }, { "issueproperty", true } };

const char *policy_verb_name(enum policy_verb verb) { return verbs[verb].name; }

static bool parse_assignment(struct parser *ps, struct action *action)
{
    enum claim_property property;
    size_t offset = ps->current.offset;

    if (is(ps, POLICY_TOKEN_STRING))
        return fail_at(ps, offset, ERR_MALFORMED, "expected type= or value= before a value: write type=\"…\"") ||
               policy_suggest(ps->error, "write type= before the string");
    if (!parse_property(ps, &property))
        return false;
    if (property == CLAIM_ISSUER)
        return fail_at(ps, offset, ERR_MALFORMED, "a rule cannot choose the issuer: it is always AttestationPolicy");
    if (action->assigned[property])
        return fail_at(ps, offset, ERR_MALFORMED, "a property is assigned twice");
    if (is(ps, POLICY_TOKEN_EQ))
        return fail_at(ps, ps->current.offset, ERR_MALFORMED, "'==' in an action: write '='") ||
               policy_suggest(ps->error, "write '=': '==' only compares, in a condition");
    return expect(ps, POLICY_TOKEN_ASSIGN) && parse_expression(ps, &action->assigned[property]);
}

static bool parse_claim_argument(struct parser *ps, struct action *action)
{
    if (is(ps, POLICY_TOKEN_IDENTIFIER) && bytes_equal_string(ps->current.text, "claim")) {
        if (!advance(ps) || !expect(ps, POLICY_TOKEN_ASSIGN))
            return false;
        if (!is(ps, POLICY_TOKEN_IDENTIFIER))
            return unexpected(ps, "the name of a bound claim");
        action->copied = ps->current.text;
        action->copied_offset = ps->current.offset;
        return advance(ps);
    }
    if (!parse_assignment(ps, action))
        return false;
    while (is(ps, POLICY_TOKEN_COMMA))
        if (!advance(ps) || !parse_assignment(ps, action))
            return false;
    return true;
}

/* What other languages call them. */
static bool wrong_verb(struct parser *ps)
{
    static const char *const names[] = { "permit", "deny", "add", "issue", "issueproperty" };
    static const struct {
        const char *other, *ours;
    } synonyms[] = { { "allow", "permit()" }, { "accept", "permit()" },
                     { "grant", "permit()" }, { "reject", "deny()" },
                     { "refuse", "deny()" },  { "forbid", "deny()" },
                     { "block", "deny()" },   { "emit", "issue(…)" },
                     { "set", "add(…)" },     { "property", "issueproperty(…)" } };
    struct bytes word = is_name(ps) ? ps->current.text : BYTES_NONE;

    if (wrong_word(ps, "permit, deny, add, issue or issueproperty", names, ARRAY_LEN(names)))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(synonyms); i++)
        if (bytes_equal_string(word, synonyms[i].other))
            return policy_suggest(ps->error, "write %s", synonyms[i].ours);
    return false;
}

static bool parse_action(struct parser *ps, struct action *action)
{
    action->offset = ps->current.offset;
    for (unsigned i = 0; i < ARRAY_LEN(verbs); i++) {
        if (!is(ps, POLICY_TOKEN_IDENTIFIER) || !bytes_equal_string(ps->current.text, verbs[i].name))
            continue;
        action->verb = (enum policy_verb)i;
        return advance(ps) && expect(ps, POLICY_TOKEN_LPAREN) && (!verbs[i].takes_claim || parse_claim_argument(ps, action)) &&
               expect(ps, POLICY_TOKEN_RPAREN);
    }
    return wrong_verb(ps);
}

/* ---- rules and sections ---- */

static bool parse_rule(struct parser *ps, struct rule *rule)
{
    rule->offset = ps->current.offset;
    rule->line = current_line(ps);
    ps->lexer.place.production = "section > rule > condition";
    if (!parse_conditions(ps, rule) || !expect(ps, POLICY_TOKEN_ARROW))
        return false;
    ps->lexer.place.production = "section > rule > action";
    if (!parse_action(ps, &rule->action))
        return false;
    ps->lexer.place.production = "section > rule";
    if (is(ps, POLICY_TOKEN_SEMICOLON)) {
        rule->end = ps->current.end;
        return advance(ps);
    }
    rule->end = ps->current.offset;
    return is(ps, POLICY_TOKEN_RBRACE) || missing_semicolon(ps, "';' behind the rule");
}

static bool parse_rules(struct parser *ps, struct rule_list *list)
{
    while (!is(ps, POLICY_TOKEN_RBRACE)) {
        if (ps->n_rules == LIMIT_POLICY_RULES)
            return fail_at(ps, ps->current.offset, ERR_LIMIT, "too many rules");
        ps->n_rules++;
        ps->lexer.place.rule++;
        if (!room_for_one(ps, (void **)&list->rules, list->n, sizeof *list->rules))
            return false;
        list->rules[list->n] = (struct rule){ .number = ps->lexer.place.rule };
        if (!parse_rule(ps, &list->rules[list->n]))
            return false;
        list->n++;
    }
    ps->lexer.place.rule = 0;
    return advance(ps);
}

/* The section that the current token names. */
static enum policy_section named_section(const struct parser *ps)
{
    int section = 0;

    if (!is(ps, POLICY_TOKEN_IDENTIFIER))
        return POLICY_NO_SECTION;
    while (section < POLICY_NO_SECTION && !bytes_equal_string(ps->current.text, policy_section_name((enum policy_section)section)))
        section++;
    return (enum policy_section)section;
}

static bool parse_section(struct parser *ps)
{
    static const char *const section_names[] = { "configurationrules", "authorizationrules", "issuancerules" };
    enum policy_section section = named_section(ps);
    struct rule_list *list;

    ps->lexer.place.production = "section";
    if (section == POLICY_NO_SECTION)
        return wrong_word(ps, "configurationrules, authorizationrules or issuancerules", section_names, ARRAY_LEN(section_names));
    list = &ps->policy->sections[section];
    if (list->present)
        return fail_at(ps, ps->current.offset, ERR_MALFORMED, "a section appears twice");
    list->present = true;
    ps->policy->section_offset[section] = ps->current.offset;
    ps->lexer.place.section = section;
    if (!advance(ps) || !expect(ps, POLICY_TOKEN_LBRACE) || !parse_rules(ps, list))
        return false;
    ps->lexer.place.section = POLICY_NO_SECTION;
    ps->lexer.place.production = "section";
    if (is(ps, POLICY_TOKEN_END))
        return true;
    return is(ps, POLICY_TOKEN_SEMICOLON) ? advance(ps) : missing_semicolon(ps, "';' behind the section");
}

static bool parse_version(struct parser *ps)
{
    static const struct {
        const char *text;
        unsigned version;
    } versions[] = { { "1.0", 10 }, { "1.1", 11 }, { "1.2", 12 } };

    ps->lexer.place.production = "versionInfo";
    if (is(ps, POLICY_TOKEN_LBRACE))
        return fail_at(ps, ps->current.offset, ERR_UNSUPPORTED, "policies in JSON form are older than version 1.0: write version=1.0;");
    if (!is(ps, POLICY_TOKEN_IDENTIFIER) || !bytes_equal_string(ps->current.text, "version"))
        return unexpected(ps, "version=") || policy_suggest(ps->error, "begin with version=1.2;");
    if (!advance(ps) || !expect(ps, POLICY_TOKEN_ASSIGN))
        return false;
    if (!is(ps, POLICY_TOKEN_DECIMAL))
        return unexpected(ps, "1.0, 1.1 or 1.2") || policy_suggest(ps->error, "write version=1.2;");
    for (unsigned i = 0; i < ARRAY_LEN(versions); i++)
        if (bytes_equal_string(ps->current.text, versions[i].text))
            ps->policy->version = versions[i].version;
    if (!ps->policy->version)
        return fail_at(ps, ps->current.offset, ERR_UNSUPPORTED, "the version must be 1.0, 1.1 or 1.2") ||
               policy_suggest(ps->error, "write version=1.2;");
    if (!advance(ps))
        return false;
    return is(ps, POLICY_TOKEN_SEMICOLON) ? advance(ps) : missing_semicolon(ps, "';' behind the version");
}

static bool parse_policy(struct parser *ps)
{
    if (bytes_starts_with(ps->policy->text, BYTES_LIT("\xef\xbb\xbf")))
        ps->lexer.offset = 3;
    if (!advance(ps) || !parse_version(ps))
        return false;
    while (!is(ps, POLICY_TOKEN_END))
        if (!parse_section(ps))
            return false;
    return true;
}

/* Editors of old save UTF-16 or a code page: that is said at the byte that shows it. */
static bool check_encoding(struct parser *ps)
{
    struct bytes text = ps->policy->text, rest = text;
    uint32_t codepoint;
    bool utf16 = bytes_starts_with(text, BYTES_LIT("\xff\xfe")) || bytes_starts_with(text, BYTES_LIT("\xfe\xff"));

    if (utf16 || (text.len > 1 && (!text.data[0] || !text.data[1])))
        return fail_at(ps, 0, ERR_MALFORMED, "the policy is UTF-16, and must be UTF-8") ||
               policy_suggest(ps->error, "save the file as UTF-8");
    if (utf8_is_valid(text))
        return true;
    while (utf8_next(&rest, &codepoint))
        ;
    ps->lexer.place.offset = text.len - rest.len;
    return policy_fail(ps->error, ps->lexer.place, ERR_MALFORMED, "byte 0x%02X is not UTF-8", rest.data[0]) ||
           policy_suggest(ps->error, "save the file as UTF-8");
}

bool policy_parse(struct arena *a, struct bytes text, const struct policy **ret, struct policy_error *error)
{
    struct policy *policy = ARENA_NEW(a, struct policy);
    struct parser ps = { .arena = a, .policy = policy, .error = error, .line = 1 };
    char *hash_input;

    ps.lexer = (struct policy_lexer){ .arena = a, .place = { .kind = POLICY_PARSING_ERROR, .section = POLICY_NO_SECTION }, .error = error };
    if (text.len > LIMIT_POLICY_TEXT_BYTES)
        return fail_at(&ps, 0, ERR_LIMIT, "the policy is longer than 512 KiB");
    hash_input = base64_in(a, BASE64_URL, text);
    if (!policy || !hash_input || !arena_copy(a, text, &policy->text))
        return no_memory(&ps);
    policy->hash_input = bytes_of_string(hash_input);
    ps.lexer.place.text = policy->text;
    if (!check_encoding(&ps) || !parse_policy(&ps) || !policy_check(a, policy, error))
        return false;
    *ret = policy;
    return true;
}

struct bytes policy_text(const struct policy *policy) { return policy->text; }

struct bytes policy_hash_input(const struct policy *policy) { return policy->hash_input; }

unsigned policy_version(const struct policy *policy) { return policy->version; }

size_t policy_rule_count(const struct policy *policy, enum policy_section section)
{
    return section == POLICY_NO_SECTION ? 0 : policy->sections[section].n;
}

unsigned policy_rule_line(const struct policy *policy, enum policy_section section, size_t i)
{
    return policy->sections[section].rules[i].line;
}

char *policy_rule_canonical(struct arena *a, const struct policy *policy, enum policy_section section, size_t i)
{
    const struct rule *rule = &policy->sections[section].rules[i];
    struct policy_error error;
    struct policy_lexer lexer = {
        .arena = a, .offset = rule->offset, .place = { .text = bytes_slice(policy->text, 0, rule->end) }, .error = &error
    };
    size_t room = 2 * (rule->end - rule->offset) + 2, len = 0;
    char *text = arena_alloc(a, room); /* at most a blank behind each character */
    struct policy_token token;

    while (text && policy_next_token(&lexer, &token) && token.kind != POLICY_TOKEN_END && token.kind != POLICY_TOKEN_SEMICOLON) {
        if (len)
            text[len++] = ' ';
        memcpy(text + len, policy->text.data + token.offset, token.end - token.offset);
        len += token.end - token.offset;
    }
    return text;
}
