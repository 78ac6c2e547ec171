/* What revocation lists say about a boot: the machine's own dbx, and the one that we know (attack-suite.md 4.5, B1 to B3). */
#include "bootchain/chain/revoked.h"
#include <strings.h>
#include "base/clock.h"
#include "bootchain/chain/keys.h"
#include "bootchain/chain/walk.h"

/* ---- images ---- */

/* What was measured and may have been an image. */
struct suspect {
    int pcr;
    int64_t event;
    const char *name;
    size_t n_digests;
    const struct digest *digests;
};

/* Without the quoted bank in which the lists name images, what the log says of that bank is believed, for it can only make things worse. */
static bool unquoted_digest(const struct walk *w, const struct suspect *x, struct digest *ret)
{
    struct bytes value = BYTES_NONE;

    for (size_t i = 0; i < x->n_digests; i++)
        if (x->digests[i].algorithm == DIGEST_SHA256)
            return false;
    if (x->event >= 0)
        value = event_digest(w->events, &w->events->events[x->event], DIGEST_SHA256);
    if (value.len != digest_len(DIGEST_SHA256))
        return false;
    ret->algorithm = DIGEST_SHA256;
    memcpy(ret->value, value.data, value.len);
    return true;
}

static const struct revocation *known_image(const struct walk *w, const struct suspect *x)
{
    const struct revocation *found = NULL;

    for (size_t i = 0; i < x->n_digests && !found; i++)
        found = reference_find_image(w->reference, digest_bytes(&x->digests[i]));
    return found;
}

static const char *words_of(struct walk *w, const struct revocation *known)
{
    const char *words = revocation_words(w->a, known);

    return words ? words : "listed";
}

/* An image that only a publisher's notes call vulnerable is one that firmware will start for good reasons, too: no verdict, but said. */
static void known_to_be_bad(struct walk *w, const struct suspect *x, const struct revocation *known)
{
    struct finding *f =
        findings_add(w->findings, FINDING_BOOT_REVOKED_IMAGE, x->pcr, x->event, "%s ran; it is revoked: %s.", x->name, words_of(w, known));

    if (known->list == REVOKED_BY_ADVICE)
        f->severity = SEVERITY_MEDIUM;
}

static void look_up(struct walk *w, const struct suspect *x)
{
    const struct revocation *known = known_image(w, x);
    struct digest unquoted;
    struct suspect as_logged = *x;

    if (!known && unquoted_digest(w, x, &unquoted)) {
        as_logged.digests = &unquoted;
        as_logged.n_digests = 1;
        x = &as_logged;
        known = known_image(w, x);
    }

    if (boot_keys_find_image(&w->chain->dbx, x->digests, x->n_digests))
        findings_add(w->findings, FINDING_BOOT_REVOKED_IMAGE, x->pcr, x->event, "%s ran, and the machine's own dbx forbids it%s%s.",
                     x->name, known ? ": " : "", known ? words_of(w, known) : "");
    else if (known)
        known_to_be_bad(w, x, known);
}

/* The firmware's own code and drivers: that an event is about an image only its type says, which no digest covers; the digest tells. */
static bool is_firmware_code(const struct component *c) { return (c->pcr == 0 || c->pcr == 2) && c->n_digests; }

static bool lists_name_images(const struct walk *w)
{
    bool any = w->reference && w->reference->n_images;

    for (size_t i = 0; i < w->chain->dbx.n && !any; i++)
        any = w->chain->dbx.items[i].kind == KEY_IMAGE_HASH;
    return any;
}

/* Whoever quotes chooses the banks. */
static void could_not_look_up(struct walk *w)
{
    if (w->n_boot_images && lists_name_images(w) && !pcr_find(replayed_quoted(w->log), DIGEST_SHA256, 4))
        findings_add(w->findings, FINDING_BOOT_REVOCATIONS_UNCHECKED, 4, FINDING_NO_EVENT,
                     "Register 4 is not quoted in bank sha256, in which revocation lists name images: none could be looked up.");
}

void revoked_images(struct walk *w)
{
    could_not_look_up(w);
    for (size_t i = 0; i < w->chain->n_images; i++) {
        const struct boot_image *image = &w->chain->images[i];
        if (image->pcr == 4)
            look_up(w, &(struct suspect){ image->pcr, image->event, image->name, image->n_digests, image->digests });
    }
    for (size_t i = 0; i < w->n_components; i++) {
        const struct component *c = &w->components[i];
        if (is_firmware_code(c))
            look_up(w, &(struct suspect){ c->pcr, c->event, c->name, c->n_digests, c->digests });
    }
}

/* ---- signers ---- */

/* A revocation from a date on (UEFI 2.10, 32.4.1): what was signed and timestamped before it may run, and nothing measured says when
 * this image was signed. */
static void from_a_date_on(struct walk *w, const struct boot_authority *authority, const char *list, int64_t signed_after_ms)
{
    char date[CLOCK_TEXT_LEN];
    struct finding *f;

    clock_format(signed_after_ms, date);
    f = findings_add(w->findings, FINDING_BOOT_REVOKED_SIGNER, 7, authority->event,
                     "%s authorised an image, and %s forbids what it signed after %.10s; nothing measured says when the image was signed.",
                     authority->key.name, list, date);
    f->severity = SEVERITY_LOW;
}

static void revoked_signer(struct walk *w, const struct boot_authority *authority)
{
    const struct boot_key *own = boot_keys_find_certificate(&w->chain->dbx, &authority->key);
    const struct revocation *known = reference_find_certificate(w->reference, authority->key.tbs);

    if (own && !own->signed_after_ms)
        findings_add(w->findings, FINDING_BOOT_REVOKED_SIGNER, 7, authority->event,
                     "%s authorised an image, and the machine's own dbx forbids it%s%s.", authority->key.name, known ? ": " : "",
                     known ? words_of(w, known) : "");
    else if (known && !known->signed_after_ms)
        findings_add(w->findings, FINDING_BOOT_REVOKED_SIGNER, 7, authority->event, "%s authorised an image; it is revoked: %s.",
                     authority->key.name, words_of(w, known));
    else if (own)
        from_a_date_on(w, authority, "the machine's own dbx", own->signed_after_ms);
    else if (known)
        from_a_date_on(w, authority, w->reference->name ? w->reference->name : "the reference data", known->signed_after_ms);
}

void revoked_signers(struct walk *w)
{
    for (size_t i = 0; i < w->chain->n_authorities; i++)
        if (w->chain->authorities[i].key.kind == KEY_CERTIFICATE)
            revoked_signer(w, &w->chain->authorities[i]);
}

/* ---- what the machine's own list lacks ---- */

/* Entries of dbx that are no digests but the lowest version of a Windows boot manager that may run: 01, a GUID, minor and major version
 * (u16le), zeros. They replace each other, and are the owner's choice. */
enum { SVN_LEN = 32, SVN_NAME = 17, SVN_ZEROS_AT = 21 };

static bool is_svn(const uint8_t *entry)
{
    return entry[0] == 1 && !bytes_are_all((struct bytes){ entry + 1, SVN_NAME - 1 }, 0) &&
           bytes_are_all((struct bytes){ entry + SVN_ZEROS_AT, SVN_LEN - SVN_ZEROS_AT }, 0);
}

static unsigned svn_version(const uint8_t *entry)
{
    return (unsigned)(entry[19] | entry[20] << 8) << 16 | (unsigned)(entry[17] | entry[18] << 8);
}

/* The lowest version that the machine's dbx asks of the same program; NULL: it asks none. */
static const uint8_t *own_svn(const struct boot_keys *dbx, const uint8_t *entry)
{
    const uint8_t *best = NULL;

    for (size_t i = 0; i < dbx->n; i++) {
        const struct boot_key *key = &dbx->items[i];
        if (key->kind == KEY_IMAGE_HASH && key->data.len == SVN_LEN && is_svn(key->data.data) &&
            memcmp(key->data.data, entry, SVN_NAME) == 0 && (!best || svn_version(key->data.data) > svn_version(best)))
            best = key->data.data;
    }
    return best;
}

/* Counts the list of one architecture, entries of unknown architecture included. */
static struct dbx_tally count(const struct boot_reference *reference, const struct boot_keys *dbx, struct bytes members,
                              unsigned architecture)
{
    struct dbx_tally t = { 0 };

    for (size_t i = 0; i < reference->n_images; i++) {
        const struct revocation *r = &reference->images[i];
        const uint8_t *own;
        if (r->list != REVOKED_BY_DBX || r->len != 32 || (r->architectures && !(r->architectures >> architecture & 1)))
            continue;
        if (is_svn(r->digest)) {
            own = own_svn(dbx, r->digest);
            t.svn_behind += own && svn_version(own) < svn_version(r->digest);
            continue;
        }
        t.listed++;
        t.missing += !members_have(members, r->digest);
    }
    return t;
}

bool dbx_compare(struct arena *a, const struct boot_reference *reference, const struct boot_keys *dbx, enum architecture architecture,
                 struct dbx_tally *ret, struct err *err)
{
    struct dbx_tally best;
    struct bytes members;

    if (!boot_keys_members(a, dbx, &members, err))
        return false;
    best = count(reference, dbx, members, architecture < ARCHITECTURE_COUNT ? architecture : ARCHITECTURE_X64);
    for (unsigned i = 0; architecture == ARCHITECTURE_COUNT && i < ARCHITECTURE_COUNT; i++) {
        struct dbx_tally t = count(reference, dbx, members, i);
        size_t have = t.listed - t.missing, best_has = best.listed - best.missing;
        if (have > best_has || (!best.listed && t.listed))
            best = t;
    }
    *ret = best;
    return true;
}

static bool ends_in_any_case(const char *path, const char *end)
{
    size_t len = strlen(path), n = strlen(end);

    return len >= n && strcasecmp(path + len - n, end) == 0;
}

/* By what the images are called, \EFI\BOOT\BOOTX64.EFI and such: labels, but nothing better than an age depends on it. */
static enum architecture architecture_of(const struct bootchain *chain)
{
    static const char *const ends[] = {
#define X(name, word, file) file,
        ARCHITECTURES(X)
#undef X
    };

    for (size_t i = 0; i < chain->n_images; i++)
        for (unsigned k = 0; k < ARRAY_LEN(ends); k++)
            if (ends_in_any_case(chain->images[i].path, ends[k]))
                return (enum architecture)k;
    return ARCHITECTURE_COUNT;
}

static void dbx_is_old(struct walk *w)
{
    const struct boot_reference *reference = w->reference;
    const char *name = reference->name ? reference->name : "the reference data";
    struct err ignored = ERR_INIT;
    struct dbx_tally t;

    if (!w->chain->dbx.measured || !dbx_compare(w->a, reference, &w->chain->dbx, architecture_of(w->chain), &t, &ignored))
        return;
    if (t.missing)
        findings_add(w->findings, FINDING_SECUREBOOT_DBX_OLD, 7, w->chain->dbx.event,
                     "%zu of the %zu revocations of \"%s\" are not in this machine's dbx.", t.missing, t.listed, name);
    else if (t.svn_behind)
        findings_add(w->findings, FINDING_SECUREBOOT_DBX_OLD, 7, w->chain->dbx.event,
                     "This machine's dbx lets older Windows boot managers run than \"%s\" does.", name);
}

void revocations_missing(struct walk *w)
{
    const struct boot_reference *reference = w->reference;

    if (!reference)
        return;
    dbx_is_old(w);
    /* A level that still accepts what is revoked is a hole (attack-suite.md B3); one that is merely not the newest is age. */
    if (w->sbat_below)
        findings_add(w->findings, FINDING_SBAT_OLD, 7, FINDING_NO_EVENT,
                     "The SBAT level (%u) still accepts generation %u of %s; below %u it is revoked.", (unsigned)w->chain->sbat_date,
                     w->sbat_accepted ? (unsigned)w->sbat_accepted : 1, w->sbat_below->component, (unsigned)w->sbat_below->generation)
            ->severity = SEVERITY_MEDIUM;
    else if (w->sbat_seen && reference->sbat_date && w->chain->sbat_date < reference->sbat_date)
        findings_add(w->findings, FINDING_SBAT_OLD, 7, FINDING_NO_EVENT, "The SBAT level is of %u; %u is current.",
                     (unsigned)w->chain->sbat_date, (unsigned)reference->sbat_date);
}
