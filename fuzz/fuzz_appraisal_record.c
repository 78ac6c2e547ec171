/* Appraisals and baselines read back: what was read is written and read again to the same text, and judges the same. */
#include "appraise/baseline.h"
#include "appraise/verdict.h"
#include "base/limits.h"
#include "fuzz.h"
#include "json/parse.h"

/* A finding of two dozen characters becomes a struct, its texts, and room for twice as many. */
enum { BYTES_PER_BYTE = 256, FIXED = 512 * 1024 };

static struct bytes write_appraisal(struct arena *a, const struct appraisal *x)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    struct bytes text;

    json_begin_object(&out, NULL);
    appraisal_write(&out, x);
    json_end(&out);
    ENSURE(writer_ok(&w) && arena_copy(a, writer_bytes(&w), &text));
    return text;
}

static struct bytes write_baseline(struct arena *a, const struct baseline *x)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    struct bytes text;

    json_begin_object(&out, NULL);
    baseline_write(&out, x);
    json_end(&out);
    ENSURE(writer_ok(&w) && arena_copy(a, writer_bytes(&w), &text));
    return text;
}

static void check_appraisal(struct arena *a, const struct appraisal *x)
{
    struct bytes text = write_appraisal(a, x);
    struct findings one = { .arena = a }, two = { .arena = a };
    enum verdict first, second;
    struct appraisal back;
    const struct json *v;
    struct err err = ERR_INIT;

    ENSURE(json_parse(a, text, NULL, &v, &err) && appraisal_read(a, v, &back, &err));
    ENSURE(bytes_equal(write_appraisal(a, &back), text));
    ENSURE(judge(a, x, NULL, NULL, NULL, &one, &first, &err) && judge(a, &back, NULL, NULL, NULL, &two, &second, &err));
    ENSURE(first == second && first == verdict_of(&x->findings));
    if (x->findings.overflow)
        ENSURE(first != VERDICT_HEALTHY);
}

static void check_baseline(struct arena *a, const struct baseline *x)
{
    struct bytes text = write_baseline(a, x);
    struct baseline back;
    const struct json *v;
    struct err err = ERR_INIT;

    ENSURE(json_parse(a, text, NULL, &v, &err) && baseline_read(a, v, &back, &err));
    ENSURE(bytes_equal(write_baseline(a, &back), text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena a, b;
    struct appraisal appraisal;
    struct baseline baseline;
    const struct json *v;
    struct err err = ERR_INIT;
    bool is_appraisal, is_baseline;

    arena_reset(&a);
    arena_reset(&b);
    if (!json_parse(&a, (struct bytes){ data, size }, NULL, &v, &err))
        return 0;
    is_appraisal = appraisal_read(&a, v, &appraisal, &err);
    ENSURE(is_appraisal || err.code != ERR_NONE);
    err = ERR_INIT;
    is_baseline = baseline_read(&a, v, &baseline, &err);
    ENSURE(is_baseline || err.code != ERR_NONE);
    ENSURE(a.used <= BYTES_PER_BYTE * size + FIXED);
    if (is_appraisal)
        check_appraisal(&b, &appraisal);
    if (is_baseline)
        check_baseline(&b, &baseline);
    return 0;
}
