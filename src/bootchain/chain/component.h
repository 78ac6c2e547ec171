/* bootchain/chain/component.h: a boot as a list of components: what a baseline remembers and what two boots are compared by.
 *
 * A component is one thing that was measured (a firmware volume, a key list, an image, a command line, …), plain data that
 * can be stored and read back: nothing in it points into a log. Only what an explained, quoted register proves becomes a component.
 * Which step a component plays is its (phase, kind, key); `key` is stable from boot to boot of the same image and differs where
 * a person would say "another thing". What it *is*, is its digests. Names and labels are words for people and never decide. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "crypto/digest.h"
#include "findings/finding.h"

/*    name                slug                     phase                 register by which it is usually measured, in words */
#define COMPONENT_KINDS(X)                                                                         \
    X(CRTM_VERSION, "crtmVersion", FIRMWARE, "firmware version")                                   \
    X(FIRMWARE_CODE, "firmwareCode", FIRMWARE, "firmware volume")                                  \
    X(FIRMWARE_SHAPE, "firmwareShape", FIRMWARE, "firmware volume that holds the machine's shape") \
    X(FIRMWARE_DATA, "firmwareData", FIRMWARE, "firmware tables")                                  \
    X(FIRMWARE_CONFIG, "firmwareConfig", FIRMWARE, "firmware setting")                             \
    X(BOOT_ORDER, "bootOrder", FIRMWARE, "order of boot entries")                                  \
    X(BOOT_ENTRY, "bootEntry", FIRMWARE, "boot entry")                                             \
    X(OPTION_ROM, "optionRom", FIRMWARE, "option ROM or driver")                                   \
    X(SECURE_BOOT_STATE, "secureBootState", SECURE_BOOT_POLICY, "Secure Boot switch")              \
    X(SECURE_BOOT_KEYS, "secureBootKeys", SECURE_BOOT_POLICY, "Secure Boot keys")                  \
    X(REVOCATIONS, "revocations", SECURE_BOOT_POLICY, "revocation list")                           \
    X(AUTHORITY, "authority", SECURE_BOOT_POLICY, "certificate that let an image start")           \
    X(POLICY_OTHER, "policyOther", SECURE_BOOT_POLICY, "Secure Boot policy")                       \
    X(MOK, "machineOwnerKeys", SECURE_BOOT_POLICY, "machine owner keys")                           \
    X(SHIM_STATE, "shimState", SECURE_BOOT_POLICY, "shim's validation switch")                     \
    X(SBAT_LEVEL, "sbatLevel", SECURE_BOOT_POLICY, "SBAT revocation level")                        \
    X(BOOT_ATTEMPT, "bootAttempt", LOADER, "boot attempt")                                         \
    X(FIRMWARE_APP, "firmwareApplication", LOADER, "program inside the firmware")                  \
    X(LOADER, "loader", LOADER, "boot loader")                                                     \
    X(GPT, "partitionTable", LOADER, "partition table")                                            \
    X(KERNEL, "kernel", OS, "kernel")                                                              \
    X(INITRD, "initrd", OS, "initial RAM disk")                                                    \
    X(COMMAND_LINE, "commandLine", OS, "kernel command line")                                      \
    X(LOADER_COMMAND, "loaderCommand", OS, "boot loader command")                                  \
    X(LOADER_FILE, "loaderFile", OS, "file read by the boot loader")                               \
    X(LOADER_STATE, "loaderState", OS, "boot loader's saved state")                                \
    X(UKI_SECTION, "ukiSection", OS, "section of the unified kernel image")                        \
    X(OS_SETTING, "osSetting", OS, "operating system's boot setting")                              \
    X(USER_SPACE, "userSpace", OS, "user-space measurement")                                       \
    X(APPLICATION, "application", OS, "application register")                                      \
    X(OTHER, "other", OS, "other measurement")

enum component_kind {
#define X(name, slug, phase, words) COMPONENT_##name,
    COMPONENT_KINDS(X)
#undef X
        COMPONENT_KIND_COUNT
};

/* What a baseline says about the component. A list read from a log has COMPONENT_EXPECTED everywhere; who edits a baseline
 * (approval, prediction, an operator) uses the others. */
enum component_accepts {
    COMPONENT_EXPECTED,    /* this content; when nothing of the same (kind, key) has it, that is a deviation */
    COMPONENT_ALTERNATIVE, /* this content will do in place of another of the same (kind, key); its absence is none */
    COMPONENT_ANY,         /* any content under this (kind, key), or none; explicit consent to a hole in the chain, too */
};

struct component {
    enum component_kind kind;
    enum phase phase;
    enum component_accepts accepts;
    int pcr;
    int64_t event;                /* number in the joined log of the boot that it was read from */
    const char *key;              /* role; safe to show; never NULL */
    const char *name;             /* in words, safe to show; never NULL */
    const char *text;             /* proved text (command line, loader command), safe to show; or NULL */
    const char *signer;           /* proved subject of the certificate that vouched for it, or NULL */
    size_t n_digests;             /* 0 only for a hole: a step of which nothing is measured */
    const struct digest *digests; /* what was extended, by bank, strongest first; no algorithm twice */
    struct bytes members;         /* key and revocation lists: 32 bytes each, ascending: SHA-256 of type GUID and entry; else empty */
    uint32_t revision;            /* a monotone number where one is measured (SBAT date, dbx entries), else 0 */
};

struct component_list {
    size_t n;
    const struct component *items; /* in the order of the log */
};

const char *component_kind_slug(enum component_kind kind);
const char *component_kind_words(enum component_kind kind);
enum phase component_kind_phase(enum component_kind kind);
MUST_CHECK bool component_kind_from_text(struct bytes slug, enum component_kind *ret);
const char *component_accepts_slug(enum component_accepts accepts); /* "expected", "alternative", "any" */
MUST_CHECK bool component_accepts_from_text(struct bytes slug, enum component_accepts *ret);

/* The component's digest in one bank, or NULL. */
const struct digest *component_digest(const struct component *c, enum digest_algorithm algorithm);
/* component_same_content: true when every bank that both know agrees and there is at least one such bank, or both are holes. */
bool component_same_content(const struct component *a, const struct component *b);
/* component_comparable: there is a bank that both know (or one is a hole). */
bool component_comparable(const struct component *a, const struct component *b);
/* component_digest_text is "sha256:…" of the strongest bank, in the arena; "-" for a hole; NULL: no memory. */
const char *component_digest_text(struct arena *a, const struct component *c);
