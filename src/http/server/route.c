#include "http/server/route.h"
#include <strings.h>
#include "base/hex.h"
#include "base/utf8.h"

enum { MAX_SEGMENTS = 32, MAX_QUERY_PARAMETERS = 64 };

struct path {
    struct bytes segments[MAX_SEGMENTS]; /* decoded */
    size_t n;
};

/* ---- percent-encoding (RFC 3986, 2.1) ------------------------------------------------------------------------------ */

static bool is_clean_text(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < 0x20 || text.data[i] == 0x7f)
            return false;
    return utf8_is_valid(text);
}

/* Decodes, and refuses what is not clean text afterwards. */
static bool decode(struct arena *a, struct bytes text, bool plus_is_space, struct bytes *ret, struct err *err)
{
    uint8_t *out = arena_alloc(a, text.len + 1);
    size_t n = 0;

    if (!out)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];

        if (c == '%') {
            int high = text.len - i > 2 ? hex_digit(text.data[i + 1]) : -1;
            int low = text.len - i > 2 ? hex_digit(text.data[i + 2]) : -1;

            if (high < 0 || low < 0)
                return err_set(err, ERR_MALFORMED, "the address has a %% that no two hexadecimal digits follow");
            c = (uint8_t)(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        out[n++] = c;
    }
    *ret = (struct bytes){ out, n };
    if (!is_clean_text(*ret))
        return err_set(err, ERR_MALFORMED, "the address holds control characters or is not valid UTF-8");
    return true;
}

/* The next piece of *rest up to `separator`; false when nothing is left. */
static bool next_piece(struct bytes *rest, uint8_t separator, bool *more, struct bytes *ret)
{
    const uint8_t *end;

    if (!*more)
        return false;
    end = rest->len ? memchr(rest->data, separator, rest->len) : NULL;
    *more = end != NULL;
    ret->data = rest->data;
    ret->len = end ? (size_t)(end - rest->data) : rest->len;
    *rest = bytes_slice(*rest, end ? ret->len + 1 : ret->len, SIZE_MAX);
    return true;
}

/* A segment cannot climb, neither as a whole nor as what a verb is taken off of ("..:reset"), and cannot turn into two. */
static bool is_safe_segment(struct bytes segment)
{
    struct bytes name = bytes_slice(segment, 0, bytes_find(segment, BYTES_LIT(":")));

    return !bytes_equal_string(name, ".") && !bytes_equal_string(name, "..") && !(segment.len && memchr(segment.data, '/', segment.len));
}

static bool split_path(struct arena *a, struct bytes path, struct path *ret, struct err *err)
{
    struct bytes rest = path, piece;
    bool more = true;

    ret->n = 0;
    if (path.len == 0 || path.data[0] != '/')
        return err_set(err, ERR_MALFORMED, "the address must begin with a slash");
    rest = bytes_slice(rest, 1, SIZE_MAX);
    while (next_piece(&rest, '/', &more, &piece)) {
        if (ret->n == MAX_SEGMENTS)
            return err_set(err, ERR_LIMIT, "the address has more than %d parts", MAX_SEGMENTS);
        if (!decode(a, piece, false, &ret->segments[ret->n], err))
            return false;
        if (!is_safe_segment(ret->segments[ret->n++]))
            return err_set(err, ERR_MALFORMED, "the address has a part that is \".\", \"..\" or holds an encoded slash");
    }
    return true;
}

bool http_query_parse(struct arena *a, struct bytes query, struct http_fields *ret, struct err *err)
{
    struct http_field *items = ARENA_ARRAY(a, MAX_QUERY_PARAMETERS, struct http_field);
    struct bytes rest = query, piece;
    bool more = query.len > 0;
    size_t n = 0;

    if (!items)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    while (next_piece(&rest, '&', &more, &piece)) {
        size_t equals = bytes_find(piece, BYTES_LIT("="));
        struct bytes name = bytes_slice(piece, 0, equals);
        struct bytes value = equals == SIZE_MAX ? BYTES_NONE : bytes_slice(piece, equals + 1, SIZE_MAX);

        if (piece.len == 0)
            continue;
        if (n == MAX_QUERY_PARAMETERS)
            return err_set(err, ERR_LIMIT, "the address has more than %d query parameters", MAX_QUERY_PARAMETERS);
        if (!decode(a, name, true, &items[n].name, err) || !decode(a, value, true, &items[n].value, err))
            return false;
        n++;
    }
    *ret = (struct http_fields){ items, n };
    return true;
}

/* ---- patterns ------------------------------------------------------------------------------------------------------ */

static bool same_letters(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || strncasecmp((const char *)a.data, (const char *)b.data, a.len) == 0);
}

/* The parts of a pattern's segment: "{name}:reset" is placeholder "name", verb ":reset"; a literal is all verb. */
struct pattern_segment {
    bool is_placeholder, takes_rest;
    struct bytes name, literal;
};

static struct pattern_segment pattern_segment(struct bytes text)
{
    struct pattern_segment s = { .literal = text };
    size_t close = bytes_find(text, BYTES_LIT("}"));

    if (text.len == 0 || text.data[0] != '{' || close == SIZE_MAX)
        return s;
    s.is_placeholder = true;
    s.name = bytes_slice(text, 1, close - 1);
    s.literal = bytes_slice(text, close + 1, SIZE_MAX);
    s.takes_rest = bytes_ends_with(s.name, BYTES_LIT("*"));
    if (s.takes_rest)
        s.name.len--;
    return s;
}

/* What a placeholder takes of a segment: all before its verb, not empty, without a colon. */
static bool placeholder_fits(const struct pattern_segment *s, struct bytes segment, struct bytes *ret)
{
    if (segment.len <= s->literal.len || !same_letters(bytes_slice(segment, segment.len - s->literal.len, s->literal.len), s->literal))
        return false;
    *ret = bytes_slice(segment, 0, segment.len - s->literal.len);
    return !memchr(ret->data, ':', ret->len);
}

static bool join(struct arena *a, const struct bytes *segments, size_t n, struct bytes *ret, struct err *err)
{
    size_t len = 0;
    uint8_t *out;

    for (size_t i = 0; i < n; i++)
        len += segments[i].len + 1; /* parts of one request line: cannot overflow */
    out = arena_alloc(a, len + 1);
    if (!out)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    len = 0;
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            out[len++] = '/';
        if (segments[i].len)
            memcpy(out + len, segments[i].data, segments[i].len);
        len += segments[i].len;
    }
    *ret = (struct bytes){ out, len };
    return true;
}

struct bindings {
    struct http_field items[MAX_SEGMENTS];
    size_t n;
    bool has_rest; /* the last item is {name*}: segments from `rest` on */
    size_t rest;
};

static bool pattern_fits(const char *pattern, const struct path *path, struct bindings *b)
{
    struct bytes rest = bytes_slice(bytes_of_string(pattern), 1, SIZE_MAX), piece, taken;
    bool more = true;
    size_t at = 0;

    *b = (struct bindings){ .n = 0 };
    while (next_piece(&rest, '/', &more, &piece)) {
        struct pattern_segment s = pattern_segment(piece);

        if (s.takes_rest) {
            b->items[b->n++].name = s.name;
            b->has_rest = true;
            b->rest = at;
            return true;
        }
        if (at == path->n)
            return false;
        if (s.is_placeholder) {
            if (!placeholder_fits(&s, path->segments[at], &taken))
                return false;
            b->items[b->n++] = (struct http_field){ s.name, taken };
        } else if (!same_letters(s.literal, path->segments[at])) {
            return false;
        }
        at++;
    }
    return at == path->n;
}

static bool is_name(struct bytes name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!((name.data[i] | 0x20) >= 'a' && (name.data[i] | 0x20) <= 'z') && name.data[i] != '_')
            return false;
    return name.len > 0;
}

bool http_pattern_is_valid(const char *pattern, struct err *err)
{
    struct bytes rest = bytes_of_string(pattern), piece;
    bool more = true;
    size_t n = 0;

    if (pattern[0] != '/')
        return err_set(err, ERR_MALFORMED, "%s: a pattern begins with a slash", pattern);
    rest = bytes_slice(rest, 1, SIZE_MAX);
    while (next_piece(&rest, '/', &more, &piece)) {
        struct pattern_segment s = pattern_segment(piece);

        if (++n > MAX_SEGMENTS)
            return err_set(err, ERR_LIMIT, "%s: more than %d parts", pattern, MAX_SEGMENTS);
        if (piece.len == 0 && pattern[1] != '\0')
            return err_set(err, ERR_MALFORMED, "%s: an empty part", pattern);
        if (bytes_find(s.literal, BYTES_LIT("{")) != SIZE_MAX || bytes_find(s.literal, BYTES_LIT("}")) != SIZE_MAX ||
            bytes_find(s.literal, BYTES_LIT("%")) != SIZE_MAX)
            return err_set(err, ERR_MALFORMED, "%s: a brace or percent sign in a literal", pattern);
        if (!s.is_placeholder)
            continue;
        if (!is_name(s.name) || (s.literal.len && s.literal.data[0] != ':') || (s.takes_rest && (more || s.literal.len)))
            return err_set(err, ERR_MALFORMED, "%s: {name}, {name}:verb, or {name*} at the end", pattern);
    }
    return true;
}

/* ---- finding ------------------------------------------------------------------------------------------------------- */

static bool method_fits(const struct http_route *route, const char *method)
{
    return strcmp(route->method, method) == 0 || (strcmp(route->method, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

static bool bind_params(struct arena *a, const struct path *path, struct bindings *b, struct http_fields *ret, struct err *err)
{
    struct http_field *items = ARENA_ARRAY(a, b->n + 1, struct http_field);

    if (!items)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    if (b->has_rest && !join(a, path->segments + b->rest, path->n - b->rest, &b->items[b->n - 1].value, err))
        return false;
    memcpy(items, b->items, b->n * sizeof *items);
    *ret = (struct http_fields){ items, b->n };
    return true;
}

/* "GET, HEAD, PUT": each method once. */
static bool add_method(struct arena *a, const char **list, const char *method, struct err *err)
{
    const char *more = strcmp(method, "GET") == 0 ? "GET, HEAD" : method;

    if (*list && strstr(*list, method))
        return true;
    *list = arena_printf(a, "%s%s%s", *list ? *list : "", *list ? ", " : "", more);
    return *list || err_set(err, ERR_NO_MEMORY, "out of memory");
}

static bool search(const struct http_routes *tables, size_t n_tables, struct arena *a, const char *method, const struct path *parts,
                   bool any_slashes, enum http_match *ret_match, struct http_target *ret, struct err *err)
{
    struct http_target target = { 0 };
    struct bindings bindings;

    for (size_t t = 0; t < n_tables; t++) {
        for (size_t r = 0; r < tables[t].n; r++) {
            const struct http_route *route = &tables[t].routes[r];

            if ((any_slashes && !route->any_slashes) || !pattern_fits(route->pattern, parts, &bindings))
                continue;
            if (!method_fits(route, method)) {
                if (!add_method(a, &target.allow, route->method, err))
                    return false;
                continue;
            }
            target.route = route;
            target.context = tables[t].context;
            if (!bind_params(a, parts, &bindings, &target.params, err))
                return false;
            *ret_match = HTTP_MATCHED;
            *ret = target;
            return true;
        }
    }
    *ret_match = target.allow ? HTTP_WRONG_METHOD : HTTP_NO_SUCH_PATH;
    *ret = target;
    return true;
}

/* False when there was none. */
static bool drop_empty_segments(struct path *parts)
{
    size_t n = 0;

    for (size_t i = 0; i < parts->n; i++)
        if (parts->segments[i].len)
            parts->segments[n++] = parts->segments[i];
    if (n == parts->n)
        return false;
    parts->n = n;
    return true;
}

bool http_route_find(const struct http_routes *tables, size_t n_tables, struct arena *a, const char *method, struct bytes path,
                     enum http_match *ret_match, struct http_target *ret, struct err *err)
{
    struct path parts;

    if (!split_path(a, path, &parts, err) || !search(tables, n_tables, a, method, &parts, false, ret_match, ret, err))
        return false;
    return *ret_match != HTTP_NO_SUCH_PATH || !drop_empty_segments(&parts) ||
           search(tables, n_tables, a, method, &parts, true, ret_match, ret, err);
}

/* ---- permissions ---------------------------------------------------------------------------------------------------- */

/* The literal segments without the version and what stands before the resource, then the verb: ":reset" has its own. */
void http_route_permission(const struct http_route *route, char ret[static HTTP_PERMISSION_MAX])
{
    static const struct {
        const char *method, *verb;
    } verbs[] = { { "GET", "read" }, { "DELETE", "delete" } };
    const char *verb = "write", *at = route->pattern;
    struct writer w CLEANUP(writer_done) = { .limit = HTTP_PERMISSION_MAX - 1 };
    size_t len;

    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (strcmp(route->method, verbs[i].method) == 0)
            verb = verbs[i].verb;
    if (strncmp(at, "/providers/{provider}/", 22) == 0)
        at += 21;
    if (strstr(at, "/Microsoft.")) /* the cloud's own names of permissions begin there */
        at = strstr(at, "/Microsoft.");
    while (*at) {
        at++;
        len = strcspn(at, "/");
        const char *colon = memchr(at, ':', len), *close = memchr(at, '}', len);
        struct bytes segment = { (const uint8_t *)at, colon ? (size_t)(colon - at) : len };

        if (!close && !bytes_equal_string(segment, "v1") && segment.len > 0) {
            write_bytes(&w, segment);
            write_string(&w, "/");
        }
        if (colon) {
            write_bytes(&w, (struct bytes){ (const uint8_t *)colon + 1, len - (size_t)(colon + 1 - at) });
            verb = "";
        }
        at += len;
    }
    write_string(&w, verb);
    len = w.len < HTTP_PERMISSION_MAX ? w.len : HTTP_PERMISSION_MAX - 1;
    if (len)
        memcpy(ret, w.data, len);
    ret[len] = '\0';
}
