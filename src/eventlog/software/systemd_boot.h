/* eventlog/software/systemd_boot.h: what systemd-boot, systemd-stub (UKI) and the Linux EFI stub measure.
 *
 *   register 11  systemd-stub: each section of the UKI twice: its name (ASCII with NUL), then its content. The data is the name
 *                in UTF-16 both times, so only the first one is proved by itself; the second one's digest is the section's.
 *                lanzaboote (NixOS) writes the names without their NUL
 *   register 12  systemd-boot and systemd-stub: command line (UTF-16), credentials, add-ons
 *   register 13  systemd-stub: system extensions
 *   register 9   Linux EFI stub: tagged events (PFP 10.4.2) whose digest is that of the command line (UTF-16 with NUL) or of the initramfs
 *   register 5   systemd-boot: loader.conf (tagged event)
 *   register 1   systemd-boot and systemd-stub since 261: SMBIOS structures (tagged events), behind the firmware's separator */
#pragma once
#include "eventlog/log/log.h"

/* Tagged event: TCG_PCClientTaggedEvent. */
struct tagged_event {
    uint32_t id;
    struct bytes content;
};

/* False when the data is not exactly one tagged event. */
MUST_CHECK bool tagged_event_parse(struct bytes data, struct tagged_event *ret);

/* clang-format off */
/*    name            tag          what the digest is of */
#define LOADER_TAGS(X)                                                                          \
    X(LOAD_OPTIONS,   0x8f3b22edu, "command line given to the kernel's EFI stub")               \
    X(INITRD,         0x8f3b22ecu, "initial RAM disk")                                          \
    X(LOADER_CONF,    0xf5bc582au, "systemd-boot's loader.conf")                                \
    X(DEVICETREE,     0x6c46f751u, "device tree that the loader added")                         \
    X(INITRD_ADDON,   0x49dffe0fu, "initial RAM disk that the loader added")                    \
    X(UCODE_ADDON,    0xdac08e1au, "microcode that the loader added")                           \
    X(UKI_PROFILE,    0x13aed6dbu, "profile of the unified kernel image")                       \
    X(SMBIOS_SYSTEM,  0xd5cb7cbcu, "system's description (SMBIOS type 1)")                      \
    X(SMBIOS_BOARD,   0xe0d47bc8u, "board's description (SMBIOS type 2)")                       \
    X(SMBIOS_STRINGS, 0xc0b3bd23u, "vendor's strings (SMBIOS type 11)")
/* clang-format on */

enum loader_tag {
    LOADER_TAG_NONE,
#define X(name, tag, words) LOADER_TAG_##name,
    LOADER_TAGS(X)
#undef X
};

/* A label: which of the above an EV_EVENT_TAG says it is. */
enum loader_tag loader_tag_of(const struct event *event);
const char *loader_tag_text(enum loader_tag tag);

/* clang-format off */
/*    name       section      in plain words */
#define UKI_SECTIONS(X)                                        \
    X(LINUX,     ".linux",    "Linux kernel")                   \
    X(OSREL,     ".osrel",    "operating system's description") \
    X(CMDLINE,   ".cmdline",  "kernel command line")            \
    X(INITRD,    ".initrd",   "initial RAM disk")               \
    X(UCODE,     ".ucode",    "processor microcode")            \
    X(SPLASH,    ".splash",   "splash image")                   \
    X(DTB,       ".dtb",      "device tree")                    \
    X(UNAME,     ".uname",    "kernel version")                 \
    X(SBAT,      ".sbat",     "SBAT data")                      \
    X(PCRPKEY,   ".pcrpkey",  "public key for PCR signatures")  \
    X(PROFILE,   ".profile",  "profile")                        \
    X(DTBAUTO,   ".dtbauto",  "automatic device tree")          \
    X(HWIDS,     ".hwids",    "hardware ids")                   \
    X(EFIFW,     ".efifw",    "firmware update")
/* clang-format on */

enum uki_section {
    UKI_SECTION_NONE,
#define X(name, section, words) UKI_SECTION_##name,
    UKI_SECTIONS(X)
#undef X
};

/* Which section an event's data names: UTF-16, with or without a NUL. */
enum uki_section uki_section_of(struct bytes data);
const char *uki_section_name(enum uki_section section); /* ".linux" */
const char *uki_section_text(enum uki_section section); /* "Linux kernel" */

/* Text measured by systemd-boot and stubs in register 12: UTF-16LE, as it is in UTF-8, or safe to show. NULL: no memory or not UTF-16. */
MUST_CHECK char *loader_utf16_raw(struct arena *a, struct bytes data);
MUST_CHECK char *loader_utf16_text(struct arena *a, struct bytes data);
