#include "refdata/notes.h"
#include <stdio.h>
#include "base/clock.h"
#include "base/hex.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "bootchain/reference/join.h"
#include "json/parse.h"

enum { TEXT_MAX = 400 }; /* bytes of one description */

struct notes {
    struct arena *a;
    struct revocation *images;
    size_t n, capacity;
    struct err *err;
};

bool revocation_notes_are(struct bytes file)
{
    struct bytes text = bytes_trim(file);

    return text.len && text.data[0] == '{';
}

static bool no_memory(struct notes *n) { return err_set(n->err, ERR_NO_MEMORY, "no memory for descriptions"); }

static struct bytes member(const struct json *entry, const char *name)
{
    struct bytes text = bytes_trim(json_text(json_get(entry, name), BYTES_NONE));

    return bytes_slice(text, 0, TEXT_MAX);
}

/* A date, or nothing: "2023-05-09". */
static bool since(struct notes *n, struct bytes text, const char **ret)
{
    char time[sizeof "2026-07-14T00:00:00Z"];
    int64_t ms;

    *ret = NULL;
    if (text.len != 10)
        return true;
    snprintf(time, sizeof time, "%.*sT00:00:00Z", BYTES_FMT(text));
    if (!clock_parse(bytes_of_string(time), &ms))
        return true;
    *ret = arena_string(n->a, text);
    return *ret || no_memory(n);
}

/* Takes the "CVE-…" numbers out of a description: they are why; the rest is what. */
static void split(struct bytes text, struct writer *what, struct writer *why)
{
    while (text.len) {
        size_t len = 1;
        if (bytes_starts_with(text, BYTES_LIT("CVE-"))) {
            for (len = 4; len < text.len && ((text.data[len] >= '0' && text.data[len] <= '9') || text.data[len] == '-'); len++)
                continue;
            write_printf(why, "%s%.*s", why->len ? ", " : "", (int)len, (const char *)text.data);
            while (len < text.len && (text.data[len] == ';' || text.data[len] == ',' || text.data[len] == ' '))
                len++;
        } else {
            write_u8(what, text.data[0]);
        }
        text = bytes_slice(text, len, SIZE_MAX);
    }
}

/* "bootmgfw.efi (Microsoft), Black Lotus Microsoft Windows 8.1" */
static const char *what_of(struct notes *n, const struct json *entry, struct bytes words)
{
    struct bytes file = member(entry, "filename"), company = member(entry, "companyName");
    struct writer w CLEANUP(writer_done) = { 0 };
    struct bytes version = member(entry, "version");

    if (bytes_equal_string(company, "Unknown"))
        company = BYTES_NONE;
    write_bytes(&w, file.len ? file : company.len || words.len ? BYTES_LIT("an image") : BYTES_NONE);
    if (version.len) {
        write_string(&w, " below version ");
        write_bytes(&w, version);
    }
    if (company.len) {
        write_string(&w, " (");
        write_bytes(&w, company);
        write_string(&w, ")");
    }
    if (words.len) {
        write_string(&w, ", ");
        write_bytes(&w, words);
    }
    return writer_ok(&w) ? text_for_people(n->a, writer_bytes(&w)) : NULL;
}

static bool describe(struct notes *n, const struct json *entry, struct revocation *r)
{
    struct writer what CLEANUP(writer_done) = { 0 }, why CLEANUP(writer_done) = { 0 };
    struct bytes added = member(entry, "dateOfAddition");

    split(member(entry, "description"), &what, &why);
    if (!writer_ok(&what) || !writer_ok(&why))
        return no_memory(n);
    r->what = what_of(n, entry, bytes_trim(writer_bytes(&what)));
    r->why = why.len ? text_for_people(n->a, writer_bytes(&why)) : NULL;
    if (!r->what || (why.len && !r->why))
        return no_memory(n);
    if (!*r->what)
        r->what = NULL;
    return since(n, added.len ? added : member(entry, "dateOfLastChange"), &r->since);
}

static bool add(struct notes *n, const struct json *entry, const char *digest, uint8_t architectures)
{
    struct bytes hex = member(entry, digest);
    struct revocation r = { .len = (uint8_t)(hex.len / 2), .list = REVOKED_BY_ADVICE, .architectures = architectures };

    if ((r.len != 32 && r.len != 48 && r.len != 64) || !hex_decode_into(hex, r.digest, r.len))
        return err_set(n->err, ERR_MALFORMED, "\"%s\": 64, 96 or 128 hexadecimal digits expected", digest);
    if (n->n == n->capacity) {
        size_t larger = n->capacity ? 2 * n->capacity : 256;
        struct revocation *grown = arena_grow(n->a, n->images, n->n, larger, sizeof *grown);
        if (n->n >= LIMIT_SIGNATURES)
            return err_set(n->err, ERR_LIMIT, "more than %d entries", LIMIT_SIGNATURES);
        if (!grown)
            return no_memory(n);
        n->images = grown;
        n->capacity = larger;
    }
    if (!describe(n, entry, &r))
        return false;
    n->images[n->n++] = r;
    return true;
}

static bool add_all(struct notes *n, const struct json *list, const char *name, const char *digest, uint8_t architectures)
{
    if (!list)
        return true;
    if (list->type != JSON_ARRAY)
        return err_set(n->err, ERR_MALFORMED, "\"%s\": a list expected", name);
    for (size_t i = 0; i < list->array.n; i++)
        if (!add(n, list->array.items[i], digest, architectures))
            return err_within(n->err, "\"%s\", entry %zu", name, i + 1);
    return true;
}

bool revocation_notes_parse(struct arena *a, struct bytes file, struct boot_reference *ret, struct err *err)
{
    static const char *const architectures[] = {
#define X(name, word, file) word,
        ARCHITECTURES(X)
#undef X
    };
    struct notes n = { .a = a, .err = err };
    struct boot_reference one = { 0 };
    const struct json *json, *images;

    if (!json_parse(a, file, NULL, &json, err))
        return false;
    images = json_get(json, "images");
    if (!images || images->type != JSON_OBJECT)
        return err_set(err, ERR_UNSUPPORTED, "no descriptions of revocations: \"images\" with \"x64\" and others expected");
    for (size_t i = 0; i < ARRAY_LEN(architectures); i++)
        if (!add_all(&n, json_get(images, architectures[i]), architectures[i], "authenticodeHash", (uint8_t)(1u << i)))
            return false;
    if (!add_all(&n, json_get(json, "svns"), "svns", "value", 0))
        return false;
    one.images = n.images;
    one.n_images = n.n;
    return reference_join(a, NULL, &one, ret, err);
}
