/* bootchain/chain/walk.h: the state of one walk over a replayed log. For the files of this folder only; each knows one part of a boot. */
#pragma once
#include "bootchain/chain/chain.h"
#include "eventlog/replay/replay.h"

enum {
    KNOWN_LINES_MAX = 1024, /* texts that a kernel's EFI stub may have been given */
    ENTRY_PATHS_MAX = 512,
};

/* A proved text that a kernel's EFI stub may have been given. */
struct known_line {
    struct digest digest; /* in the strongest quoted bank, as the stub would measure it */
    struct bytes raw;     /* UTF-16LE of a boot entry */
    struct bytes plain;   /* the text in UTF-8 as the stub got it; like `text` to be made from raw while that is NULL */
    const char *text;     /* safe to show */
    const char *path;     /* the file that the boot entry starts; "" for others */
    size_t entry;         /* the boot entry's event */
};

/* An event of register 9 of which the text, if it has one, was not known when it came. */
struct unread_event {
    size_t event, component; /* indices */
    bool is_options;         /* its label says that it is a stub's command line: it is counted as unresolved */
};

/* One event of the walk. */
struct step {
    size_t i;
    const struct event *event;
    const struct event_mark *mark;
    int pcr;
    bool early; /* before the register's separator */
};

struct walk {
    struct arena *a;
    const struct replayed_log *log;
    const struct eventlog *events;
    const struct boot_reference *reference;
    struct findings *findings;
    struct bootchain *chain;
    struct err *err;

    size_t n_banks;
    enum digest_algorithm banks[LIMIT_PCR_BANKS]; /* quoted, strongest first */

    struct component *components;
    size_t n_components, components_capacity;
    struct component spare; /* takes what LIMIT_COMPONENTS leaves out */
    size_t n_left_out;
    int64_t first_left_out;
    struct boot_image *images; /* image_component[i]: the component of images[i] */
    size_t *image_component;
    size_t n_images, images_capacity;
    struct boot_authority *authorities;
    size_t n_authorities, authorities_capacity;
    struct known_line *lines;
    size_t n_lines, lines_capacity;
    struct unread_event *unread;
    size_t n_unread, unread_capacity;
    const char **entry_paths; /* device paths of proved boot entries */
    size_t n_entry_paths, entry_paths_capacity;

    /* firmware */
    unsigned n_volumes, n_unnamed[LIMIT_PCRS];

    /* Secure Boot policy */
    int64_t secure_boot_event;
    unsigned n_secure_boot; /* proved SecureBoot variables before the separator */
    bool shim_seen;         /* something that only shim measures */
    unsigned n_trusted;     /* switches of register 14 that are on and called MokListTrusted */
    unsigned n_policies;    /* and MokPolicy */
    unsigned n_db_states;   /* and MokDBState */
    bool sbat_seen;
    const struct sbat_requirement *sbat_below; /* the first whose accepted generation is too low; NULL none */
    uint32_t sbat_accepted;                    /* that generation; 0: any */

    /* images: where PCR 4's actions say that we are */
    size_t n_firmware_apps; /* named so far, among the images that stayed */
    bool early_image;       /* an image before the separator that did not come back */
    bool calling;           /* between "Calling …" and "Returning …", both proved */
    size_t call_first_image;
    unsigned n_boot_images; /* after the separator: started by the boot manager, or by what it started */
    bool grub_seen, limine_seen, systemd_boot_seen, uki_seen, stub_seen;
    int64_t first_grub_event, first_uki_event;

    /* command lines and initrd */
    bool initrd_command; /* a proved GRUB command loaded one */
    bool initrd_event;   /* a stub's event that is not a command line in disguise */
    bool load_options_seen, load_options_resolved, stub_names_initrd, uki_initrd;
    bool kernel_command, grub_line;   /* proved in register 8 */
    bool two_lines, two_kernels;      /* different ones: which one counts nothing says */
    bool limine_module;               /* Limine was told to load an initramfs; proved in register 8 */
    bool module_command, unmeasuring; /* a multiboot module was loaded; GRUB was told to stop measuring */
    int64_t unmeasuring_event;
    const char *last_command; /* the last GRUB command's text, safe to show; NULL: none yet */
    struct bytes pending;     /* what the last loading command handed over, until the kernel's own line says the same */
    int64_t pending_event;
    const char *profile; /* a number that is called a unified kernel image's profile; "1" before any other */
    int64_t profile_event;
    bool line_names_initrd;  /* a proved command line names a file for the EFI stub to load */
    unsigned n_other_in_9;   /* events of register 9 of which nothing is known but a name */
    bool loader_line;        /* a boot loader measured the text of a command line, in register 8 or 12 */
    unsigned n_lonely_names; /* names of a UKI's sections that no section followed */
    int64_t lonely_name_event;
    int open_section; /* enum uki_section: its name came last */
    int64_t open_section_event;
    unsigned n_unresolved_options; /* command lines given to a stub of which no text is known */
    int64_t unresolved_options_event;
    unsigned n_unproved_commands;
    bool grub_unproved; /* one of them in register 8 */
    int64_t first_unproved_command;
    int first_unproved_pcr;
    const char *first_unproved_title;
    unsigned n_esxi_modules;  /* unproved events of register 12 that have the form of ESXi's modules */
    bool esxi_line;           /* register 14 proves a command line in ESXi's form */
    unsigned n_uboot_kernels; /* unproved events of register 8 that are called as U-Boot calls the kernel */
    bool uboot_initrd;
    unsigned n_platform_settings; /* proved texts in register 1; the last one: */
    struct step platform_setting;
    size_t platform_setting_component;
    unsigned n_unproved_os; /* events of registers 11 to 14 of which only the digest is known */
    int64_t first_unproved_os;
    int first_unproved_os_pcr;
    unsigned n_boundaries[LIMIT_PCRS]; /* trust boundaries of Windows, by register */
    bool os_events[LIMIT_PCRS];        /* the register has an explained event that is no separator */
};

static inline bool step_proved(const struct step *s) { return s->mark->proof == PROOF_PROVED; }

/* walk_add appends a component with the event's digests. NULL when memory is out (w->err says so); `key` and `name` may be NULL from a
 * failed arena_printf. The pointer holds until the next walk_add. Past LIMIT_COMPONENTS it is a spare one that nobody reads. */
MUST_CHECK struct component *walk_add(struct walk *w, const struct step *s, enum component_kind kind, const char *key, const char *name);
/* Whether the components are full: then this one is counted as left out, and its words need not be made. */
bool walk_leaves_out(struct walk *w, const struct step *s);
/* The same for something computed from proved bytes: its digest is SHA-256 of `content`. */
MUST_CHECK struct component *walk_add_computed(struct walk *w, const struct step *s, enum component_kind kind, const char *key,
                                               const char *name, struct bytes content);
/* The event's digests in the quoted banks. */
MUST_CHECK bool walk_digests(struct walk *w, const struct event *event, size_t *ret_n, const struct digest **ret);
/* walk_grow makes room for one more; false: no memory (w->err). */
MUST_CHECK bool walk_grow(struct walk *w, void *array, size_t n, size_t *capacity, size_t element_size);
bool walk_no_memory(struct walk *w);
/* A key for the n-th thing of its type in a register: "config:EV_HANDOFF_TABLES:2". */
const char *walk_numbered_key(struct walk *w, const struct step *s, const char *prefix);
const char *walk_title(struct walk *w, const struct step *s);

/* The parts. False: w->err is set. */
MUST_CHECK bool firmware_step(struct walk *w, const struct step *s); /* registers 0, 1, 2, 3, 6 */
MUST_CHECK bool policy_step(struct walk *w, const struct step *s);   /* 7 */
/* SetupMode, AuditMode, DeployedMode: some firmware puts them into register 1. */
struct uefi_variable;
void policy_mode(struct walk *w, const struct step *s, const struct uefi_variable *v);
MUST_CHECK bool shim_step(struct walk *w, const struct step *s);   /* 14 */
MUST_CHECK bool image_step(struct walk *w, const struct step *s);  /* 4; and images in 2 */
MUST_CHECK bool disk_step(struct walk *w, const struct step *s);   /* 5 */
MUST_CHECK bool loader_step(struct walk *w, const struct step *s); /* 8, 9, 11, 12, 13, 15 */
MUST_CHECK bool user_space_step(struct walk *w, const struct step *s);
MUST_CHECK bool user_space_finish(struct walk *w);
MUST_CHECK bool windows_step(struct walk *w, const struct step *s, bool *ret_taken); /* 11–14 */

MUST_CHECK bool limine_step(struct walk *w, const struct step *s, bool *ret_taken); /* 8, 9 */
/* uki.c: sections of a unified kernel image (11), and the number of its profile (12). */
MUST_CHECK bool uki_step(struct walk *w, const struct step *s);
bool uki_is_profile(const struct step *s);
MUST_CHECK bool uki_profile(struct walk *w, const struct step *s);
void uki_finish(struct walk *w);
/* uboot.c: what U-Boot's bootm measures. */
bool uboot_is_kernel(const struct step *s);
bool uboot_is_initrd(const struct step *s);
/* Right after the event's component was added. */
void uboot_watch_settings(struct walk *w, const struct step *s);
/* After the last event: whether it started the kernel; and then the command line. */
bool uboot_ran(const struct walk *w);
MUST_CHECK bool uboot_finish(struct walk *w);
/* stub.c: register 9 as a kernel's EFI stub measures it. */
MUST_CHECK bool stub_remember_option(struct walk *w, const struct step *s, struct bytes raw, const char *path);
MUST_CHECK bool stub_remember_measured(struct walk *w, const struct step *s, struct bytes plain, const char *shown);
/* GRUB's `linux`, which puts "BOOT_IMAGE=" in front, and its `chainloader`, which does not. */
MUST_CHECK bool stub_remember_grubs(struct walk *w, struct bytes text, const char *shown);
MUST_CHECK bool stub_remember_chained(struct walk *w, struct bytes text, const char *shown);
MUST_CHECK bool stub_step(struct walk *w, const struct step *s, bool *ret_taken);
MUST_CHECK bool stub_finish(struct walk *w);
/* Boot entries of the kernel, where nothing else says what it was told. */
MUST_CHECK bool stub_entries(struct walk *w);
enum initrd_state stub_initrd(struct walk *w);
/* A proved kernel command line: the fact, and what is dangerous in it. */
/* What the loader calls the kernel; NULL: no memory. */
MUST_CHECK bool loader_kernel(struct walk *w, const char *name);
void loader_command_line(struct walk *w, const struct step *s, struct bytes text, const char *shown);

/* A proved text of register 8 that its label calls something else may be GRUB's command to measure no more. */
void loader_watch_command(struct walk *w, const struct step *s, struct bytes text);

/* Registers 12 and 14: whether ESXi's loader may have run. */
void loader_watch_esxi(struct walk *w, const struct step *s);

/* After the last event: what needs to know them all. */
MUST_CHECK bool images_finish(struct walk *w);
MUST_CHECK bool loader_finish(struct walk *w);
/* The findings that hold without a baseline. */
MUST_CHECK bool standing_findings(struct walk *w);
/* revoked.c: what lists of revocations say: parts of the standing findings. */
void revoked_images(struct walk *w);
void revoked_signers(struct walk *w);
void revocations_missing(struct walk *w);
