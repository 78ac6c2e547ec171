/* The setting STORE_SETTING_BOOTS: {"boot":uuid,"before":uuid,"returns":n}. */
#include "monitor/turns.h"
#include "base/uuid.h"
#include "json/parse.h"

enum { RETURNS_OF_TWO = 2 };

struct turns {
    char boot[UUID_TEXT_LEN], before[UUID_TEXT_LEN]; /* "": none yet */
    int64_t returns;                                 /* of one of the two after the other */
};

static bool no_memory(struct err *err) { return err_set(err, ERR_NO_MEMORY, "no memory for a VM's boots"); }

static bool load(struct store *store, struct arena *a, const char *key, struct turns *ret, struct err *err)
{
    const struct json *v;
    struct bytes text;

    *ret = (struct turns){ .returns = 0 };
    if (!store_setting_get(store, a, key, &text, err))
        return err->code == ERR_NOT_FOUND;
    if (!json_parse(a, text, NULL, &v, err) || !json_as_integer(json_get(v, "returns"), &ret->returns) ||
        !uuid_canonical(json_text(json_get(v, "boot"), BYTES_NONE), ret->boot))
        return err_set(err, ERR_MALFORMED, "setting %s cannot be read", key);
    if (!uuid_canonical(json_text(json_get(v, "before"), BYTES_NONE), ret->before))
        ret->before[0] = 0;
    return true;
}

static bool save(struct store *store, const char *key, const struct turns *turns, struct err *err)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);

    json_begin_object(&out, NULL);
    json_put_string(&out, "boot", turns->boot);
    if (turns->before[0])
        json_put_string(&out, "before", turns->before);
    json_put_integer(&out, "returns", turns->returns);
    json_end(&out);
    return writer_ok(&w) ? store_setting_put(store, key, writer_bytes(&w), err) : no_memory(err);
}

bool turns_note(struct store *store, struct arena *a, const char *vm, const char *boot_id, struct err *err)
{
    const char *key = arena_printf(a, STORE_SETTING_BOOTS, vm);
    char boot[UUID_TEXT_LEN];
    struct turns turns;

    if (!key)
        return no_memory(err);
    if (!boot_id || !uuid_canonical(bytes_of_string(boot_id), boot))
        return true;
    if (!load(store, a, key, &turns, err))
        return false;
    if (strcmp(turns.boot, boot) == 0)
        return true;
    if (strcmp(turns.before, boot) == 0)
        turns.returns++;
    else if (turns.returns < RETURNS_OF_TWO)
        turns.returns = 0;
    else
        return true; /* found: the two that were stay named */
    memcpy(turns.before, turns.boot, sizeof turns.before);
    memcpy(turns.boot, boot, sizeof turns.boot);
    return save(store, key, &turns, err);
}

bool turns_found(struct store *store, struct arena *a, const char *vm, const char **ret, struct err *err)
{
    const char *key = arena_printf(a, STORE_SETTING_BOOTS, vm);
    struct turns turns;

    *ret = NULL;
    if (!key)
        return no_memory(err);
    if (!load(store, a, key, &turns, err))
        return false;
    if (turns.returns < RETURNS_OF_TWO)
        return true;
    *ret = arena_printf(a, "two machines answer with this TPM: the boots %s and %s take turns; stop the copy, then approve this VM's boot",
                        strcmp(turns.boot, turns.before) < 0 ? turns.boot : turns.before,
                        strcmp(turns.boot, turns.before) < 0 ? turns.before : turns.boot);
    return *ret ? true : no_memory(err);
}

bool turns_forget(struct store *store, struct arena *a, const char *vm, struct err *err)
{
    const char *key = arena_printf(a, STORE_SETTING_BOOTS, vm);

    return key ? store_setting_delete(store, key, err) || err->code == ERR_NOT_FOUND : no_memory(err);
}
