/* Data packs: see reference.h for the format. */
#include <stdlib.h>
#include "base/clock.h"
#include "base/hex.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "bootchain/keys.h"
#include "bootchain/reference.h"
#include "bootchain/secure_boot_data.h"

enum { FIELDS_MAX = 4 };

/* The lists while they grow. */
struct pack {
    struct arena *a;
    struct boot_reference *ret;
    struct revocation *images, *certificates;
    struct known_certificate *known;
    struct sbat_requirement *sbat;
    size_t images_capacity, certificates_capacity, known_capacity, sbat_capacity;
    struct err *err;
};

static bool no_memory(struct pack *p) { return err_set(p->err, ERR_NO_MEMORY, "no memory for reference data"); }

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

static bool bad(struct pack *p, const char *what) { return err_set(p->err, ERR_MALFORMED, "%s expected", what); }

static bool read_revocation(struct pack *p, const struct bytes fields[FIELDS_MAX], struct revocation *ret)
{
    if (!hex_decode_into(fields[1], ret->sha256, sizeof ret->sha256))
        return bad(p, "64 hexadecimal digits");
    return field_text(p, fields[2], &ret->what) && field_text(p, fields[3], &ret->why);
}

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

static bool read_name(struct pack *p, const struct bytes fields[FIELDS_MAX]) { return field_text(p, fields[1], &p->ret->name); }

static bool read_as_of(struct pack *p, const struct bytes fields[FIELDS_MAX])
{
    return clock_parse(fields[1], &p->ret->as_of_ms) || bad(p, "a time (RFC 3339)");
}

struct record_row {
    const char *word;
    bool (*read)(struct pack *p, const struct bytes fields[FIELDS_MAX]);
};

static const struct record_row records[] = {
    { "name", read_name },   { "as-of", read_as_of },         { "image", read_image }, { "certificate", read_certificate },
    { "known", read_known }, { "sbat-date", read_sbat_date }, { "sbat", read_sbat },
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

static bool split(struct bytes line, struct bytes ret[FIELDS_MAX])
{
    for (size_t i = 0; i < FIELDS_MAX; i++) {
        size_t tab = bytes_find(line, BYTES_LIT("\t"));
        ret[i] = bytes_slice(line, 0, tab == SIZE_MAX ? line.len : tab);
        line = tab == SIZE_MAX ? BYTES_NONE : bytes_slice(line, tab + 1, line.len);
    }
    return line.len == 0;
}

static bool read_line(struct pack *p, struct bytes line)
{
    struct bytes fields[FIELDS_MAX];

    if (!line.len || line.data[0] == '#')
        return true;
    if (!split(line, fields))
        return err_set(p->err, ERR_MALFORMED, "too many fields");
    for (size_t i = 0; i < ARRAY_LEN(records); i++)
        if (bytes_equal_string(fields[0], records[i].word))
            return records[i].read(p, fields);
    return bad(p, "a known record");
}

static int compare_revocations(const void *a, const void *b)
{
    return memcmp(((const struct revocation *)a)->sha256, ((const struct revocation *)b)->sha256, 32);
}

/* Sorts, and keeps the first of equals; *n becomes smaller. Entries that are explained come before bare ones of the same digest. */
static void sort_revocations(struct revocation *list, size_t *n)
{
    size_t kept = 0;

    if (!*n)
        return;
    qsort(list, *n, sizeof *list, compare_revocations);
    for (size_t i = 0; i < *n; i++) {
        if (kept && compare_revocations(&list[kept - 1], &list[i]) == 0) {
            if (!list[kept - 1].what && list[i].what)
                list[kept - 1] = list[i];
            continue;
        }
        list[kept++] = list[i];
    }
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
}

bool reference_parse(struct arena *a, struct bytes text, struct boot_reference *ret, struct err *err)
{
    struct pack p = { .a = a, .ret = ret, .err = err };
    struct bytes line;
    size_t number = 1;

    *ret = (struct boot_reference){ 0 };
    if (!next_line(&text, &line) || !bytes_equal_string(line, "trueboot-reference 1"))
        return err_set(err, ERR_UNSUPPORTED, "not a reference data pack of version 1");
    while (next_line(&text, &line)) {
        number++;
        if (!read_line(&p, line))
            return err_within(err, "line %zu", number);
    }
    pack_finish(&p);
    return true;
}

static void write_revocations(struct writer *w, const char *word, const struct revocation *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char hex[65];
        hex_encode((struct bytes){ list[i].sha256, 32 }, hex);
        write_printf(w, "%s\t%s", word, hex);
        if (list[i].what || list[i].why)
            write_printf(w, "\t%s", list[i].what ? list[i].what : "");
        if (list[i].why)
            write_printf(w, "\t%s", list[i].why);
        write_string(w, "\n");
    }
}

void reference_write(struct writer *w, const struct boot_reference *reference)
{
    char time[CLOCK_TEXT_LEN];

    write_string(w, "trueboot-reference 1\n");
    if (reference->name)
        write_printf(w, "name\t%s\n", reference->name);
    if (reference->as_of_ms) {
        clock_format(reference->as_of_ms, time);
        write_printf(w, "as-of\t%s\n", time);
    }
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

static bool copy_revocations(struct pack *p, const struct revocation *from, size_t n, struct revocation **to, size_t *n_to,
                             size_t *capacity)
{
    for (size_t i = 0; i < n; i++)
        if (!add_revocation(p, to, n_to, capacity, &from[i]))
            return false;
    return true;
}

static bool add_entry(struct pack *p, const struct boot_key *key)
{
    struct revocation r = { .what = key->name };

    if (key->kind == KEY_IMAGE_HASH && key->data.len == 32) {
        memcpy(r.sha256, key->data.data, 32);
        return add_revocation(p, &p->images, &p->ret->n_images, &p->images_capacity, &r);
    }
    if (key->kind == KEY_CERTIFICATE && key->tbs.len)
        boot_key_tbs_sha256(key, r.sha256);
    else if (key->kind == KEY_CERTIFICATE_HASH && key->data.len == 32)
        memcpy(r.sha256, key->data.data, 32);
    else
        return true; /* other hashes: nothing that we compare */
    return add_revocation(p, &p->certificates, &p->ret->n_certificates, &p->certificates_capacity, &r);
}

bool reference_with_update(struct arena *a, const struct boot_reference *reference, const struct secure_boot_data *update, const char *name,
                           int64_t as_of_ms, struct boot_reference *ret, struct err *err)
{
    struct boot_reference made = { .name = name, .as_of_ms = as_of_ms };
    struct pack p = { .a = a, .ret = &made, .err = err };

    if (reference) {
        if (!copy_revocations(&p, reference->images, reference->n_images, &p.images, &made.n_images, &p.images_capacity) ||
            !copy_revocations(&p, reference->certificates, reference->n_certificates, &p.certificates, &made.n_certificates,
                              &p.certificates_capacity))
            return false;
        made.n_known = reference->n_known;
        made.n_sbat = reference->n_sbat;
        made.sbat_date = reference->sbat_date;
    }
    for (size_t i = 0; i < update->entries.n; i++)
        if (!add_entry(&p, &update->entries.items[i]))
            return false;
    pack_finish(&p);
    made.known = reference ? reference->known : NULL;
    made.sbat = reference ? reference->sbat : NULL;
    *ret = made;
    return true;
}

const char *reference_age(struct arena *a, const struct boot_reference *reference, int64_t now_ms)
{
    char date[CLOCK_TEXT_LEN];
    int64_t days = (now_ms - reference->as_of_ms) / (INT64_C(24) * 3600 * 1000);

    if (!reference->as_of_ms)
        return "date unknown";
    clock_format(reference->as_of_ms, date);
    return days >= 0 ? arena_printf(a, "%.10s, %lld day%s old", date, (long long)days, days == 1 ? "" : "s")
                     : arena_printf(a, "%.10s", date);
}
