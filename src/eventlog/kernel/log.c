/* Refused modules in the kernel's log: kernel/module/signing.c, security/lockdown, security/integrity/ima. */
#include "eventlog/kernel/state.h"

static uint8_t small(uint8_t c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; }

/* Where `words`, in small letters, begin in the line; SIZE_MAX: nowhere. */
static size_t find_words(struct bytes line, const char *words)
{
    size_t n = strlen(words), i;

    for (size_t at = 0; at + n <= line.len; at++) {
        for (i = 0; i < n && small(line.data[at + i]) == (uint8_t)words[i]; i++)
            ;
        if (i == n)
            return at;
    }
    return SIZE_MAX;
}

/* "nvidia: loading of module with unavailable key is rejected": the name is what stands right before. Older kernels name none. */
static struct bytes name_before(struct bytes line, size_t at)
{
    struct bytes before = bytes_trim(bytes_slice(line, 0, at));
    size_t from;

    if (!before.len || before.data[before.len - 1] != ':')
        return BYTES_NONE;
    from = --before.len;
    while (from && before.data[from - 1] != ' ' && before.data[from - 1] != ':')
        from--;
    return bytes_slice(before, from, before.len - from);
}

void kernel_log_line(struct kernel_state *state, struct bytes line)
{
    static const struct {
        const char *words;
        enum module_refusal why;
        bool names_module;
    } rows[] = {
        { "loading of unsigned module is rejected", MODULE_REFUSED_UNSIGNED, true },
        { "loading of module with unavailable key is rejected", MODULE_REFUSED_KEY, true },
        { "loading of module with unsupported crypto is rejected", MODULE_REFUSED_CRYPTO, true },
        /* The name in front of these two is the program's that asked. */
        { "unsigned module loading is restricted", MODULE_REFUSED_LOCKDOWN, false },
        { "loading of unsigned module is restricted", MODULE_REFUSED_LOCKDOWN, false },
        { "impossible to appraise a module without a file descriptor", MODULE_REFUSED_APPRAISAL, false },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t at = find_words(line, rows[i].words);
        if (at == SIZE_MAX)
            continue;
        kernel_state_add_refused(state, rows[i].names_module ? name_before(line, at) : BYTES_NONE, rows[i].why);
        return;
    }
}

void kernel_log_record(struct kernel_state *state, struct bytes record)
{
    size_t text = bytes_find(record, BYTES_LIT(";")), end;
    uint32_t priority = 0;

    if (text == SIZE_MAX)
        return;
    for (size_t i = 0; i < text && record.data[i] != ','; i++) {
        if (record.data[i] < '0' || record.data[i] > '9' || priority > 1024)
            return;
        priority = priority * 10 + (record.data[i] - '0');
    }
    if (priority >> 3) /* of a facility that is not the kernel's */
        return;
    record = bytes_slice(record, text + 1, record.len);
    end = bytes_find(record, BYTES_LIT("\n"));
    kernel_log_line(state, bytes_slice(record, 0, end));
}
