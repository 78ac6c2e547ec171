#include "eventlog/ima/list.h"
#include "base/deadline.h"
#include "base/hex.h"
#include "base/reader.h"
#include "base/writer.h"

enum { SHA1_LEN = 20, MAX_NAME = 255 /* IMA_EVENT_NAME_LEN_MAX */, MAX_TEMPLATE_NAME = 64, MIN_ENTRY = 24 };

/* clang-format off */
static const struct {
    const char *name, *fields, *words;
    enum ima_template template;
} templates[] = {
    { "ima",        "d|n",                              "file (SHA-1)",                       IMA_TEMPLATE_IMA },
    { "ima-ng",     "d-ng|n-ng",                        "file",                               IMA_TEMPLATE_NG },
    { "ima-ngv2",   "d-ngv2|n-ng",                      "file",                               IMA_TEMPLATE_NGV2 },
    { "ima-sig",    "d-ng|n-ng|sig",                    "file with signature",                IMA_TEMPLATE_SIG },
    { "ima-sigv2",  "d-ngv2|n-ng|sig",                  "file with signature",                IMA_TEMPLATE_SIGV2 },
    { "ima-buf",    "d-ng|n-ng|buf",                    "data of the kernel",                 IMA_TEMPLATE_BUF },
    { "ima-modsig", "d-ng|n-ng|sig|d-modsig|modsig",    "file with appended signature",       IMA_TEMPLATE_MODSIG },
    { "evm-sig",    "d-ng|n-ng|evmsig|xattrnames|xattrlengths|xattrvalues|iuid|igid|imode", "file with its attributes' signature",
                                                                                              IMA_TEMPLATE_EVM_SIG },
};
/* clang-format on */

const char *ima_template_text(enum ima_template template)
{
    for (size_t i = 0; i < ARRAY_LEN(templates); i++)
        if (templates[i].template == template)
            return templates[i].words;
    return "entry of an unknown template";
}

/* A template is a list of fields; a name that is no template's may be such a list itself. */
static struct bytes fields_of(struct bytes name, enum ima_template *ret)
{
    *ret = IMA_TEMPLATE_OTHER;
    for (size_t i = 0; i < ARRAY_LEN(templates); i++)
        if (bytes_equal_string(name, templates[i].name)) {
            *ret = templates[i].template;
            return bytes_of_string(templates[i].fields);
        }
    return bytes_find(name, BYTES_LIT("|")) != SIZE_MAX ? name : BYTES_NONE;
}

static bool next_field(struct bytes *fields, struct bytes *ret)
{
    size_t n = bytes_find(*fields, BYTES_LIT("|"));

    if (fields->len == 0)
        return false;
    *ret = bytes_slice(*fields, 0, n);
    *fields = n == SIZE_MAX ? BYTES_NONE : bytes_slice(*fields, n + 1, fields->len);
    return true;
}

/* "sha256:" NUL digest; d-ngv2 has "ima:" or "verity:" in front. */
static void take_digest(struct bytes value, struct bytes *ret_name, struct bytes *ret_digest)
{
    size_t nul = bytes_find(value, (struct bytes){ (const uint8_t *)"", 1 });
    struct bytes name = bytes_slice(value, 0, nul), rest;

    if (nul == SIZE_MAX || nul == 0 || name.data[nul - 1] != ':') {
        *ret_name = BYTES_NONE;
        *ret_digest = value;
        return;
    }
    name.len--;
    rest = name;
    for (size_t colon; (colon = bytes_find(rest, BYTES_LIT(":"))) != SIZE_MAX;)
        rest = bytes_slice(rest, colon + 1, rest.len);
    *ret_name = rest;
    *ret_digest = bytes_slice(value, nul + 1, value.len);
}

static struct bytes without_nul(struct bytes b) { return b.len && b.data[b.len - 1] == 0 ? bytes_slice(b, 0, b.len - 1) : b; }

static void set_field(struct ima_entry *entry, struct bytes field, struct bytes value)
{
    struct bytes ignored;

    if (bytes_equal_string(field, "d-ng") || bytes_equal_string(field, "d-ngv2")) {
        take_digest(value, &entry->file_algorithm_name, &entry->file_digest);
        entry->file_algorithm = digest_from_name(entry->file_algorithm_name);
        if (digest_len(entry->file_algorithm) != entry->file_digest.len)
            entry->file_algorithm = DIGEST_NONE;
    } else if (bytes_equal_string(field, "n-ng")) {
        entry->name = without_nul(value);
    } else if (bytes_equal_string(field, "sig") || bytes_equal_string(field, "evmsig")) {
        entry->signature = value;
    } else if (bytes_equal_string(field, "buf")) {
        entry->buffer = value;
    } else if (bytes_equal_string(field, "d-modsig")) {
        take_digest(value, &ignored, &entry->modsig_digest);
    } else if (bytes_equal_string(field, "modsig")) {
        entry->modsig = value;
    }
}

/* u32le length and value for each field, and nothing behind the last one. */
static bool split_template_data(struct ima_entry *entry, struct bytes fields)
{
    struct reader r = reader_over(entry->template_data);
    struct bytes field, value;

    while (next_field(&fields, &field)) {
        if (!read_u32le_prefixed(&r, &value))
            return false;
        set_field(entry, field, value);
    }
    return reader_done(&r);
}

bool ima_entry_digest(const struct ima_entry *entry, enum digest_algorithm algorithm, struct digest *ret)
{
    static const uint8_t zeros[MAX_NAME + 1];

    if (algorithm == DIGEST_NONE || entry->template_data.len == 0)
        return false;
    if (entry->template == IMA_TEMPLATE_IMA) {
        struct bytes parts[] = { entry->file_digest, entry->name, { zeros, MAX_NAME + 1 - entry->name.len } };
        digest_compute_parts(algorithm, parts, ARRAY_LEN(parts), ret);
        return true;
    }
    digest_compute(algorithm, entry->template_data, ret);
    return true;
}

static void finish_entry(struct ima_entry *entry, enum digest_algorithm list_digest)
{
    struct digest digest;

    entry->violation = bytes_are_all(entry->template_digest, 0);
    entry->proved =
        !entry->violation && ima_entry_digest(entry, list_digest, &digest) && bytes_equal(digest_bytes(&digest), entry->template_digest);
}

/* Template "ima" has no length of its own: 20 bytes of digest, u32le length, name. */
static bool read_legacy_data(struct reader *r, struct ima_entry *entry)
{
    struct bytes whole = r->rest;

    if (!read_bytes(r, SHA1_LEN, &entry->file_digest) || !read_u32le_prefixed(r, &entry->name) || entry->name.len > MAX_NAME)
        return false;
    entry->file_algorithm = DIGEST_SHA1;
    entry->file_algorithm_name = BYTES_LIT("sha1");
    entry->template_data = bytes_slice(whole, 0, whole.len - r->rest.len);
    return true;
}

static bool read_binary_entry(struct reader *r, enum digest_algorithm list_digest, struct ima_entry *entry, struct err *err)
{
    struct bytes fields;
    size_t at = r->offset;

    if (!read_u32le(r, &entry->pcr) || !read_bytes(r, digest_len(list_digest), &entry->template_digest))
        return err_set(err, ERR_TRUNCATED, "entry's header at offset %zu", at);
    if (!read_u32le_prefixed(r, &entry->template_name))
        return err_set(err, ERR_TRUNCATED, "template's name at offset %zu", r->offset);
    if (entry->pcr >= LIMIT_PCRS || entry->template_name.len == 0 || entry->template_name.len > MAX_TEMPLATE_NAME)
        return err_set(err, ERR_MALFORMED, "no entry of an IMA list at offset %zu", at);
    fields = fields_of(entry->template_name, &entry->template);
    if (entry->template == IMA_TEMPLATE_IMA)
        return read_legacy_data(r, entry) ? true : err_set(err, ERR_TRUNCATED, "template data at offset %zu", r->offset);
    if (!read_u32le_prefixed(r, &entry->template_data))
        return err_set(err, ERR_TRUNCATED, "template data at offset %zu", r->offset);
    if (fields.len && !split_template_data(entry, fields))
        return err_set(err, ERR_MALFORMED, "fields of the entry at offset %zu do not fit", at);
    return true;
}

static const enum digest_algorithm list_digests[] = { DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512 };

/* The kernel's per-bank lists have that bank's digest in each entry: which one shows by where a template's name stands. */
static enum digest_algorithm detect_list_digest(struct bytes input)
{
    for (size_t i = 0; i < ARRAY_LEN(list_digests); i++) {
        struct reader r = reader_over(input);
        struct bytes name;
        if (read_skip(&r, 4 + digest_len(list_digests[i])) && read_u32le_prefixed(&r, &name) && name.len <= MAX_TEMPLATE_NAME &&
            (bytes_starts_with(name, BYTES_LIT("ima")) || bytes_starts_with(name, BYTES_LIT("evm")) ||
             bytes_find(name, BYTES_LIT("|")) != SIZE_MAX))
            return list_digests[i];
    }
    return DIGEST_SHA1;
}

static bool next_binary(struct ima_cursor *c, struct ima_entry *entry, bool *ret_there, struct err *err)
{
    struct reader r = { c->rest, c->offset };

    if (!read_binary_entry(&r, c->list_digest, entry, err)) {
        err_within(err, "IMA entry %u", c->n);
        c->truncated = err->code == ERR_TRUNCATED;
        *ret_there = false;
        return c->truncated;
    }
    c->rest = r.rest;
    c->offset = r.offset;
    return true;
}

/* One word of an ascii line; they are separated by one space, and may be empty. */
static struct bytes next_word(struct bytes *line)
{
    size_t n = bytes_find(*line, BYTES_LIT(" "));
    struct bytes word = bytes_slice(*line, 0, n);

    *line = n == SIZE_MAX ? BYTES_NONE : bytes_slice(*line, n + 1, line->len);
    return word;
}

/* The binary value of one field from its ascii form. */
static bool write_field(struct arena *a, struct bytes field, struct bytes word, struct writer *w, struct err *err)
{
    struct bytes hex = word, value;
    size_t colon = SIZE_MAX;

    if (bytes_equal_string(field, "n-ng")) {
        write_u32le(w, (uint32_t)word.len + 1);
        write_bytes(w, word);
        write_u8(w, 0);
        return true;
    }
    if (field.len && field.data[0] == 'd')
        for (size_t i = 0; i < word.len; i++)
            colon = word.data[i] == ':' ? i : colon;
    if (colon != SIZE_MAX)
        hex = bytes_slice(word, colon + 1, word.len);
    if (!hex_decode(a, hex, &value, err))
        return false;
    write_u32le(w, (uint32_t)(value.len + (colon == SIZE_MAX ? 0 : colon + 2)));
    if (colon != SIZE_MAX) {
        write_bytes(w, bytes_slice(word, 0, colon + 1));
        write_u8(w, 0);
    }
    write_bytes(w, value);
    return true;
}

static bool read_ascii_fields(struct arena *a, struct bytes fields, struct bytes line, struct ima_entry *entry, struct err *err)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct bytes all = fields, field;

    while (next_field(&fields, &field))
        if (!write_field(a, field, next_word(&line), &w, err))
            return false;
    if (!writer_ok(&w) || !arena_copy(a, writer_bytes(&w), &entry->template_data))
        return err_set(err, ERR_NO_MEMORY, "no memory for an IMA entry");
    return split_template_data(entry, all) ? true : err_set(err, ERR_MALFORMED, "fields do not fit");
}

static bool read_ascii_legacy(struct arena *a, struct bytes line, struct ima_entry *entry, struct err *err)
{
    struct bytes digest = next_word(&line);

    if (!hex_decode(a, digest, &entry->file_digest, err))
        return false;
    if (entry->file_digest.len != SHA1_LEN || line.len > MAX_NAME)
        return err_set(err, ERR_MALFORMED, "a SHA-1 digest and a file name are expected");
    entry->file_algorithm = DIGEST_SHA1;
    entry->file_algorithm_name = BYTES_LIT("sha1");
    entry->name = line;
    entry->template_data = entry->file_digest; /* not empty: ima_entry_digest() hashes digest and name */
    return true;
}

static bool read_pcr(struct bytes word, uint32_t *ret)
{
    uint32_t value = 0;

    for (size_t i = 0; i < word.len; i++) {
        if (word.data[i] < '0' || word.data[i] > '9' || value >= LIMIT_PCRS)
            return false;
        value = value * 10 + (word.data[i] - '0');
    }
    *ret = value;
    return word.len > 0 && value < LIMIT_PCRS;
}

static bool read_ascii_entry(struct arena *a, struct bytes line, struct ima_entry *entry, struct err *err)
{
    struct bytes fields;

    while (line.len && line.data[0] == ' ')
        (void)next_word(&line);
    if (!read_pcr(next_word(&line), &entry->pcr))
        return err_set(err, ERR_MALFORMED, "the line does not begin with a register number");
    if (!hex_decode(a, next_word(&line), &entry->template_digest, err))
        return err_within(err, "template digest");
    entry->template_name = next_word(&line);
    fields = fields_of(entry->template_name, &entry->template);
    if (entry->template == IMA_TEMPLATE_IMA)
        return read_ascii_legacy(a, line, entry, err);
    return fields.len == 0 || read_ascii_fields(a, fields, line, entry, err);
}

static enum digest_algorithm list_digest_of(size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(list_digests); i++)
        if (digest_len(list_digests[i]) == len)
            return list_digests[i];
    return DIGEST_NONE;
}

static bool next_ascii(struct ima_cursor *c, struct arena *a, struct ima_entry *entry, bool *ret_there, struct err *err)
{
    size_t end = bytes_find(c->rest, BYTES_LIT("\n"));

    if (end == SIZE_MAX) {
        c->truncated = true;
        *ret_there = false;
        (void)err_set(err, ERR_TRUNCATED, "IMA line %u has no end", c->n + 1);
        return true;
    }
    if (!read_ascii_entry(a, bytes_slice(c->rest, 0, end), entry, err))
        return err_within(err, "IMA line %u", c->n + 1);
    if (c->n == 0)
        c->list_digest = list_digest_of(entry->template_digest.len);
    if (c->list_digest == DIGEST_NONE || entry->template_digest.len != digest_len(c->list_digest))
        return err_set(err, ERR_MALFORMED, "IMA line %u: a template digest of %zu bytes", c->n + 1, entry->template_digest.len);
    c->rest = bytes_slice(c->rest, end + 1, c->rest.len);
    c->offset += end + 1;
    return true;
}

/* Binary lists begin with a register number in little-endian: no digit, no space. */
static bool is_ascii(struct bytes input) { return input.len && (input.data[0] == ' ' || (input.data[0] >= '0' && input.data[0] <= '9')); }

bool ima_begin(struct bytes input, struct ima_cursor *ret, struct err *err)
{
    if (input.len > LIMIT_IMA_BYTES)
        return err_set(err, ERR_LIMIT, "an IMA list of more than %d bytes", LIMIT_IMA_BYTES);
    *ret = (struct ima_cursor){ .rest = input, .ascii = is_ascii(input), .list_digest = DIGEST_SHA1 };
    if (!ret->ascii)
        ret->list_digest = detect_list_digest(input);
    return true;
}

bool ima_next(struct ima_cursor *cursor, struct arena *a, struct ima_entry *ret, bool *ret_there, struct err *err)
{
    *ret = (struct ima_entry){ .number = cursor->n };
    *ret_there = cursor->rest.len > 0 && !cursor->truncated;
    if (!*ret_there)
        return true;
    if (!DEADLINE_EVERY(cursor->n, 1024, "reading an IMA list", err))
        return false;
    if (!(cursor->ascii ? next_ascii(cursor, a, ret, ret_there, err) : next_binary(cursor, ret, ret_there, err)))
        return false;
    if (!*ret_there)
        return true;
    if (cursor->n == LIMIT_IMA_ENTRIES)
        return err_set(err, ERR_LIMIT, "more than %d IMA entries", LIMIT_IMA_ENTRIES);
    finish_entry(ret, cursor->list_digest);
    cursor->n++;
    return true;
}

static size_t count_lines(struct bytes input)
{
    size_t n = 0;

    for (size_t i = 0; i < input.len; i++)
        n += input.data[i] == '\n';
    return n;
}

/* How many binary entries there are, without looking into them; an upper bound that the input pays for. */
static size_t count_entries(struct ima_cursor c)
{
    struct ima_entry entry;
    struct err err = ERR_INIT;
    bool there = true;
    size_t n = 0;

    for (; c.rest.len; n++) {
        entry = (struct ima_entry){ 0 };
        if (!next_binary(&c, &entry, &there, &err) || !there)
            break;
    }
    return n;
}

bool ima_parse(struct arena *a, struct bytes input, struct ima_list *ret, struct err *err)
{
    struct ima_list list = { .n = 0 };
    struct ima_cursor c;
    bool there = true;
    size_t n;

    if (!ima_begin(input, &c, err))
        return false;
    n = c.ascii ? count_lines(input) : count_entries(c);
    if (n > LIMIT_IMA_ENTRIES)
        return err_set(err, ERR_LIMIT, "more than %d IMA entries", LIMIT_IMA_ENTRIES);
    list.entries = ARENA_ARRAY(a, n, struct ima_entry);
    if (!list.entries)
        return err_set(err, ERR_NO_MEMORY, "no memory for %zu IMA entries", n);
    while (list.n < n) {
        if (!ima_next(&c, a, &list.entries[list.n], &there, err))
            return false;
        if (!there)
            break;
        list.n++;
    }
    if (list.n == n && c.rest.len) { /* what is left is no whole entry, or none at all */
        struct ima_entry left;
        if (!ima_next(&c, a, &left, &there, err))
            return false;
    }
    list.ascii = c.ascii;
    list.list_digest = c.list_digest;
    list.truncated = c.truncated;
    if (c.truncated)
        list.err = *err;
    *ret = list;
    return true;
}
