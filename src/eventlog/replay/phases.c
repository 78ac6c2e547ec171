#include "eventlog/replay/phases.h"
#include "base/limits.h"

enum { ROUNDS_MAX = 16 /* soft reboots since the firmware ran */ };

/* In an initial RAM disk with systemd, and then in the system, once for each soft reboot (systemd-pcrphase.service(8)). */
static const char *const in_initrd[] = { "enter-initrd", "leave-initrd" }, *const in_system[] = { "sysinit", "ready", "shutdown", "final" };

bool phase_is_word(struct bytes text)
{
    for (size_t i = 0; i < ARRAY_LEN(in_initrd); i++)
        if (bytes_equal_string(text, in_initrd[i]))
            return true;
    for (size_t i = 0; i < ARRAY_LEN(in_system); i++)
        if (bytes_equal_string(text, in_system[i]))
            return true;
    return false;
}

struct saying {
    struct digest *values;
    const struct digest *const *quoted;
    size_t n_banks, n_said;
    const char *last;
};

static bool fits(const struct saying *s)
{
    for (size_t i = 0; i < s->n_banks; i++)
        if (!digest_equal(&s->values[i], s->quoted[i]))
            return false;
    return true;
}

static bool say(struct saying *s, const char *word)
{
    for (size_t i = 0; i < s->n_banks; i++) {
        struct digest digest;
        digest_compute(s->values[i].algorithm, bytes_of_string(word), &digest);
        digest_extend(&s->values[i], digest_bytes(&digest));
    }
    s->last = word;
    s->n_said++;
    return fits(s);
}

static bool system_leads_to(struct saying *s)
{
    for (unsigned round = 0; round < ROUNDS_MAX; round++)
        for (size_t i = 0; i < ARRAY_LEN(in_system); i++)
            if (say(s, in_system[i]))
                return true;
    return false;
}

bool phases_lead_to(struct digest *values, const struct digest *const *quoted, size_t n_banks, const char **ret_last, size_t *ret_n)
{
    struct digest begin[LIMIT_PCR_BANKS];
    struct saying s = { .values = values, .quoted = quoted, .n_banks = n_banks };
    bool found;

    if (!n_banks || n_banks > LIMIT_PCR_BANKS)
        return false;
    memcpy(begin, values, n_banks * sizeof *begin);
    found = say(&s, in_initrd[0]) || say(&s, in_initrd[1]) || system_leads_to(&s);
    if (!found) { /* the initial RAM disk is not systemd's */
        memcpy(values, begin, n_banks * sizeof *begin);
        s.n_said = 0;
        found = system_leads_to(&s);
    }
    if (!found)
        return false;
    *ret_last = s.last;
    *ret_n = s.n_said;
    return true;
}
