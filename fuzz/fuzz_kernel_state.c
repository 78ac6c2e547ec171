/* What a guest says of its kernel: JSON that is read is written and read back the same; lines of its log stay within the lists. */
#include "fuzz.h"
#include "eventlog/kernel/state.h"
#include "json/parse.h"

static bool read_back(struct arena *a, const struct kernel_state *s, struct kernel_state *ret)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    struct err err = ERR_INIT;
    const struct json *v;
    struct bytes text;

    json_begin_object(&out, NULL);
    kernel_state_write(&out, s);
    json_end(&out);
    return writer_ok(&w) && arena_copy(a, writer_bytes(&w), &text) && json_parse(a, text, NULL, &v, &err) &&
           kernel_state_read(v, ret, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena a;
    struct kernel_state s = { .release = "" }, back = { .release = "" };
    struct bytes rest = { data, size };
    struct err err = ERR_INIT;
    const struct json *v;

    arena_reset(&a);
    if (json_parse(&a, rest, NULL, &v, &err)) {
        if (!kernel_state_read(v, &s, &err)) {
            ENSURE(err.code != ERR_NONE && err.text[0]);
            return 0;
        }
        ENSURE(read_back(&a, &s, &back));
        ENSURE(memcmp(&s, &back, sizeof s) == 0);
        return 0;
    }
    while (rest.len) {
        size_t n = bytes_find(rest, BYTES_LIT("\n"));
        struct bytes line = bytes_slice(rest, 0, n);
        kernel_log_record(&s, line);
        kernel_log_line(&s, line);
        kernel_state_add_tainting(&s, line, BYTES_LIT("E"));
        rest = n == SIZE_MAX ? BYTES_NONE : bytes_slice(rest, n + 1, rest.len);
    }
    (void)kernel_lockdown_parse((struct bytes){ data, size });
    ENSURE(s.n_refused <= LIMIT_KERNEL_MODULES && s.n_tainting <= LIMIT_KERNEL_MODULES);
    ENSURE(read_back(&a, &s, &back) && back.n_refused == s.n_refused);
    return 0;
}
