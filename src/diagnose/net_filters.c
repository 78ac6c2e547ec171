/* NET.04: this machine's own filters: rules of nftables in a chain of hook output that drop or reject. */
#include <stdio.h>
#include <unistd.h>
#include "diagnose/machine.h"
#include "diagnose/net.h"

enum { RULESET_MAX = 1 << 20, QUOTED_MAX = 3 };

static bool has(struct bytes line, const char *word) { return bytes_find(line, bytes_of_string(word)) != SIZE_MAX; }

void net_filters(struct diagnosis *d, bool may_run, bool connects)
{
    const char *const argv[] = { "nft", "list", "ruleset", NULL };
    struct bytes text = may_run && geteuid() == 0 ? machine_run(d, argv, RULESET_MAX, 5) : BYTES_NONE;
    const char *quoted = "";
    bool in_output = false, drops = false;
    unsigned n = 0;
    struct checked *c;

    if (!may_run || geteuid() != 0) {
        diagnosis_add(d, CHECK_FILTERS, RESULT_SKIP, "only root can list nftables' rules");
        return;
    }
    while (text.len) {
        size_t end = bytes_find(text, BYTES_LIT("\n"));
        struct bytes line = bytes_trim(bytes_slice(text, 0, end));

        text = end == SIZE_MAX ? BYTES_NONE : bytes_slice(text, end + 1, text.len);
        if (bytes_starts_with(line, BYTES_LIT("chain ")))
            in_output = false;
        in_output |= has(line, "hook output");
        drops = in_output && (has(line, "drop") || has(line, "reject"));
        if (drops && n++ < QUOTED_MAX && quoted)
            quoted = arena_printf(d->arena, "%s%s\"%.*s\"", quoted, *quoted ? ", " : "", BYTES_FMT(bytes_slice(line, 0, 160)));
    }
    if (!n) {
        diagnosis_add(d, CHECK_FILTERS, RESULT_PASS, "no rule of nftables drops or rejects what goes out");
        return;
    }
    c = diagnosis_add(d, CHECK_FILTERS, connects ? RESULT_PASS : RESULT_WARN, "%u rules of nftables drop or reject what goes out: %s", n,
                      quoted ? quoted : "");
    if (!connects)
        checked_remedy(d, c, "one of them may be what is in the way: put an accept rule in front (NET.03 has it)");
}
