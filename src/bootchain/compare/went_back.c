/* Revocations only grow: what an accepted boot had revoked stays revoked, whichever other boot is accepted beside it. */
#include "bootchain/chain/keys.h"
#include "bootchain/compare/comparison.h"

static const struct component *same_thing(const struct boot_record *boot, const struct component *wanted)
{
    for (size_t i = 0; i < boot->components.n; i++)
        if (boot->components.items[i].kind == wanted->kind && same_role(&boot->components.items[i], wanted))
            return &boot->components.items[i];
    return NULL;
}

static void report(struct findings *findings, enum finding_id id, enum severity severity, const struct component *was,
                   const struct component *is, const char *sentence)
{
    struct finding *f = findings_add(findings, id, is->pcr, is->event, "%s", sentence ? sentence : is->name);

    f->severity = severity;
    finding_was_is(findings, f, was->name, is->name);
}

static void compare_lists(struct arena *a, const struct component *was, int64_t version, const struct component *is,
                          struct findings *findings)
{
    size_t missing = members_missing(was->members, is->members);

    if (missing)
        report(findings, FINDING_SECUREBOOT_DBX_SHRUNK, SEVERITY_HIGH, was, is,
               arena_printf(a, "The dbx lacks %zu entr%s of the newer boot that is accepted as version %lld.", missing,
                            missing == 1 ? "y" : "ies", (long long)version));
}

/* Levels with a number of their own: SBAT's date, Windows' revocation lists. A boot that measures none (another loader) is behind nothing. */
static void compare_levels(struct arena *a, const struct component *was, int64_t version, const struct component *is,
                           struct findings *findings)
{
    bool sbat = was->kind == COMPONENT_SBAT_LEVEL;

    if (is->revision < was->revision)
        report(findings, sbat ? FINDING_SBAT_CHANGED : FINDING_BOOT_CONFIG_CHANGED, SEVERITY_MEDIUM, was, is,
               arena_printf(a, "%s is behind that of the newer boot that is accepted as version %lld.", sbat ? "The SBAT level" : is->name,
                            (long long)version));
}

void bootchain_went_back(struct arena *a, const struct boot_record *newer, int64_t version, const struct boot_record *now,
                         struct findings *findings)
{
    for (size_t i = 0; i < newer->components.n; i++) {
        const struct component *was = &newer->components.items[i], *is = same_thing(now, was);

        if (is && was->kind == COMPONENT_REVOCATIONS)
            compare_lists(a, was, version, is, findings);
        else if (is && was->revision && (was->kind == COMPONENT_SBAT_LEVEL || was->kind == COMPONENT_OS_SETTING))
            compare_levels(a, was, version, is, findings);
    }
}
