#include "appraise/baseline.h"
#include "appraise/verdict.h"
#include "base/clock.h"

bool baseline_learn(struct arena *a, const struct appraisal *appraisal, bool accept_findings, struct baseline *ret, struct err *err)
{
    struct baseline *b = ARENA_NEW(a, struct baseline);
    enum finding_id *accepted = ARENA_ARRAY(a, appraisal->findings.n, enum finding_id);

    if (!b || !accepted)
        return err_set(err, ERR_NO_MEMORY, "no memory for a baseline");
    if (!appraisal->quote_verified)
        return err_set(err, ERR_UNTRUSTED, "its quote does not verify: there is nothing to learn from it");
    b->learned_ms = appraisal->time_ms;
    b->from = appraisal->id[0] ? appraisal->id : NULL;
    b->boot = appraisal->boot;
    b->accepts = accepted;
    for (size_t i = 0; accept_findings && i < appraisal->findings.n; i++) {
        const struct finding *f = &appraisal->findings.items[i];
        if (finding_may_be_accepted(f) && !baseline_accepts(b, f->id))
            accepted[b->n_accepts++] = f->id;
    }
    *ret = *b;
    return true;
}

void baseline_write(struct json_out *out, const struct baseline *baseline)
{
    json_put_integer(out, "version", 1);
    json_put_time(out, "learned", baseline->learned_ms);
    json_put_string(out, "from", baseline->from);
    json_begin_array(out, "accepts");
    for (size_t i = 0; i < baseline->n_accepts; i++)
        json_put_string(out, NULL, finding_kind(baseline->accepts[i])->id);
    json_end(out);
    boot_record_write(out, "boot", &baseline->boot);
}

static bool read_accepts(struct arena *a, const struct json *v, struct baseline *b, struct err *err)
{
    const struct json *array;
    enum finding_id *list;

    if (!json_need_array(v, "accepts", &array, err))
        return false;
    if (array->array.n > LIMIT_FINDINGS)
        return err_set(err, ERR_LIMIT, "accepts has %zu entries", array->array.n);
    list = ARENA_ARRAY(a, array->array.n, enum finding_id);
    if (!list)
        return err_set(err, ERR_NO_MEMORY, "no memory for accepts");
    for (size_t i = 0; i < array->array.n; i++)
        if (!finding_id_from_text(json_text(array->array.items[i], BYTES_NONE), &list[i]))
            return err_set(err, ERR_UNSUPPORTED, "accepts[%zu] is no finding that we know", i);
    b->accepts = list;
    b->n_accepts = array->array.n;
    return true;
}

bool baseline_read(struct arena *a, const struct json *v, struct baseline *ret, struct err *err)
{
    struct baseline *b = ARENA_NEW(a, struct baseline);
    struct bytes from = json_text(json_get(v, "from"), BYTES_NONE);
    int64_t version;

    if (!b)
        return err_set(err, ERR_NO_MEMORY, "no memory for a baseline");
    if (!json_need_integer(v, "version", &version, err))
        return err_within(err, "baseline");
    if (version != 1)
        return err_set(err, ERR_UNSUPPORTED, "baseline: version %lld is not 1", (long long)version);
    if (!clock_parse(json_text(json_get(v, "learned"), BYTES_NONE), &b->learned_ms))
        return err_set(err, ERR_MALFORMED, "baseline: learned is not an RFC 3339 time");
    if (from.len && !(b->from = arena_string(a, from)))
        return err_set(err, ERR_NO_MEMORY, "no memory for a baseline");
    if (!read_accepts(a, v, b, err) || !boot_record_read(a, json_get(v, "boot"), &b->boot, err))
        return err_within(err, "baseline");
    *ret = *b;
    return true;
}
