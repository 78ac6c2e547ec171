/* YAML out (block style, strings quoted where they must be): a superset of what JSON can say. */
#include "cli/frame/yaml.h"
#include <strings.h>
#include "json/write.h"

static void indent(FILE *to, int depth) { fprintf(to, "%*s", 2 * depth, ""); }

static bool needs_quotes(struct bytes s)
{
    /* In any case of letters: what YAML 1.1, which most programs read, takes for a Boolean or nothing, and numbers without digits. */
    static const char *const words[] = { "true", "false", "null", "yes", "no", "on", "off", "y", "n", "~", ".inf", ".nan" };

    if (s.len == 0 || s.data[s.len - 1] == ' ' || (s.data[0] >= '0' && s.data[0] <= '9')) /* numbers, dates, times */
        return true;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strlen(words[i]) == s.len && strncasecmp((const char *)s.data, words[i], s.len) == 0)
            return true;
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.data[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (i && (c == '.' || c == '/' || c == '-' || c == ' '));
        bool digit = c >= '0' && c <= '9';
        if (!word && !digit)
            return true;
    }
    return false;
}

static void print_scalar(const struct json *v, FILE *to)
{
    struct writer w CLEANUP(writer_done) = { 0 };

    if (v->type == JSON_STRING && !needs_quotes(v->string))
        write_bytes(&w, v->string);
    else
        json_write(&w, v, JSON_COMPACT); /* JSON's quoted strings are YAML's */
    fwrite(w.data, 1, w.len, to);
    fputc('\n', to);
}

static bool is_scalar(const struct json *v) { return !(v->type == JSON_ARRAY && v->array.n) && !(v->type == JSON_OBJECT && v->object.n); }

static void print_value(const struct json *v, int depth, bool first_in_line, FILE *to)
{
    if (is_scalar(v)) {
        print_scalar(v, to);
    } else if (v->type == JSON_ARRAY) {
        for (size_t i = 0; i < v->array.n; i++) {
            if (i || !first_in_line)
                indent(to, depth);
            fputs("- ", to);
            print_value(v->array.items[i], depth + 1, true, to);
        }
    } else {
        for (size_t i = 0; i < v->object.n; i++) {
            const struct json name = { .type = JSON_STRING, .string = v->object.members[i].name };
            struct writer w CLEANUP(writer_done) = { 0 };
            const struct json *member = v->object.members[i].value;
            if (i || !first_in_line)
                indent(to, depth);
            if (needs_quotes(name.string))
                json_write_string(&w, name.string);
            else
                write_bytes(&w, name.string);
            fwrite(w.data, 1, w.len, to);
            fputs(is_scalar(member) ? ": " : ":\n", to);
            print_value(member, is_scalar(member) ? depth : depth + 1, false, to);
        }
    }
}

void yaml_print(const struct json *v, FILE *to)
{
    fputs("---\n", to);
    print_value(v, 0, false, to);
}
