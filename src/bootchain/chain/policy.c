/* Secure Boot policy: register 7 (UEFI 2.10, 32.4; PFP 1.06, 3.3.4.8) and shim's register 14. */
#include "base/utf8.h"
#include "bootchain/chain/keys.h"
#include "bootchain/chain/walk.h"
#include "eventlog/software/shim.h"
#include "eventlog/uefi/signature_list.h"
#include "eventlog/uefi/variable.h"

/* The rules under which a variable's name, and not only its content, is proved. */
static bool name_is_proved(const struct step *s) { return step_proved(s) && s->mark->rule != PROOF_RULE_VARIABLE_DATA_ONLY; }

/* The variable of a proved event, cut to what the digest covers. */
static bool proved_variable(const struct step *s, struct uefi_variable *ret)
{
    struct err ignored = ERR_INIT;
    struct bytes proved = s->mark->proved;

    if (!step_proved(s) || !uefi_variable_parse(s->event->data, ret, &ignored))
        return false;
    if (proved.data >= s->event->data.data && proved.data <= ret->data.data) {
        size_t before = (size_t)(ret->data.data - proved.data);
        if (before > proved.len)
            return false;
        ret->data = bytes_slice(ret->data, 0, proved.len - before);
    }
    return true;
}

static enum fact switch_fact(struct bytes data)
{
    if (data.len != 1)
        return FACT_UNKNOWN;
    return data.data[0] ? FACT_YES : FACT_NO;
}

struct mode_row {
    const char *name;
    size_t fact;     /* offset in struct bootchain */
    enum fact worse; /* stays, whatever is measured later: also in another register */
};

static const struct mode_row modes[] = {
    { "SetupMode", offsetof(struct bootchain, setup_mode), FACT_YES },
    { "AuditMode", offsetof(struct bootchain, audit_mode), FACT_YES },
    { "DeployedMode", offsetof(struct bootchain, deployed_mode), FACT_NO },
};

void policy_mode(struct walk *w, const struct step *s, const struct uefi_variable *v)
{
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        enum fact *fact = (enum fact *)((char *)w->chain + modes[i].fact);
        if (*fact != modes[i].worse && s->early && name_is_proved(s) && uefi_variable_is(v, UEFI_EFI_GLOBAL, modes[i].name))
            *fact = switch_fact(v->data);
    }
}

struct list_row {
    enum uefi_namespace space;
    const char *name;
    size_t list; /* offset in struct bootchain */
    enum component_kind kind;
};

static const struct list_row lists[] = {
    { UEFI_EFI_GLOBAL, "PK", offsetof(struct bootchain, pk), COMPONENT_SECURE_BOOT_KEYS },
    { UEFI_EFI_GLOBAL, "KEK", offsetof(struct bootchain, kek), COMPONENT_SECURE_BOOT_KEYS },
    { UEFI_IMAGE_SECURITY, "db", offsetof(struct bootchain, db), COMPONENT_SECURE_BOOT_KEYS },
    { UEFI_IMAGE_SECURITY, "dbx", offsetof(struct bootchain, dbx), COMPONENT_REVOCATIONS },
    { UEFI_IMAGE_SECURITY, "dbr", offsetof(struct bootchain, dbr), COMPONENT_SECURE_BOOT_KEYS },
};

/* "db: Microsoft Corporation UEFI CA 2011, …"; "dbx: 430 entries". */
static const char *list_words(struct walk *w, const struct list_row *row, const struct boot_keys *keys)
{
    const char *name = row->name;
    char *words = arena_printf(w->a, "%s: ", name);
    size_t named = 0;

    if (row->kind == COMPONENT_REVOCATIONS)
        return arena_printf(w->a, "%s: %zu %s", name, keys->n, keys->n == 1 ? "entry" : "entries");

    for (size_t i = 0; i < keys->n && words && named < 8; i++)
        if (keys->items[i].name)
            words = arena_printf(w->a, "%s%s%s", words, named++ ? ", " : "", keys->items[i].name);
    if (words && named < keys->n)
        words = arena_printf(w->a, "%s%s%zu %s", words, named ? " and " : "", keys->n - named, named ? "more" : "entries");
    return words && !keys->n ? arena_printf(w->a, "%s: empty", name) : words;
}

static bool key_list(struct walk *w, const struct step *s, const struct uefi_variable *v, const struct list_row *row)
{
    struct boot_keys keys, *target = (struct boot_keys *)((char *)w->chain + row->list);
    struct component *c;
    struct bytes members;
    struct err err = ERR_INIT;

    if (!boot_keys_read(w->a, v->data, w->reference, &keys, &err)) {
        if (err.code == ERR_NO_MEMORY)
            return walk_no_memory(w);
        findings_add(w->findings, FINDING_SECUREBOOT_LIST_MALFORMED, s->pcr, s->event->number, "%s cannot be read: %s", row->name,
                     err.text);
        return walk_add(w, s, row->kind, arena_printf(w->a, "variable:%s", row->name), row->name) != NULL;
    }
    keys.event = s->event->number;
    if (!target->measured && s->early && name_is_proved(s))
        *target = keys;
    if (!boot_keys_members(w->a, &keys, &members, w->err))
        return false;
    c = walk_add(w, s, row->kind, arena_printf(w->a, "variable:%s", row->name), list_words(w, row, &keys));
    if (!c)
        return false;
    c->members = members;
    c->revision = (uint32_t)(members.len / 32);
    return true;
}

/* attestation-service.md 9.1: 1 is on, and nothing else is: UEFI 2.10, 3.3 reserves the other values. Firmware without Secure Boot has
 * no such variable, and measures that (PFP 1.06, 3.3.4.8). */
static enum fact secure_boot_fact(struct bytes data)
{
    if (data.len == 0)
        return FACT_NO;
    return data.len == 1 && data.data[0] > 1 ? FACT_UNKNOWN : switch_fact(data);
}

static bool secure_boot_variable(struct walk *w, const struct step *s, const struct uefi_variable *v)
{
    enum fact on = secure_boot_fact(v->data);
    struct component *c = walk_add(w, s, COMPONENT_SECURE_BOOT_STATE, "variable:SecureBoot",
                                   on == FACT_YES  ? "Secure Boot on"
                                   : on == FACT_NO ? "Secure Boot off"
                                                   : "Secure Boot unclear");

    if (!c)
        return false;
    c->text = fact_name(on);
    if (!name_is_proved(s))
        return true;
    w->secure_boot_event = s->event->number;
    /* attestation-service.md 9.1: measured exactly once. Behind the separator firmware measures it again when it was changed (PFP 1.06, 3.3.4.8),
     * and anybody else can write anything. */
    w->chain->secure_boot = w->n_secure_boot++ || !s->early || on == FACT_UNKNOWN ? SECURE_BOOT_UNKNOWN
                            : on == FACT_YES                                      ? SECURE_BOOT_ENABLED
                                                                                  : SECURE_BOOT_DISABLED;
    return true;
}

static bool variable_step(struct walk *w, const struct step *s)
{
    struct uefi_variable v;
    char *name;

    if (!proved_variable(s, &v))
        return walk_add(w, s, COMPONENT_POLICY_OTHER, walk_numbered_key(w, s, "policy"), walk_title(w, s)) != NULL;
    if (uefi_variable_is(&v, UEFI_EFI_GLOBAL, "SecureBoot"))
        return secure_boot_variable(w, s, &v);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        if (uefi_variable_is(&v, lists[i].space, lists[i].name))
            return key_list(w, s, &v, &lists[i]);
    policy_mode(w, s, &v);
    name = uefi_variable_name(w->a, &v);
    if (!name)
        return walk_no_memory(w);
    return walk_add(w, s, COMPONENT_POLICY_OTHER, arena_printf(w->a, "variable:%s", name), name) != NULL;
}

static bool add_authority(struct walk *w, const struct boot_authority *authority)
{
    if (w->n_authorities == LIMIT_COMPONENTS) /* no more than there are components of them */
        return true;
    if (!walk_grow(w, &w->authorities, w->n_authorities, &w->authorities_capacity, sizeof *w->authorities))
        return false;
    w->authorities[w->n_authorities++] = *authority;
    return true;
}

static bool sbat_level(struct walk *w, const struct step *s, struct bytes content)
{
    struct err err = ERR_INIT;
    struct sbat_level level;
    struct component *c;
    uint32_t date = 0;
    bool lowest;
    char *text = text_for_people(w->a, bytes_trim(content));

    if (!text)
        return walk_no_memory(w);
    if (!sbat_level_parse(w->a, content, &level, &err)) {
        if (err.code == ERR_NO_MEMORY)
            return walk_no_memory(w);
        level = (struct sbat_level){ .date = BYTES_NONE };
    }
    for (size_t i = 0; i < level.date.len && i < 10 && level.date.data[i] >= '0' && level.date.data[i] <= '9'; i++)
        date = date * 10 + (uint32_t)(level.date.data[i] - '0');
    lowest = !w->sbat_seen || date < w->chain->sbat_date; /* two shims in one chain: the weaker one counts */
    w->sbat_seen = true;
    for (size_t i = 0; w->reference && i < w->reference->n_sbat && !w->sbat_below; i++)
        if (sbat_level_generation(&level, w->reference->sbat[i].component) < w->reference->sbat[i].generation) {
            w->sbat_below = &w->reference->sbat[i];
            w->sbat_accepted = sbat_level_generation(&level, w->reference->sbat[i].component);
        }
    if (lowest) {
        w->chain->sbat_level = text;
        w->chain->sbat_date = date;
    }
    c = walk_add(w, s, COMPONENT_SBAT_LEVEL, "sbat-level", arena_printf(w->a, "SBAT level %u", (unsigned)date));
    if (!c)
        return false;
    c->text = text;
    c->revision = date;
    return true;
}

/* shim mirrors switches into register 7, with their names: MokSBState 1 says that it does not validate. */
static bool shim_switch(struct walk *w, const struct step *s, const struct uefi_variable *v, const char *name)
{
    enum fact value = switch_fact(v->data);
    struct component *c = walk_add(w, s, COMPONENT_SHIM_STATE, arena_printf(w->a, "shim:%s", name),
                                   arena_printf(w->a, "shim's %s: %s", name, fact_name(value)));

    if (!c)
        return false;
    c->text = fact_name(value);
    /* Once off it stays off: whoever was started so can measure the contrary afterwards. */
    if (uefi_variable_is(v, UEFI_SHIM_LOCK, "MokSBState") && w->chain->shim_validation != FACT_NO)
        w->chain->shim_validation = value == FACT_NO ? FACT_YES : FACT_NO;
    return true;
}

/* What only configures cannot have let an image start: such an event bears another one's type, which no digest covers. Of db a single
 * entry authorises, the whole list does not. */
static bool is_configuration(const struct uefi_variable *v)
{
    for (size_t i = 0; i < ARRAY_LEN(modes); i++)
        if (uefi_variable_is(v, UEFI_EFI_GLOBAL, modes[i].name))
            return true;
    if (uefi_variable_is_named(v, "devdb")) /* of devices that prove themselves: who vouched for one let no image start */
        return true;
    if (uefi_variable_is(v, UEFI_IMAGE_SECURITY, "db"))
        return !v->data.len || signature_lists_recognize(v->data);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        if (uefi_variable_is(v, lists[i].space, lists[i].name))
            return true;
    return uefi_variable_is(v, UEFI_EFI_GLOBAL, "SecureBoot") || uefi_variable_is(v, UEFI_IMAGE_SECURITY, "dbt");
}

/* The certificate or hash that an authority event names: an EFI_SIGNATURE_DATA, or a bare certificate. */
static bool authority_key(struct walk *w, struct bytes content, struct boot_key *ret)
{
    struct err err = ERR_INIT;
    struct signature signature;

    *ret = (struct boot_key){ .kind = KEY_OTHER };
    if (!signature_from_authority(content, &signature, &err))
        return err.code != ERR_NO_MEMORY || walk_no_memory(w);
    return boot_key_read(w->a, &signature, w->reference, ret, w->err);
}

static bool authority_step(struct walk *w, const struct step *s)
{
    struct boot_authority authority = { .event = s->event->number };
    struct uefi_variable v;
    struct component *c;
    char *name;

    if (!proved_variable(s, &v)) {
        authority.source = "unproved";
        return walk_add(w, s, COMPONENT_AUTHORITY, "authority:unproved", walk_title(w, s)) && add_authority(w, &authority);
    }
    name = uefi_variable_name(w->a, &v);
    if (!name)
        return walk_no_memory(w);
    if (uefi_variable_namespace(&v) == UEFI_SHIM_LOCK)
        w->shim_seen = true;
    if (uefi_variable_is_named(&v, "SbatLevel"))
        return sbat_level(w, s, v.data);
    if (uefi_variable_is(&v, UEFI_SHIM_LOCK, "MokSBState") || uefi_variable_is(&v, UEFI_SHIM_LOCK, "MokListTrusted") ||
        uefi_variable_is(&v, UEFI_SHIM_LOCK, "MokDBState") || uefi_variable_is(&v, UEFI_SHIM_LOCK, "MokPolicy"))
        return shim_switch(w, s, &v, name);
    if (is_configuration(&v))
        return walk_add(w, s, COMPONENT_POLICY_OTHER, arena_printf(w->a, "authority:%s", name), name) != NULL;
    authority.source = name;
    authority.proved = true;
    if (!authority_key(w, v.data, &authority.key))
        return false;
    c = walk_add(w, s, COMPONENT_AUTHORITY, arena_printf(w->a, "authority:%s", name),
                 arena_printf(w->a, "%s (%s)", authority.key.name ? authority.key.name : "image hash", name));
    if (!c)
        return false;
    c->signer = authority.key.name;
    return add_authority(w, &authority);
}

static bool text_is(const struct step *s, const char *text) { return bytes_starts_with(s->event->data, bytes_of_string(text)); }

/* PFP 1.06, 3.3.4.8: the firmware says in register 7 that it can be debugged, or that devices may reach memory. A label is enough: it can
 * only make the verdict worse. */
static bool action_step(struct walk *w, const struct step *s)
{
    if (text_is(s, "UEFI Debug Mode"))
        w->chain->debugger = FACT_YES;
    if (text_is(s, "DMA Protection Disabled"))
        w->chain->dma_protection_off = FACT_YES;
    return walk_add(w, s, COMPONENT_POLICY_OTHER, walk_numbered_key(w, s, "policy"), walk_title(w, s)) != NULL;
}

bool policy_step(struct walk *w, const struct step *s)
{
    const struct event_type *type = event_type_find(s->event->type);

    switch (type ? type->content : CONTENT_OPAQUE) {
    case CONTENT_VARIABLE:
    case CONTENT_BOOT_VARIABLE:
        return variable_step(w, s);
    case CONTENT_AUTHORITY:
        return authority_step(w, s);
    case CONTENT_TEXT:
        return action_step(w, s);
    default:
        return walk_add(w, s, COMPONENT_POLICY_OTHER, walk_numbered_key(w, s, "policy"), walk_title(w, s)) != NULL;
    }
}

/* A switch that is on may be one of these, once each. shim measures MokSBState and MokListTrusted into register 7, too, by name. */
static bool is_other_switch(struct walk *w, enum shim_kind kind)
{
    switch (kind) {
    case SHIM_MOK_DB_STATE:
        return w->n_db_states++ == 0;
    case SHIM_MOK_LIST_TRUSTED:
        return w->n_trusted++ == 0;
    case SHIM_MOK_POLICY:
        return w->n_policies++ == 0;
    default:
        return false;
    }
}

/* Register 14: names are labels. A switch is found by its digest, that of a single byte 1, which no list has: it is MokSBState unless it
 * bears the name of another switch, of which there is one each. */
static bool is_validation_off(struct walk *w, const struct step *s, enum shim_kind kind, bool *ret)
{
    const struct digest *digests;
    bool readable;
    uint8_t value;
    size_t n;

    if (!walk_digests(w, s->event, &n, &digests) || !n)
        return walk_no_memory(w);
    readable = shim_flag_value(digests[0].algorithm, digest_bytes(&digests[0]), &value);
    if (kind == SHIM_MOK_SB_STATE)
        *ret = !readable || value == 1;
    else
        *ret = readable && value == 1 && !is_other_switch(w, kind);
    return true;
}

bool shim_step(struct walk *w, const struct step *s)
{
    enum shim_kind kind = shim_event_kind(s->event);
    const char *title = walk_title(w, s);
    bool off = false;

    w->shim_seen = w->shim_seen || kind != SHIM_NOT;
    if (!is_validation_off(w, s, kind, &off))
        return false;
    if (off)
        w->chain->shim_validation = FACT_NO;
    return walk_add(w, s, off || kind == SHIM_MOK_SB_STATE || kind == SHIM_MOK_DB_STATE ? COMPONENT_SHIM_STATE : COMPONENT_MOK,
                    title ? arena_printf(w->a, "mok:%s", title) : NULL, title) != NULL;
}
