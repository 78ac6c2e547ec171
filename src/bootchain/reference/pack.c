/* Data packs: see reference.h for the format. */
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/hex.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "bootchain/reference/join.h"
#include "bootchain/reference/reference.h"

enum { FIELDS_MAX = 9 };

static const char *const list_words[] = {
#define X(name, word, words) word,
    REVOCATION_LISTS(X)
#undef X
};

static const char *const architecture_words[] = {
#define X(name, word, file) word,
    ARCHITECTURES(X)
#undef X
};

/* The lists while they grow. */
struct pack {
    struct arena *a;
    struct boot_reference *ret;
    struct revocation *images, *certificates;
    struct known_certificate *known;
    struct sbat_requirement *sbat;
    struct reference_source *sources;
    size_t images_capacity, certificates_capacity, known_capacity, sbat_capacity, sources_capacity;
    unsigned version;
    struct err *err;
};

static bool no_memory(struct pack *p) { return err_set(p->err, ERR_NO_MEMORY, "no memory for reference data"); }

static bool bad(struct pack *p, const char *what) { return err_set(p->err, ERR_MALFORMED, "%s expected", what); }

static bool grow(struct pack *p, void *array, size_t n, size_t *capacity, size_t element_size)
{
    void **items = array;
    size_t larger = *capacity ? 2 * *capacity : 64;
    void *grown;

    if (n < *capacity)
        return true;
    if (n >= LIMIT_SIGNATURES)
        return err_set(p->err, ERR_LIMIT, "more than %d entries of one kind", LIMIT_SIGNATURES);
    grown = arena_grow(p->a, *items, n, larger, element_size);
    if (!grown)
        return no_memory(p);
    *items = grown;
    *capacity = larger;
    return true;
}

static bool add_revocation(struct pack *p, struct revocation **list, size_t *n, size_t *capacity, const struct revocation *r)
{
    if (!grow(p, list, *n, capacity, sizeof **list))
        return false;
    (*list)[(*n)++] = *r;
    return true;
}

static bool field_text(struct pack *p, struct bytes field, const char **ret)
{
    *ret = NULL;
    if (!field.len)
        return true;
    *ret = text_for_people(p->a, field);
    return *ret || no_memory(p);
}

static bool field_number(struct bytes field, uint32_t *ret)
{
    uint64_t value = 0;

    for (size_t i = 0; i < field.len; i++) {
        if (field.data[i] < '0' || field.data[i] > '9' || value > UINT32_MAX / 10)
            return false;
        value = value * 10 + (uint64_t)(field.data[i] - '0');
    }
    *ret = (uint32_t)value;
    return field.len && value <= UINT32_MAX;
}

/* ---- what is said of an entry ---- */

static bool read_list_word(struct pack *p, struct bytes value, struct revocation *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(list_words); i++)
        if (bytes_equal_string(value, list_words[i])) {
            ret->list = (enum revocation_list)i;
            return true;
        }
    return bad(p, "a list (dbx, shim or advice)");
}

static bool read_architectures(struct pack *p, struct bytes value, struct revocation *ret)
{
    while (value.len) {
        size_t comma = bytes_find(value, BYTES_LIT(","));
        struct bytes word = bytes_slice(value, 0, comma);
        size_t i = 0;
        while (i < ARRAY_LEN(architecture_words) && !bytes_equal_string(word, architecture_words[i]))
            i++;
        if (i == ARRAY_LEN(architecture_words))
            return bad(p, "an architecture (x64, ia32, aarch64, arm)");
        ret->architectures |= (uint8_t)(1u << i);
        value = comma == SIZE_MAX ? BYTES_NONE : bytes_slice(value, comma + 1, SIZE_MAX);
    }
    return ret->architectures || bad(p, "an architecture (x64, ia32, aarch64, arm)");
}

static bool read_since(struct pack *p, struct bytes value, struct revocation *ret)
{
    char time[sizeof "2026-07-14T00:00:00Z"];
    int64_t ms;

    if (value.len != 10)
        return bad(p, "a date such as 2026-07-14");
    snprintf(time, sizeof time, "%.*sT00:00:00Z", BYTES_FMT(value));
    return clock_parse(bytes_of_string(time), &ms) ? field_text(p, value, &ret->since) : bad(p, "a date such as 2026-07-14");
}

static bool read_signed_after(struct pack *p, struct bytes value, struct revocation *ret)
{
    return clock_parse(value, &ret->signed_after_ms) || bad(p, "a time (RFC 3339)");
}

static bool read_what(struct pack *p, struct bytes value, struct revocation *ret) { return field_text(p, value, &ret->what); }
static bool read_why(struct pack *p, struct bytes value, struct revocation *ret) { return field_text(p, value, &ret->why); }

struct detail_row {
    const char *word;
    bool (*read)(struct pack *p, struct bytes value, struct revocation *ret);
};

static const struct detail_row details[] = { { "list", read_list_word }, { "arch", read_architectures },
                                             { "since", read_since },    { "signed-after", read_signed_after },
                                             { "what", read_what },      { "why", read_why } };

static bool read_details(struct pack *p, const struct bytes fields[FIELDS_MAX], struct revocation *ret)
{
    unsigned seen = 0;

    for (size_t f = 2; f < FIELDS_MAX && fields[f].len; f++) {
        size_t equals = bytes_find(fields[f], BYTES_LIT("=")), i = 0;
        struct bytes word = bytes_slice(fields[f], 0, equals);
        while (i < ARRAY_LEN(details) && !bytes_equal_string(word, details[i].word))
            i++;
        if (equals == SIZE_MAX || i == ARRAY_LEN(details) || (seen >> i & 1))
            return bad(p, "list=, arch=, since=, signed-after=, what= or why=, each at most once,");
        seen |= 1u << i;
        if (!details[i].read(p, bytes_slice(fields[f], equals + 1, SIZE_MAX), ret))
            return false;
    }
    return true;
}

static bool read_revocation(struct pack *p, const struct bytes fields[FIELDS_MAX], struct revocation *ret)
{
    size_t len = fields[1].len / 2;

    *ret = (struct revocation){ .len = (uint8_t)len };
    if ((len != 32 && len != 48 && len != 64) || !hex_decode_into(fields[1], ret->digest, len))
        return bad(p, "64, 96 or 128 hexadecimal digits");
    if (p->version > 1)
        return read_details(p, fields, ret);
    return field_text(p, fields[2], &ret->what) && field_text(p, fields[3], &ret->why);
}

/* ---- records ---- */

static bool read_image(struct pack *p, const struct bytes fields[FIELDS_MAX])
{
    struct revocation r;

    return read_revocation(p, fields, &r) && add_revocation(p, &p->images, &p->ret->n_images, &p->images_capacity, &r);
}

static bool read_certificate(struct pack *p, const struct bytes fields[FIELDS_MAX])
{
    struct revocation r;

    return read_revocation(p, fields, &r) && add_revocation(p, &p->certificates, &p->ret->n_certificates, &p->certificates_capacity, &r);
}

static bool read_known(struct pack *p, const struct bytes fields[FIELDS_MAX])
{
    struct known_certificate k;
    uint32_t generation;

    if (!hex_decode_into(fields[1], k.sha256, sizeof k.sha256))
        return bad(p, "64 hexadecimal digits");
    if (!field_number(fields[2], &generation) || generation > 9999)
        return bad(p, "a generation (a year, or 0)");
    if (!fields[3].len)
        return bad(p, "a name");
    k.generation = (int)generation;
    if (!field_text(p, fields[3], &k.name) || !grow(p, &p->known, p->ret->n_known, &p->known_capacity, sizeof *p->known))
        return false;
    p->known[p->ret->n_known++] = k;
    return true;
}

static bool read_sbat(struct pack *p, const struct bytes fields[FIELDS_MAX])
{
    struct sbat_requirement r;

    if (!fields[1].len)
        return bad(p, "a component");
    if (!field_number(fields[2], &r.generation))
        return bad(p, "a generation");
    if (!field_text(p, fields[1], &r.component) || !grow(p, &p->sbat, p->ret->n_sbat, &p->sbat_capacity, sizeof *p->sbat))
        return false;
    p->sbat[p->ret->n_sbat++] = r;
    return true;
}

static bool read_sbat_date(struct pack *p, const struct bytes fields[FIELDS_MAX])
{
    return field_number(fields[1], &p->ret->sbat_date) || bad(p, "a date such as 2025021800");
}

static bool read_source(struct pack *p, const struct bytes fields[FIELDS_MAX])
{
    struct reference_source source = { 0 };

    if (!bytes_equal_string(fields[1], "-") && !clock_parse(fields[1], &source.as_of_ms))
        return bad(p, "a time (RFC 3339), or -");
    if (!fields[2].len)
        return bad(p, "a source in words");
    if (!field_text(p, fields[2], &source.words) || !grow(p, &p->sources, p->ret->n_sources, &p->sources_capacity, sizeof *p->sources))
        return false;
    p->sources[p->ret->n_sources++] = source;
    return true;
}

static bool read_name(struct pack *p, const struct bytes fields[FIELDS_MAX]) { return field_text(p, fields[1], &p->ret->name); }

static bool read_as_of(struct pack *p, const struct bytes fields[FIELDS_MAX])
{
    return clock_parse(fields[1], &p->ret->as_of_ms) || bad(p, "a time (RFC 3339)");
}

struct record_row {
    const char *word;
    size_t fields; /* at most; of version 1: FIELDS_V1 */
    bool (*read)(struct pack *p, const struct bytes fields[FIELDS_MAX]);
};

enum { FIELDS_V1 = 4 };

static const struct record_row records[] = {
    { "name", 2, read_name },   { "as-of", 2, read_as_of },         { "image", 8, read_image }, { "certificate", 8, read_certificate },
    { "known", 4, read_known }, { "sbat-date", 2, read_sbat_date }, { "sbat", 3, read_sbat },   { "source", 3, read_source },
};

/* The next line without its end; false when there is none. */
static bool next_line(struct bytes *rest, struct bytes *ret)
{
    size_t end = bytes_find(*rest, BYTES_LIT("\n"));

    if (!rest->len)
        return false;
    *ret = bytes_slice(*rest, 0, end == SIZE_MAX ? rest->len : end);
    *rest = bytes_slice(*rest, end == SIZE_MAX ? rest->len : end + 1, rest->len);
    return true;
}

/* False: more than FIELDS_MAX. */
static bool split(struct bytes line, struct bytes ret[FIELDS_MAX], size_t *ret_n)
{
    bool more = true;
    size_t n = 0;

    for (size_t i = 0; i < FIELDS_MAX; i++) {
        size_t tab = more ? bytes_find(line, BYTES_LIT("\t")) : SIZE_MAX;
        ret[i] = bytes_slice(line, 0, tab);
        n += more;
        more = more && tab != SIZE_MAX;
        line = more ? bytes_slice(line, tab + 1, SIZE_MAX) : BYTES_NONE;
    }
    *ret_n = n;
    return !more;
}

static bool read_line(struct pack *p, struct bytes line)
{
    struct bytes fields[FIELDS_MAX];
    size_t n;
    bool few = split(line, fields, &n);

    if (!line.len || line.data[0] == '#')
        return true;
    for (size_t i = 0; i < ARRAY_LEN(records); i++)
        if (bytes_equal_string(fields[0], records[i].word)) {
            if (!few || n > (p->version > 1 ? records[i].fields : FIELDS_V1))
                return err_set(p->err, ERR_MALFORMED, "too many fields");
            return records[i].read(p, fields);
        }
    return bad(p, "a known record");
}

/* ---- the whole ---- */

static int compare_revocations(const void *a, const void *b) { return revocation_compare(a, b); }

/* Sorts, and makes one of equals; *n becomes smaller. */
static void sort_revocations(struct revocation *list, size_t *n)
{
    size_t kept = 0;

    if (!list || !*n)
        return;
    qsort(list, *n, sizeof *list, compare_revocations);
    for (size_t i = 0; i < *n; i++)
        if (kept && revocation_compare(&list[kept - 1], &list[i]) == 0)
            revocation_merge(&list[kept - 1], &list[i]);
        else
            list[kept++] = list[i];
    *n = kept;
}

static void pack_finish(struct pack *p)
{
    sort_revocations(p->images, &p->ret->n_images);
    sort_revocations(p->certificates, &p->ret->n_certificates);
    p->ret->images = p->images;
    p->ret->certificates = p->certificates;
    p->ret->known = p->known;
    p->ret->sbat = p->sbat;
    p->ret->sources = p->sources;
}

bool reference_parse(struct arena *a, struct bytes text, struct boot_reference *ret, struct err *err)
{
    struct pack p = { .a = a, .ret = ret, .err = err };
    struct bytes line = BYTES_NONE;
    size_t number = 1;

    *ret = (struct boot_reference){ 0 };
    if (next_line(&text, &line))
        p.version = bytes_equal_string(line, "trueboot-reference 2") ? 2 : bytes_equal_string(line, "trueboot-reference 1") ? 1 : 0;
    if (!p.version)
        return err_set(err, ERR_UNSUPPORTED, "not a reference data pack of version 1 or 2");
    while (next_line(&text, &line)) {
        number++;
        if (!read_line(&p, line))
            return err_within(err, "line %zu", number);
    }
    pack_finish(&p);
    return true;
}

static void write_architectures(struct writer *w, uint8_t architectures)
{
    const char *separator = "\tarch=";

    for (size_t i = 0; i < ARRAY_LEN(architecture_words); i++)
        if (architectures >> i & 1) {
            write_printf(w, "%s%s", separator, architecture_words[i]);
            separator = ",";
        }
}

static void write_revocations(struct writer *w, const char *word, const struct revocation *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct revocation *r = &list[i];
        const char *const texts[][2] = { { "since", r->since }, { "what", r->what }, { "why", r->why } };
        char hex[2 * sizeof r->digest + 1], time[CLOCK_TEXT_LEN];
        hex_encode((struct bytes){ r->digest, r->len }, hex);
        write_printf(w, "%s\t%s", word, hex);
        if (r->list != REVOKED_BY_DBX)
            write_printf(w, "\tlist=%s", list_words[r->list]);
        write_architectures(w, r->architectures);
        if (r->signed_after_ms) {
            clock_format(r->signed_after_ms, time);
            write_printf(w, "\tsigned-after=%s", time);
        }
        for (size_t k = 0; k < ARRAY_LEN(texts); k++)
            if (texts[k][1])
                write_printf(w, "\t%s=%s", texts[k][0], texts[k][1]);
        write_string(w, "\n");
    }
}

static void write_head(struct writer *w, const struct boot_reference *reference)
{
    char time[CLOCK_TEXT_LEN];

    write_string(w, "trueboot-reference 2\n");
    if (reference->name)
        write_printf(w, "name\t%s\n", reference->name);
    if (reference->as_of_ms) {
        clock_format(reference->as_of_ms, time);
        write_printf(w, "as-of\t%s\n", time);
    }
    for (size_t i = 0; i < reference->n_sources; i++) {
        const struct reference_source *source = &reference->sources[i];
        if (source->as_of_ms)
            clock_format(source->as_of_ms, time);
        write_printf(w, "source\t%s\t%s\n", source->as_of_ms ? time : "-", source->words);
    }
}

void reference_write(struct writer *w, const struct boot_reference *reference)
{
    write_head(w, reference);
    write_revocations(w, "image", reference->images, reference->n_images);
    write_revocations(w, "certificate", reference->certificates, reference->n_certificates);
    for (size_t i = 0; i < reference->n_known; i++) {
        char hex[65];
        hex_encode((struct bytes){ reference->known[i].sha256, 32 }, hex);
        write_printf(w, "known\t%s\t%d\t%s\n", hex, reference->known[i].generation, reference->known[i].name);
    }
    if (reference->sbat_date)
        write_printf(w, "sbat-date\t%u\n", (unsigned)reference->sbat_date);
    for (size_t i = 0; i < reference->n_sbat; i++)
        write_printf(w, "sbat\t%s\t%u\n", reference->sbat[i].component, (unsigned)reference->sbat[i].generation);
}
