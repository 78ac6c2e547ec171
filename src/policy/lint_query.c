/* Literal queries that look for what is not there. */
#include "policy/linter.h"

void lint_query(struct linter *l, const struct expression *call)
{
    static const struct {
        struct bytes part;
        const char *fix, *text;
        bool at_start;
    } mistakes[] = {
        { BYTES_LIT("events["), "write Events", "the member is called Events: in small letters the query finds nothing", true },
        { BYTES_LIT("pcrs["), "write PCRs", "the member is called PCRs: in small letters the query finds nothing", true },
        { BYTES_LIT("PcrIndex == '"), "write `13` in place of '13'", "a number in quotes is a text, and equals no register", false },
        { BYTES_LIT("PcrIndex=='"), "write `13` in place of '13'", "a number in quotes is a text, and equals no register", false },
        { BYTES_LIT("EventSeq == '"), "write `8` in place of '8'", "a number in quotes is a text, and equals no number", false },
        { BYTES_LIT("Index == '"), "write `13` in place of '13'", "a number in quotes is a text, and equals no register", false },
        { BYTES_LIT("length(@) == '"), "write `1` in place of '1'", "a number in quotes is a text, and equals no length", false },
        { BYTES_LIT("!= null"), "write `null`", "null without backquotes is a member called null", false },
        { BYTES_LIT("!=null"), "write `null`", "null without backquotes is a member called null", false },
        { BYTES_LIT("== null"), "write `null`", "null without backquotes is a member called null", false },
        { BYTES_LIT("== true"), "write `true`", "true without backquotes is a member called true", false },
        { BYTES_LIT("== false"), "write `false`", "false without backquotes is a member called false", false },
    };
    const struct expression *literal = call->n_args == 2 ? call->args[1] : NULL;
    struct bytes query;

    if (!bytes_equal_string(call->name, "JmesPath") || !literal || literal->kind != EXPRESSION_LITERAL)
        return;
    query = literal->literal.string;
    for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
        size_t at =
            mistakes[i].at_start ? (bytes_starts_with(query, mistakes[i].part) ? 0 : SIZE_MAX) : bytes_find(query, mistakes[i].part);
        if (at == SIZE_MAX)
            continue;
        lint_warn(l, policy_string_place(l->policy->text, literal->offset, at), mistakes[i].fix, "%s", mistakes[i].text);
        return;
    }
}
