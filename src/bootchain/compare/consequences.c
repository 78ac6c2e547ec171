/* One change is measured in several places, and is one thing to look at: a kernel as GRUB's file and as an image, with the initial RAM disk that is built for
 * it. The finding of which others are a part comes first, and they say so; none weighs less for it, and a person sees them all.
 *
 * Only what follows by itself is a part. What may ride along does not: another command line, a further image or initial RAM disk, another owner's key,
 * another certificate that let an image start, a file that is no menu. */
#include "bootchain/compare/comparison.h"
#include "base/deadline.h"

struct pair {
    const struct comparison *c;
    const struct said *part, *whole;
};

static bool changed(const struct said *s) { return s->was && s->is; }

static bool anyhow(const struct pair *p UNUSED) { return true; }

static bool part_changed(const struct pair *p) { return changed(p->part); }

static bool has_sections(const struct side *side)
{
    for (size_t i = 0; i < side->n; i++)
        if (side->items[i].kind == COMPONENT_UKI_SECTION && side->items[i].pcr == 11)
            return true;
    return false;
}

/* An image in register 4 stands for the file of it that the loader read; a unified one, which comes first, for the kernel that it holds. */
static bool kernel_again(const struct pair *p)
{
    const struct said *part = p->part, *whole = p->whole;

    if (!changed(part) || !changed(whole) || whole->was->pcr != 4)
        return false;
    return part->was->pcr != 4 || (whole->was->event < part->was->event && whole->is->event < part->is->event && has_sections(&p->c->was) &&
                                   has_sections(&p->c->is));
}

/* Sections and the image that holds them. */
static bool section_of_image(const struct pair *p)
{
    return changed(p->whole) && p->whole->was->pcr == 4 && (p->part->is ? p->part->is : p->part->was)->pcr == 11;
}

static bool is_measured_initrd(const struct said *s)
{
    return changed(s) && s->was->kind == COMPONENT_INITRD && s->was->n_digests && s->is->n_digests;
}

/* Past the words that name files which are measured by themselves: the kernel's, which GRUB puts first; the initial RAM disk's. Counts them. */
static const char *past_paths(const char *text, bool first, bool initrds, size_t *n)
{
    for (;; first = false, ++*n) {
        text += strspn(text, " ");
        if (!(first && (*text == '/' || *text == '(')) && !(initrds && strncmp(text, "initrd=", strlen("initrd=")) == 0))
            return text;
        text += strcspn(text, " ");
    }
}

static bool same_options(const char *was, const char *is, bool initrds)
{
    size_t n_was = 0, n_is = 0;

    for (bool first = true;; first = false) {
        size_t len;

        was = past_paths(was, first, initrds, &n_was);
        is = past_paths(is, first, initrds, &n_is);
        len = strcspn(was, " ");
        if (n_was != n_is || len != strcspn(is, " ") || strncmp(was, is, len) != 0)
            return false;
        if (!len)
            return true;
        was += len;
        is += len;
    }
}

/* A new kernel's file has another name, and its initial RAM disk, too: no option differs. */
static bool names_new_files(const struct pair *p)
{
    bool initrds = false;

    for (size_t i = 0; i < p->c->n_said; i++)
        initrds = initrds || is_measured_initrd(&p->c->said[i]);
    return changed(p->part) && p->part->was->text && p->part->is->text && same_options(p->part->was->text, p->part->is->text, initrds);
}

static bool stub_again(const struct pair *p)
{
    const struct component *part = p->part->is ? p->part->is : p->part->was, *whole = p->whole->is ? p->whole->is : p->whole->was;

    return part->pcr == 9 && whole->pcr != 9;
}

/* What a menu made GRUB do is compared command by command. By the accepted boot's word for the file. */
static bool menu_file(const struct said *s)
{
    static const char ending[] = ".cfg";
    size_t len = s->was ? strlen(s->was->key) : 0, n = strlen(ending);

    return changed(s) && s->was->kind == COMPONENT_LOADER_FILE && s->was->pcr == 9 && len >= n &&
           strcmp(s->was->key + len - n, ending) == 0;
}

static bool menu(const struct pair *p) { return menu_file(p->part) && !menu_file(p->whole); }

static bool both_missing(const struct pair *p) { return !p->part->is && !p->whole->is; }

static const struct {
    enum finding_id part, whole;
    bool (*fits)(const struct pair *p);
} rows[] = {
    { FINDING_FIRMWARE_CHANGED, FINDING_FIRMWARE_CHANGED, anyhow },
    { FINDING_SECUREBOOT_KEYS_CHANGED, FINDING_SECUREBOOT_KEYS_CHANGED, part_changed },
    { FINDING_SECUREBOOT_MOK_CHANGED, FINDING_SECUREBOOT_MOK_CHANGED, both_missing },
    { FINDING_BOOT_CHAIN_CHANGED, FINDING_BOOT_CHAIN_CHANGED, both_missing },
    { FINDING_BOOT_KERNEL_CHANGED, FINDING_BOOT_KERNEL_CHANGED, kernel_again },
    { FINDING_BOOT_INITRD_CHANGED, FINDING_BOOT_KERNEL_CHANGED, part_changed },
    { FINDING_BOOT_UKI_CHANGED, FINDING_BOOT_KERNEL_CHANGED, section_of_image },
    { FINDING_BOOT_CMDLINE_CHANGED, FINDING_BOOT_KERNEL_CHANGED, names_new_files },
    { FINDING_BOOT_CMDLINE_CHANGED, FINDING_BOOT_CMDLINE_CHANGED, stub_again },
    { FINDING_BOOT_CONFIG_CHANGED, FINDING_BOOT_KERNEL_CHANGED, menu },
    { FINDING_BOOT_CONFIG_CHANGED, FINDING_BOOT_CMDLINE_CHANGED, menu },
    { FINDING_BOOT_CONFIG_CHANGED, FINDING_BOOT_CONFIG_CHANGED, menu },
};

static struct finding *finding_of(struct comparison *c, const struct said *s) { return &c->findings->items[s->finding]; }

/* A part is no worse than the whole, and the whole is part of nothing. */
static bool is_part(struct comparison *c, const struct said *part, const struct said *whole)
{
    const struct finding *f = finding_of(c, part), *of = finding_of(c, whole);

    if (part == whole || of->follows || f->severity != SEVERITY_MEDIUM || of->severity != SEVERITY_MEDIUM)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].part == f->id && rows[i].whole == of->id && rows[i].fits(&(struct pair){ c, part, whole }))
            return true;
    return false;
}

/* The finding of this kind that is part of nothing; NULL: all of them are part of something. */
static const struct finding *lead_of(struct comparison *c, const struct finding_kind *kind, const struct finding **ret_any)
{
    *ret_any = NULL;
    for (size_t i = 0; i < c->n_said; i++) {
        const struct finding *f = finding_of(c, &c->said[i]);

        if (finding_kind(f->id) != kind)
            continue;
        if (!f->follows)
            return f;
        *ret_any = f;
    }
    return NULL;
}

bool consequences_mark(struct comparison *c)
{
    for (size_t i = 0; i < c->n_said; i++) {
        if (!DEADLINE_EVERY(i, 16, "comparing two boots", c->err))
            return false;
        for (size_t k = 0; k < c->n_said && !finding_of(c, &c->said[i])->follows; k++) {
            bool alike = finding_of(c, &c->said[i])->id == finding_of(c, &c->said[k])->id;

            if (is_part(c, &c->said[i], &c->said[k]) && (!alike || k < i || !is_part(c, &c->said[k], &c->said[i])))
                finding_of(c, &c->said[i])->follows = finding_kind(finding_of(c, &c->said[k])->id);
        }
    }
    for (size_t i = 0; i < c->n_said; i++) { /* part of a part: part of the whole */
        struct finding *f = finding_of(c, &c->said[i]);
        const struct finding *any;

        if (f->follows && !lead_of(c, f->follows, &any) && any)
            f->follows = any->follows;
    }
    return true;
}
