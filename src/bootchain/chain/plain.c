#include "bootchain/chain/plain.h"
#include "base/writer.h"
#include "bootchain/chain/cmdline.h"

enum {
    WORDS_MAX = 512, /* more words than a command line has that a person reads */
    LOADERS_SHOWN = 8,
};

struct words {
    size_t n;
    struct bytes *items;
};

static bool split(struct arena *a, const char *text, struct words *ret)
{
    struct bytes rest = bytes_of_string(text), word, name, value;

    *ret = (struct words){ 0, ARENA_ARRAY(a, WORDS_MAX, struct bytes) };
    if (!ret->items)
        return false;
    while (cmdline_next(&rest, &word, &name, &value)) {
        if (ret->n == WORDS_MAX)
            return false;
        ret->items[ret->n++] = word;
    }
    return true;
}

/* The words of `some` that `all` lacks, each once more than there; in the order of `some`. */
static char *missing_words(struct arena *a, const struct words *some, const struct words *all)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    bool *used = ARENA_ARRAY(a, all->n ? all->n : 1, bool);

    if (!used)
        return NULL;
    for (size_t i = 0; i < some->n; i++) {
        size_t k = 0;
        while (k < all->n && (used[k] || !bytes_equal(some->items[i], all->items[k])))
            k++;
        if (k < all->n) {
            used[k] = true;
            continue;
        }
        write_string(&w, w.len ? " " : "");
        write_bytes(&w, some->items[i]);
    }
    return writer_ok(&w) ? arena_string(a, writer_bytes(&w)) : NULL;
}

bool plain_cmdline_diff(struct arena *a, const char *was, const char *is, struct cmdline_diff *ret)
{
    struct words before, after;
    char *added, *removed;
    bool same_order;

    if (!split(a, was, &before) || !split(a, is, &after))
        return false;
    same_order = before.n == after.n;
    for (size_t i = 0; same_order && i < before.n; i++)
        same_order = bytes_equal(before.items[i], after.items[i]);
    added = missing_words(a, &after, &before);
    removed = missing_words(a, &before, &after);
    if (!added || !removed)
        return false;
    *ret = (struct cmdline_diff){ .added = added, .removed = removed, .reordered = !same_order && !added[0] && !removed[0] };
    return true;
}

const char *plain_file_name(struct arena *a, const char *path)
{
    const char *name = path;

    for (const char *c = path; *c; c++)
        if ((*c == '/' || *c == '\\') && c[1])
            name = c + 1;
    return arena_printf(a, "%s", name);
}

const char *plain_boot_flow(enum boot_flow flow)
{
    static const char *const words[] = {
        [BOOT_FLOW_UNKNOWN] = "an unknown way",
        [BOOT_FLOW_GRUB] = "GRUB",
        [BOOT_FLOW_LIMINE] = "Limine",
        [BOOT_FLOW_SYSTEMD_BOOT] = "systemd-boot",
        [BOOT_FLOW_UKI] = "a unified kernel image",
        [BOOT_FLOW_EFI_STUB] = "the kernel's own EFI stub",
        [BOOT_FLOW_DIRECT] = "the hypervisor (direct kernel boot)",
        [BOOT_FLOW_WINDOWS] = "Windows Boot Manager",
        [BOOT_FLOW_UBOOT] = "U-Boot",
    };

    return words[(size_t)flow < ARRAY_LEN(words) ? flow : BOOT_FLOW_UNKNOWN];
}

const char *plain_initrd(enum initrd_state state)
{
    static const char *const words[] = {
        [INITRD_UNKNOWN] = "not known",
        [INITRD_NONE] = "none",
        [INITRD_MEASURED] = "measured",
        [INITRD_UNMEASURED] = "not measured",
    };

    return words[(size_t)state < ARRAY_LEN(words) ? state : INITRD_UNKNOWN];
}

static bool has_loader(const struct bootchain *chain, const char *words)
{
    for (size_t i = 0; i < chain->n_images; i++)
        if (chain->images[i].role == IMAGE_LOADER && strncmp(chain->images[i].name, words, strlen(words)) == 0)
            return true;
    return false;
}

const char *plain_boot_summary(struct arena *a, const struct bootchain *chain)
{
    const char *shim = has_loader(chain, "shim") && chain->flow != BOOT_FLOW_WINDOWS ? "shim and " : "";

    if (chain->flow == BOOT_FLOW_WINDOWS)
        return "Windows through Windows Boot Manager";
    if (chain->flow == BOOT_FLOW_UNKNOWN && !chain->kernel)
        return "unknown";
    if (chain->flow == BOOT_FLOW_UKI && chain->kernel) /* it is what was booted, and the way */
        return arena_printf(a, "Linux in the unified kernel image %s%s", chain->kernel, shim[0] ? " through shim" : "");
    return arena_printf(a, "Linux %s through %s%s", chain->kernel ? chain->kernel : "(unnamed)", shim, plain_boot_flow(chain->flow));
}

static const char *firmware_summary(struct arena *a, const struct bootchain *chain)
{
    size_t roms = 0;

    for (size_t i = 0; i < chain->components.n; i++)
        roms += chain->components.items[i].kind == COMPONENT_OPTION_ROM;
    return arena_printf(a, "Firmware version %s; %zu option ROM%s or driver%s", chain->crtm_version ? chain->crtm_version : "not stated",
                        roms, roms == 1 ? "" : "s", roms == 1 ? "" : "s");
}

static const char *generation_words(const struct bootchain *chain)
{
    if (chain->ms_2011 == FACT_YES)
        return chain->ms_2023 == FACT_YES ? " (Microsoft keys of 2011 and 2023)" : " (Microsoft keys of 2011)";
    return chain->ms_2023 == FACT_YES ? " (Microsoft keys of 2023)" : "";
}

static bool named_before(const struct bootchain *chain, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (chain->authorities[k].key.name && strcmp(chain->authorities[k].key.name, chain->authorities[i].key.name) == 0)
            return true;
    return false;
}

static const char *policy_summary(struct arena *a, const struct bootchain *chain)
{
    static const char *const states[] = { "Secure Boot state not proved", "Secure Boot off", "Secure Boot on" };
    const char *text = arena_printf(a, "%s%s", states[chain->secure_boot], generation_words(chain));
    size_t shown = 0;

    for (size_t i = 0; text && i < chain->n_authorities && shown < 4; i++)
        if (chain->authorities[i].key.name && !named_before(chain, i))
            text = arena_printf(a, "%s%s%s", text, shown++ ? ", " : "; authorised by ", chain->authorities[i].key.name);
    if (text && chain->sbat_date)
        text = arena_printf(a, "%s; SBAT level %u", text, (unsigned)chain->sbat_date);
    return text;
}

static const char *loader_summary(struct arena *a, const struct bootchain *chain)
{
    const char *text = "";
    size_t loaders = 0;

    for (size_t i = 0; text && i < chain->n_images; i++)
        if ((chain->images[i].role == IMAGE_LOADER || chain->images[i].role == IMAGE_UKI) && loaders++ < LOADERS_SHOWN)
            text = ARENA_JOIN(a, text, text[0] ? ", then " : "", chain->images[i].name);
    if (text && loaders > LOADERS_SHOWN)
        text = arena_printf(a, "%s, and %zu more", text, loaders - LOADERS_SHOWN);
    return text && !text[0] ? "No boot loader was measured" : text;
}

static const char *os_summary(struct arena *a, const struct bootchain *chain)
{
    if (chain->flow == BOOT_FLOW_WINDOWS)
        return "Windows";
    return arena_printf(a, "Kernel %s; command line %s%s%s; initial RAM disk %s", chain->kernel ? chain->kernel : "unknown",
                        chain->command_line ? "\"" : "not proved", chain->command_line ? chain->command_line : "",
                        chain->command_line ? "\"" : "", plain_initrd(chain->initrd));
}

const char *plain_phase_summary(struct arena *a, const struct bootchain *chain, enum phase phase)
{
    switch (phase) {
    case PHASE_FIRMWARE:
        return firmware_summary(a, chain);
    case PHASE_SECURE_BOOT_POLICY:
        return policy_summary(a, chain);
    case PHASE_LOADER:
        return loader_summary(a, chain);
    case PHASE_OS:
        return os_summary(a, chain);
    default:
        return "";
    }
}
