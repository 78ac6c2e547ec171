/* Any bytes as a log, with the registers that it replays to as the quote: the walk and the comparison hold their promises. */
#include "base/utf8.h"
#include "base/writer.h"
#include "bootchain/chain/plain.h"
#include "bootchain/compare/compare.h"
#include "eventlog/replay/replay.h"
#include "fuzz.h"

/* All memory of one run, the log's own parts included: the constant covers fixed tables, the factor what events become. */
enum { MEMORY_FACTOR = 400, MEMORY_CONSTANT = 512 * 1024 };

static void texts_are_safe(const char *text)
{
    ENSURE(utf8_is_valid(bytes_of_string(text)));
    for (const char *c = text; *c; c++)
        ENSURE((unsigned char)*c >= 0x20 && *c != 0x7f);
}

static void component_is_sound(const struct component *c, const struct eventlog *log)
{
    ENSURE(c->kind < COMPONENT_KIND_COUNT && c->phase == component_kind_phase(c->kind));
    ENSURE(c->pcr >= 0 && c->pcr < LIMIT_PCRS);
    ENSURE(c->event == FINDING_NO_EVENT || (c->event >= 0 && (size_t)c->event < log->n_events));
    ENSURE(c->members.len % 32 == 0);
    ENSURE((c->event == FINDING_NO_EVENT) == (c->n_digests == 0));
    texts_are_safe(c->key);
    texts_are_safe(c->name);
    if (c->text)
        texts_are_safe(c->text);
    if (c->signer)
        texts_are_safe(c->signer);
    for (size_t i = 0; i + 64 <= c->members.len; i += 32)
        ENSURE(memcmp(c->members.data + i, c->members.data + i + 32, 32) < 0);
}

/* A fact needs an event that proves it. */
static void facts_are_proved(const struct bootchain *chain, const struct replayed_log *replayed)
{
    const struct eventlog *log = replayed_events(replayed);
    bool secure_boot = false;

    for (size_t i = 0; i < log->n_events; i++)
        secure_boot = secure_boot || (log->events[i].pcr == 7 && replayed_mark(replayed, i)->proof == PROOF_PROVED);
    ENSURE(secure_boot || chain->secure_boot == SECURE_BOOT_UNKNOWN);
    if (chain->command_line) {
        ENSURE(chain->command_line_event >= 0 && (size_t)chain->command_line_event < log->n_events);
        ENSURE(replayed_mark(replayed, (size_t)chain->command_line_event)->proof != PROOF_LABEL);
    }
    for (size_t i = 0; i < chain->n_authorities; i++)
        ENSURE(chain->authorities[i].proved || !chain->authorities[i].key.name);
}

static void run(struct arena *a, struct bytes input)
{
    struct findings findings = { .arena = a }, differences = { .arena = a };
    struct eventlog log;
    struct pcr_set quoted;
    const struct replayed_log *replayed;
    struct bootchain chain;
    struct boot_record record = { .has_log = true };
    struct err err = ERR_INIT;

    if (!eventlog_parse(a, input, &log, &err)) {
        ENSURE(err.code == ERR_LIMIT || err.code == ERR_NO_MEMORY);
        return;
    }
    replay_compute(&log, &quoted);
    if (!replay_verify(a, &log, &quoted, NULL, &findings, &replayed, &err))
        return;
    if (!bootchain_read(a, replayed, NULL, &findings, &chain, &err)) {
        ENSURE(err.code == ERR_LIMIT || err.code == ERR_NO_MEMORY);
        return;
    }
    ENSURE(a->used <= MEMORY_FACTOR * input.len + MEMORY_CONSTANT);
    for (size_t i = 0; i < chain.components.n; i++)
        component_is_sound(&chain.components.items[i], &log);
    facts_are_proved(&chain, replayed);
    for (enum phase phase = PHASE_EVIDENCE; phase <= PHASE_OS; phase++)
        texts_are_safe(plain_phase_summary(a, &chain, phase));
    texts_are_safe(plain_boot_summary(a, &chain));
    for (size_t i = 0; i < findings.n; i++)
        texts_are_safe(findings.items[i].text);

    record.components = chain.components;
    record.registers = quoted;
    ENSURE(bootchain_compare(a, &record, &record, &chain, NULL, &differences, &err));
    ENSURE(differences.n == 0);
}

/* What an honest measurer would have hashed, so that mutated data is proved and read, too. */
static struct bytes honest(const struct event *event)
{
    static const char *const prefixes[] = { "grub_cmd: ", "kernel_cmdline: " };
    struct bytes data = event->data;

    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
        if (bytes_starts_with(data, bytes_of_string(prefixes[i]))) {
            data = bytes_slice(data, strlen(prefixes[i]), data.len);
            return data.len && data.data[data.len - 1] == 0 ? bytes_slice(data, 0, data.len - 1) : data;
        }
    return data;
}

static bool remeasure(struct arena *a, struct bytes input, struct writer *w)
{
    struct eventlog log;
    struct err err = ERR_INIT;

    if (!eventlog_parse(a, input, &log, &err))
        return false;
    write_bytes(w, BYTES_LIT("\0\0\0\0\3\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x21\0\0\0"
                             "Spec ID Event03\0\0\0\0\0\0\2\0\2\1\0\0\0\x0b\0\x20\0\0"));
    for (size_t i = 0; i < log.n_events; i++) {
        const struct event *event = &log.events[i];
        struct digest d;
        digest_compute(DIGEST_SHA256, honest(event), &d);
        write_u32le(w, event->pcr);
        write_u32le(w, event->type);
        write_u32le(w, 1);
        write_u16le(w, digest_tpm_id(DIGEST_SHA256));
        write_bytes(w, digest_bytes(&d));
        write_u32le(w, (uint32_t)event->data.len);
        write_bytes(w, event->data);
    }
    return writer_ok(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena first, second;
    struct writer w = { 0 };

    arena_reset(&first);
    arena_reset(&second);
    run(&first, (struct bytes){ data, size });
    arena_reset(&first);
    if (remeasure(&first, (struct bytes){ data, size }, &w))
        run(&second, writer_bytes(&w));
    writer_done(&w);
    return 0;
}
