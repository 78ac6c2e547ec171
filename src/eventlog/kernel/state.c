#include "eventlog/kernel/state.h"
#include <stdio.h>

enum { SCHEMA = 1 };

static const char *const lockdown_names[] = { NULL, "none", "integrity", "confidentiality" };

/* clang-format off */
static const struct {
    const char *word, *text;
} refusals[] = {
#define X(name, word, text) { word, text },
    MODULE_REFUSALS(X)
#undef X
};

/* Linux Documentation/admin-guide/tainted-kernels. */
static const struct {
    char letter;
    const char *words;
} taints[KERNEL_TAINT_BITS] = {
    { 'P', "a proprietary module was loaded" },     { 'F', "a module was loaded by force" },
    { 'S', "the system is out of specification" },  { 'R', "a module was unloaded by force" },
    { 'M', "a machine check was reported" },        { 'B', "a bad page was met" },
    { 'U', "a program asked for it" },              { 'D', "the kernel had an oops" },
    { 'A', "an ACPI table was overridden" },        { 'W', "the kernel warned" },
    { 'C', "a staging driver was loaded" },         { 'I', "a firmware bug is worked around" },
    { 'O', "an out-of-tree module was loaded" },    { 'E', "an unsigned module was loaded" },
    { 'L', "a soft lockup occurred" },              { 'K', "the kernel was live-patched" },
    { 'X', "the distribution's own reason" },       { 'T', "the structure layout is random" },
    { 'N', "an in-kernel test was run" },           { 'J', "a program changed the kernel through fwctl" },
};
/* clang-format on */

const char *module_refusal_text(enum module_refusal refusal) { return refusals[refusal].text; }

char kernel_taint_letter(unsigned bit) { return bit < KERNEL_TAINT_BITS ? taints[bit].letter : '?'; }

const char *kernel_taint_words(unsigned bit) { return bit < KERNEL_TAINT_BITS ? taints[bit].words : NULL; }

const char *kernel_lockdown_name(enum kernel_lockdown lockdown) { return lockdown_names[lockdown]; }

static enum kernel_lockdown lockdown_from_name(struct bytes name)
{
    for (enum kernel_lockdown l = LOCKDOWN_NONE; l <= LOCKDOWN_CONFIDENTIALITY; l++)
        if (bytes_equal_string(name, lockdown_names[l]))
            return l;
    return LOCKDOWN_UNKNOWN;
}

enum kernel_lockdown kernel_lockdown_parse(struct bytes text)
{
    size_t open = bytes_find(text, BYTES_LIT("[")), close = bytes_find(text, BYTES_LIT("]"));

    if (open == SIZE_MAX || close == SIZE_MAX || close < open)
        return LOCKDOWN_UNKNOWN;
    return lockdown_from_name(bytes_slice(text, open + 1, close - open - 1));
}

static bool is_of_a_name(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

bool kernel_module_name_is_valid(struct bytes name)
{
    if (!name.len || name.len >= KERNEL_MODULE_NAME_LEN)
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (!is_of_a_name(name.data[i]))
            return false;
    return true;
}

static bool flags_are_valid(struct bytes flags)
{
    if (flags.len >= KERNEL_MODULE_FLAGS_LEN)
        return false;
    for (size_t i = 0; i < flags.len; i++)
        if (flags.data[i] < 'A' || flags.data[i] > 'Z')
            return false;
    return true;
}

static void put_text(char *to, struct bytes text)
{
    memcpy(to, text.data, text.len);
    to[text.len] = 0;
}

void kernel_state_add_tainting(struct kernel_state *state, struct bytes name, struct bytes flags)
{
    struct tainting_module *m;

    if (!flags.len || !flags_are_valid(flags) || !kernel_module_name_is_valid(name))
        return;
    for (size_t i = 0; i < state->n_tainting; i++)
        if (bytes_equal_string(name, state->tainting[i].name))
            return;
    if (state->n_tainting == LIMIT_KERNEL_MODULES) {
        state->more = true;
        return;
    }
    m = &state->tainting[state->n_tainting++];
    put_text(m->name, name);
    put_text(m->flags, flags);
}

void kernel_state_add_refused(struct kernel_state *state, struct bytes name, enum module_refusal why)
{
    struct refused_module *m;

    if (!kernel_module_name_is_valid(name))
        name = BYTES_NONE;
    for (size_t i = 0; i < state->n_refused; i++) {
        m = &state->refused[i];
        if (m->why == why && bytes_equal_string(name, m->name)) {
            m->times += m->times < UINT32_MAX;
            return;
        }
    }
    if (state->n_refused == LIMIT_KERNEL_MODULES) {
        state->more = true;
        return;
    }
    m = &state->refused[state->n_refused++];
    *m = (struct refused_module){ .why = why, .times = 1 };
    if (name.len)
        put_text(m->name, name);
}

/* ---- JSON ---- */

static void put_switch(struct json_out *out, const char *name, enum kernel_switch value)
{
    if (value == KERNEL_SWITCH_UNKNOWN)
        json_put_null(out, name);
    else
        json_put_boolean(out, name, value == KERNEL_SWITCH_ON);
}

void kernel_state_write(struct json_out *out, const struct kernel_state *state)
{
    json_put_integer(out, "schema", SCHEMA);
    json_put_string(out, "release", state->release[0] ? state->release : NULL);
    json_put_string(out, "lockdown", kernel_lockdown_name(state->lockdown));
    put_switch(out, "sigEnforce", state->sig_enforce);
    put_switch(out, "modulesDisabled", state->modules_disabled);
    if (state->has_taint)
        json_put_integer(out, "taint", state->taint);
    else
        json_put_null(out, "taint");
    json_begin_array(out, "tainting");
    for (size_t i = 0; i < state->n_tainting; i++) {
        json_begin_object(out, NULL);
        json_put_string(out, "module", state->tainting[i].name);
        json_put_string(out, "flags", state->tainting[i].flags);
        json_end(out);
    }
    json_end(out);
    json_begin_array(out, "refused");
    for (size_t i = 0; i < state->n_refused; i++) {
        json_begin_object(out, NULL);
        json_put_string(out, "module", state->refused[i].name[0] ? state->refused[i].name : NULL);
        json_put_string(out, "reason", refusals[state->refused[i].why].word);
        json_put_integer(out, "times", state->refused[i].times);
        json_end(out);
    }
    json_end(out);
    json_put_boolean(out, "more", state->more);
}

static bool is_absent(const struct json *member) { return !member || member->type == JSON_NULL; }

static bool read_switch(const struct json *v, const char *name, enum kernel_switch *ret, struct err *err)
{
    const struct json *member = json_get(v, name);
    bool on;

    if (is_absent(member))
        return true;
    if (!json_as_boolean(member, &on))
        return err_set(err, ERR_MALFORMED, "%s is not true or false", name);
    *ret = on ? KERNEL_SWITCH_ON : KERNEL_SWITCH_OFF;
    return true;
}

static bool read_scalars(const struct json *v, struct kernel_state *s, struct err *err)
{
    const struct json *release = json_get(v, "release"), *lockdown = json_get(v, "lockdown"), *taint = json_get(v, "taint");
    int64_t mask = 0;

    if (!is_absent(release) && (release->type != JSON_STRING || release->string.len >= KERNEL_RELEASE_LEN))
        return err_set(err, ERR_MALFORMED, "release is not a string of at most %d bytes", KERNEL_RELEASE_LEN - 1);
    for (size_t i = 0; !is_absent(release) && i < release->string.len; i++)
        if (release->string.data[i] <= ' ' || release->string.data[i] > '~')
            return err_set(err, ERR_MALFORMED, "release has other characters than a kernel's release has");
    if (!is_absent(release) && release->string.len)
        put_text(s->release, release->string);
    if (!is_absent(lockdown)) {
        s->lockdown = lockdown_from_name(json_text(lockdown, BYTES_NONE));
        if (s->lockdown == LOCKDOWN_UNKNOWN)
            return err_set(err, ERR_MALFORMED, "lockdown is not none, integrity or confidentiality");
    }
    if (!is_absent(taint)) {
        if (!json_as_integer(taint, &mask) || mask < 0 || mask > UINT32_MAX)
            return err_set(err, ERR_MALFORMED, "taint is not a mask of 32 bits");
        s->has_taint = true;
        s->taint = (uint32_t)mask;
    }
    return read_switch(v, "sigEnforce", &s->sig_enforce, err) && read_switch(v, "modulesDisabled", &s->modules_disabled, err);
}

static bool read_tainting(const struct json *entry, struct tainting_module *ret, struct err *err)
{
    struct bytes name, flags;

    if (!json_need_string(entry, "module", &name, err) || !json_need_string(entry, "flags", &flags, err))
        return false;
    if (!kernel_module_name_is_valid(name))
        return err_set(err, ERR_MALFORMED, "module is no module's name");
    if (!flags.len || !flags_are_valid(flags))
        return err_set(err, ERR_MALFORMED, "flags are not 1 to %d capital letters", KERNEL_MODULE_FLAGS_LEN - 1);
    put_text(ret->name, name);
    put_text(ret->flags, flags);
    return true;
}

static bool read_refused(const struct json *entry, struct refused_module *ret, struct err *err)
{
    const struct json *name = json_get(entry, "module");
    struct bytes reason;
    int64_t times;

    if (!json_need_string(entry, "reason", &reason, err) || !json_need_integer(entry, "times", &times, err))
        return false;
    if (!is_absent(name) && !kernel_module_name_is_valid(json_text(name, BYTES_NONE)))
        return err_set(err, ERR_MALFORMED, "module is no module's name");
    if (times < 1 || times > UINT32_MAX)
        return err_set(err, ERR_MALFORMED, "times is not a count");
    if (!is_absent(name))
        put_text(ret->name, name->string);
    ret->times = (uint32_t)times;
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
        if (bytes_equal_string(reason, refusals[i].word)) {
            ret->why = (enum module_refusal)i;
            return true;
        }
    return err_set(err, ERR_MALFORMED, "reason is none that we know");
}

static bool need_list(const struct json *v, const char *name, const struct json **ret, struct err *err)
{
    if (!json_need_array(v, name, ret, err))
        return false;
    return (*ret)->array.n <= LIMIT_KERNEL_MODULES ||
           err_set(err, ERR_LIMIT, "%s has %zu entries, more than %d", name, (*ret)->array.n, LIMIT_KERNEL_MODULES);
}

static bool read_lists(const struct json *v, struct kernel_state *s, struct err *err)
{
    const struct json *tainting, *refused;

    if (!need_list(v, "tainting", &tainting, err) || !need_list(v, "refused", &refused, err))
        return false;
    for (; s->n_tainting < tainting->array.n; s->n_tainting++)
        if (!read_tainting(tainting->array.items[s->n_tainting], &s->tainting[s->n_tainting], err))
            return err_within(err, "tainting[%zu]", s->n_tainting);
    for (; s->n_refused < refused->array.n; s->n_refused++)
        if (!read_refused(refused->array.items[s->n_refused], &s->refused[s->n_refused], err))
            return err_within(err, "refused[%zu]", s->n_refused);
    return json_as_boolean(json_get(v, "more"), &s->more) || err_set(err, ERR_MALFORMED, "more is not true or false");
}

bool kernel_state_read(const struct json *v, struct kernel_state *ret, struct err *err)
{
    struct kernel_state s = { .release = "" };
    int64_t schema;

    if (!json_need_integer(v, "schema", &schema, err))
        return false;
    if (schema != SCHEMA)
        return err_set(err, ERR_UNSUPPORTED, "schema %lld is not %d", (long long)schema, SCHEMA);
    if (!read_scalars(v, &s, err) || !read_lists(v, &s, err))
        return false;
    *ret = s;
    return true;
}
