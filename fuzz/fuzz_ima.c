/* IMA lists, binary and ascii: views inside the input or the arena, memory bounded, verification against any register. */
#include "fuzz.h"
#include "eventlog/ima.h"

enum { K_FIXED = 64 * 1024, K_INPUT = 32 }; /* an entry of 24 bytes takes some 300 in memory, ascii fields a copy besides */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena a;
    struct findings findings = { .arena = &a };
    struct err err = ERR_INIT;
    struct ima_list list;
    struct pcr_set *quoted;
    const struct verified_ima *ima;

    arena_reset(&a);
    if (!ima_parse(&a, (struct bytes){ data, size }, &list, &err)) {
        ENSURE(err.code != ERR_NONE && err.text[0]);
        return 0;
    }
    ENSURE(a.used <= K_FIXED + K_INPUT * size);
    ENSURE(!list.truncated || list.err.code == ERR_TRUNCATED);
    for (size_t i = 0; i < list.n; i++) {
        const struct ima_entry *entry = &list.entries[i];
        ENSURE(entry->number == i && entry->pcr < LIMIT_PCRS && !(entry->proved && entry->violation));
        if (!list.ascii)
            ENSURE(lies_within(entry->template_data, data, size) && lies_within(entry->name, data, size) &&
                   lies_within(entry->signature, data, size) && lies_within(entry->file_digest, data, size));
        else
            ENSURE(lies_within(entry->template_name, data, size));
    }
    quoted = ARENA_NEW(&a, struct pcr_set);
    ENSURE(quoted);
    quoted->n_banks = 2;
    for (size_t i = 0; i < 2; i++) {
        quoted->banks[i].algorithm = i ? DIGEST_SHA256 : DIGEST_SHA1;
        quoted->banks[i].present = 1u << 10;
        digest_fill(&quoted->banks[i].value[10], quoted->banks[i].algorithm, size & 1 ? 0x00 : 0x5a);
    }
    if (ima_verify(&a, &list, quoted, NULL, &findings, &ima, &err))
        ENSURE(verified_ima_n(ima) == 0);
    else
        ENSURE(findings_have(&findings, FINDING_IMA_MISMATCH));
    return 0;
}
