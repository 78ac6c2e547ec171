/* IMA lists, binary and ascii: views inside the input or the arena, memory bounded, verification against any register. */
#include "fuzz.h"
#include "eventlog/ima/replay.h"

enum { K_FIXED = 64 * 1024, K_INPUT = 32 }; /* an entry of 24 bytes takes some 300 in memory, ascii fields a copy besides */

/* A state that is read is written the same. */
static void state_round_trip(struct bytes input)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct err err = ERR_INIT;
    struct ima_replay replay;

    if (!ima_replay_read(input, &replay, &err)) {
        ENSURE(err.code == ERR_MALFORMED && err.text[0]);
        return;
    }
    ima_replay_write(&w, &replay);
    ENSURE(writer_ok(&w) && bytes_equal(writer_bytes(&w), input));
}

/* Entry by entry it is the same list. */
static void same_by_entries(struct bytes input, const struct ima_list *list)
{
    struct arena scratch CLEANUP(arena_done) = { 0 };
    struct ima_cursor c;
    struct ima_entry entry;
    struct err err = ERR_INIT;
    bool there = true;

    ENSURE(ima_begin(input, &c, &err));
    while (there) {
        arena_reset(&scratch);
        ENSURE(ima_next(&c, &scratch, &entry, &there, &err));
        if (there)
            ENSURE(entry.number < list->n && bytes_equal(entry.template_digest, list->entries[entry.number].template_digest) &&
                   bytes_equal(entry.name, list->entries[entry.number].name) && entry.proved == list->entries[entry.number].proved);
    }
    ENSURE(c.n == list->n && c.truncated == list->truncated);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena a;
    struct findings findings = { .arena = &a };
    struct err err = ERR_INIT;
    struct ima_list list;
    struct pcr_set *quoted;
    const struct verified_ima *ima;

    arena_reset(&a);
    state_round_trip((struct bytes){ data, size });
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
    same_by_entries((struct bytes){ data, size }, &list);
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
