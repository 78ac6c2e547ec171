/* bootchain/compare/comparison.h: a comparison of two boots under way: compare.c matches, deviation.c and commands.c put what is left into
 * words. For this folder only. */
#pragma once
#include "bootchain/compare/compare.h"

/* One side of the comparison. */
struct side {
    const struct component *items;
    size_t n;
    bool *done;           /* matched, or dealt with */
    struct place *places; /* every digest, for finding equal content */
    size_t n_places;
};

struct place {
    const struct digest *digest;
    size_t component;
};

/* A kernel command line that was reported to have changed. */
struct changed_line {
    const struct component *was, *is;
};

/* A file of the loader's that was reported to have changed, under another path. */
struct changed_path {
    const char *from, *to;
};

enum { CHANGED_LINES_MAX = 8, CHANGED_PATHS_MAX = 8 };

/* What one finding is about. */
struct said {
    size_t finding;                   /* its index */
    const struct component *was, *is; /* one may be NULL */
};

struct comparison {
    struct arena *a;
    struct side was, is;
    const struct bootchain *chain;
    const struct boot_reference *reference;
    struct findings *findings;
    bool code_changed; /* firmware code or a Secure Boot key deviates: low findings lose their excuse */
    bool shape_changed;
    struct changed_line lines[CHANGED_LINES_MAX]; /* what does not fit is reported once more, as a command */
    size_t n_lines;
    struct changed_path paths[CHANGED_PATHS_MAX];
    size_t n_paths;
    struct said *said;
    size_t n_said, said_capacity;
    struct err *err;
};

static inline bool same_role(const struct component *a, const struct component *b)
{
    return a->pcr == b->pcr && strcmp(a->key, b->key) == 0;
}

/* Things that a boot has one of, whatever they are called: a kernel's file name changes with its version. */
static inline bool same_step(const struct component *a, const struct component *b)
{
    bool single = a->kind == COMPONENT_KERNEL || a->kind == COMPONENT_INITRD || a->kind == COMPONENT_COMMAND_LINE ||
                  a->kind == COMPONENT_GPT || a->kind == COMPONENT_SBAT_LEVEL;

    return same_role(a, b) || (single && a->kind == b->kind && a->pcr == b->pcr);
}

/* Content counts where it stands: the same register. */
static inline bool same_place(const struct component *a, const struct component *b)
{
    return a->pcr == b->pcr && component_same_content(a, b);
}

/* The first of the side's places with this digest, or where it would be. */
size_t side_find(const struct side *side, const struct digest *digest);
/* Another accepted content of the same role is there. */
bool comparison_alternative_ran(const struct comparison *c, const struct component *expected);

/* One finding; `was` or `is` may be NULL. `sentence` NULL stands for a failed arena_printf: the name is used. */
struct finding *deviation_report(struct comparison *c, enum finding_id id, enum severity severity, const struct component *was,
                                 const struct component *is, const char *sentence);
void deviation_changed(struct comparison *c, const struct component *was, const struct component *is);
void deviation_gone(struct comparison *c, const struct component *was);
void deviation_appeared(struct comparison *c, const struct component *is);
/* What can only be judged when all else is: the volume with the machine's shape, programs inside the firmware. */
void deviation_shape(struct comparison *c);
void deviation_firmware_apps(struct comparison *c);

/* GRUB's commands, all at once. */
void commands_compare(struct comparison *c);
/* image_order.c: whether each image of register 4 came after the one that it came after in the accepted boot. False: c->err is set. */
MUST_CHECK bool images_compare(struct comparison *c);
/* consequences.c: findings that are part of what another one says. False: c->err is set. */
MUST_CHECK bool consequences_mark(struct comparison *c);
/* Windows' boot modules, all at once. */
void modules_compare(struct comparison *c);
