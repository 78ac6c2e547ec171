#include "bootchain/chain/chain.h"
#include "base/deadline.h"
#include "bootchain/chain/walk.h"
#include "eventlog/describe/describe.h"
#include "eventlog/software/systemd_log.h"

bool walk_no_memory(struct walk *w)
{
    if (w->err->code == ERR_NONE)
        (void)err_set(w->err, ERR_NO_MEMORY, "no memory for the boot chain");
    return false;
}

bool walk_grow(struct walk *w, void *array, size_t n, size_t *capacity, size_t element_size)
{
    void **items = array;
    size_t larger = *capacity ? 2 * *capacity : 16;
    void *grown;

    if (n < *capacity)
        return true;
    grown = arena_grow(w->a, *items, n, larger, element_size);
    if (!grown)
        return walk_no_memory(w);
    *items = grown;
    *capacity = larger;
    return true;
}

bool walk_digests(struct walk *w, const struct event *event, size_t *ret_n, const struct digest **ret)
{
    struct digest *digests = ARENA_ARRAY(w->a, w->n_banks, struct digest);
    size_t n = 0;

    if (!digests)
        return walk_no_memory(w);
    for (size_t i = 0; i < w->n_banks; i++) {
        struct bytes value = replayed_digest_in(w->log, event->number, w->banks[i]);
        if (value.len != digest_len(w->banks[i]))
            continue;
        digests[n].algorithm = w->banks[i];
        memcpy(digests[n++].value, value.data, value.len);
    }
    *ret_n = n;
    *ret = digests;
    return true;
}

/* The walk goes on past the limit: its facts and findings count, and standing_findings() says what was left out. */
bool walk_leaves_out(struct walk *w, const struct step *s)
{
    if (w->n_components < LIMIT_COMPONENTS)
        return false;
    if (!w->n_left_out++)
        w->first_left_out = s->event->number;
    return true;
}

static struct component *add(struct walk *w, const struct step *s, enum component_kind kind, const char *key, const char *name)
{
    struct component *c;

    if (!key || !name) {
        (void)walk_no_memory(w);
        return NULL;
    }
    if (walk_leaves_out(w, s)) {
        w->spare = (struct component){ .kind = kind, .key = key, .name = name };
        return &w->spare;
    }
    if (!walk_grow(w, &w->components, w->n_components, &w->components_capacity, sizeof *w->components))
        return NULL;
    c = &w->components[w->n_components++];
    *c = (struct component){ .kind = kind,
                             .phase = component_kind_phase(kind),
                             .accepts = COMPONENT_EXPECTED,
                             .pcr = s->pcr,
                             .event = s->event->number,
                             .key = key,
                             .name = name };
    return c;
}

struct component *walk_add(struct walk *w, const struct step *s, enum component_kind kind, const char *key, const char *name)
{
    struct component *c = add(w, s, kind, key, name);

    return c && (c == &w->spare || walk_digests(w, s->event, &c->n_digests, &c->digests)) ? c : NULL;
}

struct component *walk_add_computed(struct walk *w, const struct step *s, enum component_kind kind, const char *key, const char *name,
                                    struct bytes content)
{
    struct component *c = add(w, s, kind, key, name);
    struct digest *d = c && c != &w->spare ? ARENA_NEW(w->a, struct digest) : NULL;

    if (c == &w->spare)
        return c;
    if (!d) {
        (void)walk_no_memory(w);
        return NULL;
    }
    digest_compute(DIGEST_SHA256, content, d);
    c->n_digests = 1;
    c->digests = d;
    return c;
}

const char *walk_numbered_key(struct walk *w, const struct step *s, const char *prefix)
{
    return arena_printf(w->a, "%s:%s:%u", prefix, event_type_name(s->event->type), ++w->n_unnamed[s->pcr]);
}

const char *walk_title(struct walk *w, const struct step *s) { return event_title(w->a, w->events, s->event); }

static bool application_step(struct walk *w, const struct step *s)
{
    return walk_add(w, s, COMPONENT_APPLICATION, walk_numbered_key(w, s, "application"), walk_title(w, s)) != NULL;
}

static bool mok_or_loader_step(struct walk *w, const struct step *s)
{
    bool taken;

    return windows_step(w, s, &taken) && (taken || shim_step(w, s));
}

/* Register 10 is judged by the IMA list, 17–22 by their reset value. */
static bool no_step(struct walk *w UNUSED, const struct step *s UNUSED) { return true; }

/* What Windows says after a dynamic launch (attestation-service.md 9.1). */
static bool launch_step(struct walk *w, const struct step *s)
{
    bool taken;

    return windows_step(w, s, &taken);
}

static bool (*const steps[LIMIT_PCRS])(struct walk *w, const struct step *s) = {
    [0] = firmware_step, [1] = firmware_step,     [2] = firmware_step, [3] = firmware_step,     [4] = image_step,
    [5] = disk_step,     [6] = firmware_step,     [7] = policy_step,   [8] = loader_step,       [9] = loader_step,
    [10] = no_step,      [11] = loader_step,      [12] = loader_step,  [13] = loader_step,      [14] = mok_or_loader_step,
    [15] = loader_step,  [16] = application_step, [17] = no_step,      [18] = no_step,          [19] = launch_step,
    [20] = launch_step,  [21] = no_step,          [22] = no_step,      [23] = application_step,
};

/* What a separator is in a register of the operating system: Windows' closing mark, or a value that says nothing. Whatever else bears
 * that type is judged as what its bytes are: the type is a label, and would hide a command line. */
static bool separator_step(struct walk *w, const struct step *s, bool *ret_taken)
{
    struct bytes value = s->mark->proved;

    *ret_taken = s->pcr < 8;
    if (*ret_taken || !step_proved(s))
        return true;
    *ret_taken = bytes_equal_string(value, "WBCL") || (value.len == 4 && (bytes_are_all(value, 0x00) || bytes_are_all(value, 0xff)));
    if (!*ret_taken || bytes_equal_string(value, "WBCL"))
        return true;
    return walk_add(w, s, COMPONENT_OTHER, walk_numbered_key(w, s, "separator"), "separator") != NULL;
}

static bool one_step(struct walk *w, size_t i)
{
    const struct event *event = &w->events->events[i];
    struct step s = { .i = i, .event = event, .mark = replayed_mark(w->log, i), .pcr = (int)event->pcr };
    bool taken = false;

    /* Only registers that the quote explains (architecture.md 4.2). */
    if (!event_extends(event) || s.mark->proof == PROOF_LABEL)
        return true;
    if (event->type == EVENT_TYPE(EV_SEPARATOR) && !separator_step(w, &s, &taken))
        return false;
    if (taken || (step_proved(&s) && systemd_closes_register(event, s.mark->proved)))
        return true;
    s.early = replayed_before_separator(w->log, i);
    w->os_events[event->pcr] = true;
    loader_watch_esxi(w, &s);
    return steps[event->pcr](w, &s);
}

/* Strongest first: the longer digest; SHA-1 last. */
static void order_banks(struct walk *w)
{
    const struct pcr_set *quoted = replayed_quoted(w->log);

    for (size_t i = 0; i < quoted->n_banks; i++) {
        enum digest_algorithm bank = quoted->banks[i].algorithm;
        size_t at;
        if (quoted->banks[i].present == 0) /* named in the quote, but nothing in it */
            continue;
        at = w->n_banks++;
        for (; at > 0 && digest_len(w->banks[at - 1]) < digest_len(bank); at--)
            w->banks[at] = w->banks[at - 1];
        w->banks[at] = bank;
    }
}

bool bootchain_read(struct arena *a, const struct replayed_log *log, const struct boot_reference *reference, struct findings *findings,
                    struct bootchain *ret, struct err *err)
{
    struct walk w = {
        .a = a, .log = log, .events = replayed_events(log), .reference = reference, .findings = findings, .chain = ret, .err = err
    };

    *err = ERR_INIT;
    *ret = (struct bootchain){ .boot_services_exited = replayed_exit_boot_services(log), .command_line_event = FINDING_NO_EVENT };
    ret->pk.event = ret->kek.event = ret->db.event = ret->dbx.event = FINDING_NO_EVENT;
    order_banks(&w);
    for (size_t i = 0; i < w.events->n_events; i++)
        if (!DEADLINE_EVERY(i, 64, "reading what was measured", err) || !one_step(&w, i))
            return err_within(err, "event %zu", i);
    if (!images_finish(&w) || !loader_finish(&w) || !user_space_finish(&w))
        return false;
    ret->images = w.images;
    ret->n_images = w.n_images;
    ret->authorities = w.authorities;
    ret->n_authorities = w.n_authorities;
    if (!standing_findings(&w))
        return false;
    ret->components = (struct component_list){ w.n_components, w.components };
    return true;
}

static bool is_reset_everywhere(const struct pcr_set *quoted, unsigned pcr)
{
    for (size_t i = 0; i < quoted->n_banks; i++) {
        const struct pcr_bank *bank = &quoted->banks[i];
        if (bank->present & 1u << pcr && !bytes_are_all(digest_bytes(&bank->value[pcr]), 0) &&
            !bytes_are_all(digest_bytes(&bank->value[pcr]), 0xff))
            return false;
    }
    return true;
}

static bool is_quoted(const struct pcr_set *quoted, unsigned pcr)
{
    for (size_t i = 0; i < quoted->n_banks; i++)
        if (quoted->banks[i].present & 1u << pcr)
            return true;
    return false;
}

static bool is_said(const struct findings *findings, enum finding_id id, unsigned pcr)
{
    for (size_t i = 0; i < findings->n; i++)
        if (findings->items[i].id == id && (id == FINDING_PCR_RESET || findings->items[i].pcr == (int)pcr))
            return true;
    return false;
}

/* attack-suite.md B8: a TPM that was reset while the system ran on has empty firmware registers. */
void registers_judge(const struct pcr_set *quoted, struct findings *findings)
{
    unsigned known = 0, empty = 0;

    for (unsigned pcr = 0; pcr < 8; pcr++)
        if (is_quoted(quoted, pcr)) {
            known++;
            empty += is_reset_everywhere(quoted, pcr);
        }
    if (known && empty == known && !is_said(findings, FINDING_PCR_RESET, 0))
        findings_add(findings, FINDING_PCR_RESET, 0, FINDING_NO_EVENT,
                     "All of the firmware's registers that are quoted have their reset value.");
    for (unsigned pcr = 16; pcr < LIMIT_PCRS; pcr++) {
        enum finding_id id = pcr == 16 || pcr == 23 ? FINDING_VALUE_PCR_USED : FINDING_DRTM_UNEXPECTED;
        if (is_reset_everywhere(quoted, pcr) || is_said(findings, id, pcr))
            continue;
        findings_add(findings, id, (int)pcr, FINDING_NO_EVENT,
                     id == FINDING_VALUE_PCR_USED ? "Programs extended register %u." : "Register %u is neither all zeros nor all ones.",
                     pcr);
    }
}

const char *secure_boot_name(enum secure_boot state)
{
    static const char *const names[] = { "Unknown", "Disabled", "Enabled" };

    return names[(size_t)state < ARRAY_LEN(names) ? state : SECURE_BOOT_UNKNOWN];
}

const char *fact_name(enum fact fact)
{
    static const char *const names[] = { "unknown", "no", "yes" };

    return names[(size_t)fact < ARRAY_LEN(names) ? fact : FACT_UNKNOWN];
}
