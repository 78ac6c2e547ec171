/* One setting per VM: {"resetCount":n,"restartCount":n,"clock":ms,"quoted":ms,"rolledBack":b,"settled":verdict,"settledTime":ms}; what is not known
 * is absent. */
#include "json/parse.h"
#include "monitor/monitor.h"

static const char *key_of(struct arena *a, const char *vm) { return arena_printf(a, STORE_SETTING_MEMORY, vm); }

static bool read_memory(const struct json *v, struct vm_memory *m)
{
    const struct json *settled = json_get(v, "settled");
    int64_t resets, restarts;

    m->has_counters = json_as_integer(json_get(v, "resetCount"), &resets) && json_as_integer(json_get(v, "restartCount"), &restarts) &&
                      json_as_integer(json_get(v, "clock"), &m->clock_ms);
    if (m->has_counters) {
        m->reset_count = (uint32_t)resets;
        m->restart_count = (uint32_t)restarts;
    }
    if (!json_as_integer(json_get(v, "quoted"), &m->quoted_ms)) /* written before it was kept */
        m->quoted_ms = 0;
    m->has_settled = settled != NULL;
    return json_as_boolean(json_get(v, "rolledBack"), &m->rolled_back) &&
           (!m->has_settled || (verdict_from_text(json_text(settled, BYTES_NONE), &m->settled) &&
                                json_as_integer(json_get(v, "settledTime"), &m->settled_ms)));
}

bool monitor_memory_get(struct store *store, struct arena *a, const char *vm, struct vm_memory *ret, struct err *err)
{
    const char *key = key_of(a, vm);
    const struct json *v;
    struct bytes text;

    *ret = (struct vm_memory){ 0 };
    if (!key)
        return err_set(err, ERR_NO_MEMORY, "no memory to judge a VM");
    if (!store_setting_get(store, a, key, &text, err))
        return err->code == ERR_NOT_FOUND;
    return (json_parse(a, text, NULL, &v, err) && read_memory(v, ret)) || err_set(err, ERR_MALFORMED, "setting %s cannot be read", key);
}

bool monitor_memory_put(struct store *store, struct arena *a, const char *vm, const struct vm_memory *m, struct err *err)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    const char *key = key_of(a, vm);

    json_begin_object(&out, NULL);
    if (m->has_counters) {
        json_put_integer(&out, "resetCount", m->reset_count);
        json_put_integer(&out, "restartCount", m->restart_count);
        json_put_integer(&out, "clock", m->clock_ms);
        json_put_integer(&out, "quoted", m->quoted_ms);
    }
    json_put_boolean(&out, "rolledBack", m->rolled_back);
    if (m->has_settled) {
        json_put_string(&out, "settled", verdict_name(m->settled));
        json_put_integer(&out, "settledTime", m->settled_ms);
    }
    json_end(&out);
    if (!key || !writer_ok(&w))
        return err_set(err, ERR_NO_MEMORY, "no memory to judge a VM");
    return store_setting_put(store, key, writer_bytes(&w), err);
}
