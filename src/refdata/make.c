#include "refdata/make.h"
#include <strings.h>
#include "base/clock.h"
#include "base/reader.h"
#include "base/utf8.h"
#include "bootchain/chain/keys.h"
#include "bootchain/chain/secure_boot_data.h"
#include "bootchain/reference/join.h"
#include "eventlog/software/shim.h"
#include "refdata/notes.h"
#include "refdata/seal.h"
#include "refdata/shim_image.h"
#include "x509/cert.h"

/* SHA-256 of nothing: packagers enrol it so that a dbx exists. It forbids no image. */
static const uint8_t placeholder[32] = { 0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
                                         0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55 };

static bool no_memory(struct err *err) { return err_set(err, ERR_NO_MEMORY, "no memory for reference data"); }

/* What is known so far is not forgotten when the next file turns out to be broken: *m changes at the end. */
static bool join(struct refdata_making *m, struct boot_reference *one, const char *words, int64_t as_of_ms, struct err *err)
{
    struct reference_source *source = ARENA_NEW(m->a, struct reference_source);

    if (!words || !source)
        return no_memory(err);
    *source = (struct reference_source){ as_of_ms, words };
    one->sources = source;
    one->n_sources = 1;
    return reference_join(m->a, &m->made, one, &m->made, err);
}

/* ---- lists ---- */

/* Each architecture has a list of its own, and only the file's name says which. */
static uint8_t architecture_in(const char *name)
{
    static const struct {
        const char *word;
        enum architecture architecture;
    } words[] = { { "amd64", ARCHITECTURE_X64 },     { "x64", ARCHITECTURE_X64 },         { "x86_64", ARCHITECTURE_X64 },
                  { "arm64", ARCHITECTURE_AARCH64 }, { "aarch64", ARCHITECTURE_AARCH64 }, { "aa64", ARCHITECTURE_AARCH64 },
                  { "x86", ARCHITECTURE_IA32 },      { "ia32", ARCHITECTURE_IA32 },       { "i386", ARCHITECTURE_IA32 },
                  { "arm", ARCHITECTURE_ARM } };

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        for (const char *c = name; *c; c++)
            if (strncasecmp(c, words[i].word, strlen(words[i].word)) == 0)
                return (uint8_t)(1u << words[i].architecture);
    return 0;
}

static bool is_placeholder(const struct boot_key *key)
{
    return key->kind == KEY_IMAGE_HASH && bytes_equal(key->data, BYTES_OF(placeholder));
}

bool refdata_take_keys(struct refdata_making *m, const struct boot_keys *keys, enum revocation_list list, uint8_t architectures,
                       const char *words, int64_t as_of_ms, struct err *err)
{
    struct boot_reference one;

    if (keys->n == 1 && is_placeholder(&keys->items[0]))
        return true;
    return boot_keys_reference(m->a, keys, list, architectures, &one, err) && join(m, &one, words, as_of_ms, err);
}

static bool take_signed_list(struct refdata_making *m, struct bytes file, const char *name, struct err *err)
{
    struct secure_boot_data list;
    const char *signer;

    if (!secure_boot_data_parse(m->a, file, &list, err) || !secure_boot_data_verify(m->a, &list, "dbx", NULL, 0, &signer, err) ||
        !refdata_take_keys(m, &list.entries, REVOKED_BY_DBX, architecture_in(name), arena_printf(m->a, "%s, signed by %s", name, signer),
                           m->as_of_ms, err))
        return false;
    m->signer = signer;
    return true;
}

static bool take_lists(struct refdata_making *m, struct bytes file, const char *name, struct err *err)
{
    struct boot_keys keys;

    if (!boot_keys_read(m->a, file, NULL, &keys, err) || !keys.n)
        return err_set(err, ERR_UNSUPPORTED,
                       "neither a signed change of dbx nor a data pack, descriptions, shim, an SBAT level or signature lists");
    return refdata_take_keys(m, &keys, REVOKED_BY_DBX, architecture_in(name), name, m->as_of_ms, err);
}

static bool take_notes(struct refdata_making *m, struct bytes file, const char *name UNUSED, struct err *err)
{
    struct boot_reference notes;

    if (!revocation_notes_parse(m->a, file, &notes, err) || !reference_join(m->a, &m->notes, &notes, &m->notes, err))
        return false;
    m->has_notes = true;
    return true;
}

static bool take_pack(struct refdata_making *m, struct bytes file, const char *name, struct err *err)
{
    struct boot_reference one;
    struct bytes body;

    (void)seal_is_there(file, &body);
    return reference_parse(m->a, body, &one, err) && join(m, &one, one.name ? one.name : name, one.as_of_ms, err);
}

/* ---- SBAT ---- */

static int64_t date_of(uint32_t sbat_date)
{
    int year = (int)(sbat_date / 1000000), month = (int)(sbat_date / 10000 % 100), day = (int)(sbat_date / 100 % 100);

    return year >= 1970 && month >= 1 && month <= 12 && day >= 1 && day <= 31 ? clock_days_from_date(year, month, day) * INT64_C(86400000)
                                                                              : 0;
}

static bool read_level(struct arena *a, struct bytes text, struct boot_reference *ret, struct err *err)
{
    struct sbat_level level;
    struct sbat_requirement *required;
    uint64_t date = 0;

    if (!sbat_level_parse(a, text, &level, err))
        return false;
    required = ARENA_ARRAY(a, level.n, struct sbat_requirement);
    if (!required)
        return no_memory(err);
    *ret = (struct boot_reference){ .sbat = required };
    for (size_t i = 0; i < level.n; i++) {
        if (bytes_equal_string(level.entries[i].component, "sbat"))
            continue;
        required[ret->n_sbat].component = arena_string(a, level.entries[i].component);
        required[ret->n_sbat].generation = level.entries[i].generation;
        if (!required[ret->n_sbat++].component)
            return no_memory(err);
    }
    for (size_t i = 0; i < level.date.len && date <= UINT32_MAX; i++)
        date = level.date.data[i] >= '0' && level.date.data[i] <= '9' ? date * 10 + (uint64_t)(level.date.data[i] - '0') : UINT64_MAX;
    if (date <= UINT32_MAX)
        ret->sbat_date = (uint32_t)date;
    return true;
}

static bool take_level(struct refdata_making *m, struct bytes file, const char *name, struct err *err)
{
    struct boot_reference one;

    return read_level(m->a, file, &one, err) && join(m, &one, name, date_of(one.sbat_date), err);
}

/* Of the two levels only the first is asked of machines: it is what they have when all is well. */
static bool take_shim(struct refdata_making *m, struct bytes file, const char *name, struct err *err)
{
    struct boot_reference level, latest;
    struct shim_image shim;
    struct boot_keys keys;

    if (!shim_image_parse(file, &shim, err))
        return false;
    if (shim.automatic.len) {
        if (!read_level(m->a, shim.automatic, &level, err) || !read_level(m->a, shim.latest, &latest, err) ||
            !join(m, &level,
                  arena_printf(m->a, "SBAT level %u of %s (which can enforce %u)", (unsigned)level.sbat_date, name,
                               (unsigned)latest.sbat_date),
                  date_of(level.sbat_date), err))
            return false;
    }
    if (!shim.vendor_dbx.len)
        return true;
    return boot_keys_read(m->a, shim.vendor_dbx, NULL, &keys, err) &&
           refdata_take_keys(m, &keys, REVOKED_BY_SHIM, 0, arena_printf(m->a, "the vendor's revocation list in %s", name), 0, err);
}

/* ---- certificates ---- */

bool refdata_forbid(struct refdata_making *m, struct bytes file, const char *name, struct err *err)
{
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct revocation *r = ARENA_NEW(m->a, struct revocation);
    struct boot_reference one = { .certificates = r, .n_certificates = 1 };
    struct digest d;

    if (!r)
        return no_memory(err);
    if (!cert_parse_any(file, &cert, err))
        return false;
    digest_compute(DIGEST_SHA256, cert->tbs, &d);
    memcpy(r->digest, d.value, 32);
    r->len = 32;
    r->what = text_for_people(m->a, cert->common_name);
    return join(m, &one, text_for_people(m->a, bytes_of_string(name)), 0, err);
}

bool refdata_know(struct refdata_making *m, struct bytes file, int generation, struct err *err)
{
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct known_certificate *k = ARENA_NEW(m->a, struct known_certificate);
    struct boot_reference one = { .known = k, .n_known = 1 };

    if (!k)
        return no_memory(err);
    if (!cert_parse_any(file, &cert, err))
        return false;
    memcpy(k->sha256, cert->sha256, sizeof k->sha256);
    k->generation = generation;
    k->name = text_for_people(m->a, cert->common_name);
    if (!k->name)
        return no_memory(err);
    if (!*k->name)
        return err_set(err, ERR_UNSUPPORTED, "a certificate without a common name");
    return reference_join(m->a, &m->made, &one, &m->made, err);
}

/* ---- files ---- */

static bool is_pack(struct bytes file) { return bytes_starts_with(file, BYTES_LIT("trueboot-reference ")); }
static bool is_image(struct bytes file) { return bytes_starts_with(file, BYTES_LIT("MZ")); }
static bool is_level(struct bytes file) { return bytes_starts_with(file, BYTES_LIT("sbat,")); }
static bool is_anything(struct bytes file UNUSED) { return true; }

static bool is_signed_list(struct bytes file) /* WIN_CERT_TYPE_EFI_GUID, behind EFI_TIME and a length */
{
    return bytes_equal(bytes_slice(file, 20, 4), BYTES_LIT("\x00\x02\xf1\x0e"));
}

static const struct kind_row {
    bool (*is)(struct bytes file);
    bool vouched; /* only where somebody does */
    bool (*take)(struct refdata_making *m, struct bytes file, const char *name, struct err *err);
} kinds[] = {
    { is_signed_list, false, take_signed_list },
    { revocation_notes_are, false, take_notes },
    { is_pack, true, take_pack },
    { is_image, true, take_shim },
    { is_level, true, take_level },
    { is_anything, true, take_lists },
};

bool refdata_take(struct refdata_making *m, struct bytes file, const char *name, struct err *err)
{
    const char *shown = text_for_people(m->a, bytes_of_string(name));

    if (!shown)
        return no_memory(err);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (kinds[i].is(file)) {
            if (kinds[i].vouched && !m->vouched)
                return err_set(
                    err, ERR_UNTRUSTED,
                    "neither a signed change of dbx nor a signed data pack; to use it all the same, make a pack of it and sign that: "
                    "`trueboot data pack`");
            if (!kinds[i].take(m, file, shown, err))
                return false;
            m->n_taken++;
            return true;
        }
    return false;
}

/* Lists carry no date. The latest entry of one says how old it is at most. */
static bool date_sources(struct refdata_making *m, struct boot_reference *made, struct err *err)
{
    struct reference_source *sources = ARENA_ARRAY(m->a, made->n_sources, struct reference_source);
    const char *latest = NULL;
    int64_t ms = 0;

    if (!sources)
        return no_memory(err);
    for (size_t i = 0; i < made->n_images; i++)
        if (made->images[i].list == REVOKED_BY_DBX && made->images[i].since && (!latest || strcmp(made->images[i].since, latest) > 0))
            latest = made->images[i].since;
    if (!latest || !clock_parse(bytes_of_string(arena_printf(m->a, "%sT00:00:00Z", latest)), &ms))
        return true;
    for (size_t i = 0; i < made->n_sources; i++) {
        sources[i] = made->sources[i];
        if (!sources[i].as_of_ms && strstr(sources[i].words, ", signed by "))
            sources[i].as_of_ms = ms;
    }
    made->sources = sources;
    return true;
}

bool refdata_made(struct refdata_making *m, struct boot_reference *ret, struct err *err)
{
    struct boot_reference made = m->made;

    if (m->has_notes && !reference_describe(m->a, &made, &m->notes, &made, err))
        return false;
    if (m->has_notes && m->advice && !reference_join(m->a, &made, &m->notes, &made, err))
        return false;
    if (m->has_notes && !date_sources(m, &made, err))
        return false;
    *ret = made;
    return true;
}
