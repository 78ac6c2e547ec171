/* Every real log that we have: replayed registers against what the TPM held, or against an independent computation. The table says
 * which logs differ, and why; nothing else may. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/file.h"
#include "base/hex.h"
#include "base/utf8.h"
#include "eventlog/describe/describe.h"
#include "eventlog/replay/replay.h"
#include "json/parse.h"
#include "support/test.h"

/* Registers whose value in the file is not the log's, by bank. */
static const struct oddity {
    const char *name;
    enum digest_algorithm bank;
    uint32_t differs;
    const char *why;
} oddities[] = {
    { "windows-server-2022-supermicro", DIGEST_SHA1, 0x3bff,
      "Windows closed the SHA-1 bank with extra extends that the log does not have" },
};

static const struct oddity *oddity_of(const char *name, enum digest_algorithm bank)
{
    for (size_t i = 0; i < ARRAY_LEN(oddities); i++)
        if (strcmp(oddities[i].name, name) == 0 && oddities[i].bank == bank)
            return &oddities[i];
    return NULL;
}

/* Logs that are not read to their end. */
static const struct {
    const char *name;
    enum eventlog_state state;
    const char *why; /* the error says so */
} refused[] = {
    { "specid-vendordata", EVENTLOG_MALFORMED,
      "vendor information" }, /* four bytes of it lie behind the size that the event gives itself */
};

static void check_state(const char *name, const struct eventlog *log)
{
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        if (strcmp(name, refused[i].name) == 0) {
            CHECK(log->state == refused[i].state && strstr(log->parts[0].err.text, refused[i].why));
            return;
        }
    CHECK(log->state == EVENTLOG_COMPLETE);
}

static void check_sentences(const struct eventlog *log, const struct event_mark *marks)
{
    for (size_t i = 0; i < log->n_events; i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        char *sentence = event_describe(&a, log, &log->events[i], &marks[i]), *title = event_title(&a, log, &log->events[i]);
        REQUIRE(sentence && title);
        CHECK(strlen(sentence) > 10 && !strchr(sentence, '\n') && utf8_is_valid(bytes_of_string(sentence)));
    }
}

static bool values_from_json(struct arena *a, struct bytes text, struct pcr_set *ret, struct err *err)
{
    const struct json *v;

    memset(ret, 0, sizeof *ret);
    if (!json_parse(a, text, NULL, &v, err))
        return false;
    for (size_t i = 0; i < v->object.n; i++) {
        struct pcr_bank *bank = &ret->banks[ret->n_banks++];
        const struct json *registers = v->object.members[i].value;
        bank->algorithm = digest_from_name(v->object.members[i].name);
        for (size_t j = 0; j < registers->object.n; j++) {
            unsigned pcr = (unsigned)atoi((const char *)registers->object.members[j].name.data);
            bank->value[pcr].algorithm = bank->algorithm;
            if (!hex_decode_into(registers->object.members[j].value->string, bank->value[pcr].value, digest_len(bank->algorithm)))
                return err_set(err, ERR_MALFORMED, "value of register %u", pcr);
            bank->present |= 1u << pcr;
        }
    }
    return true;
}

static void note_findings(const struct findings *findings)
{
    for (size_t i = 0; i < findings->n; i++)
        test_note("    %s pcr %d event %lld: %s", finding_kind(findings->items[i].id)->id, findings->items[i].pcr,
                  (long long)findings->items[i].event, findings->items[i].text);
}

/* Registers that neither the log nor the rules explain: 10 is IMA's, 16 and 23 the programs'. */
static void check_bank(const char *name, const struct pcr_bank *values, const struct pcr_bank *computed)
{
    const struct oddity *odd = oddity_of(name, values->algorithm);
    uint32_t differs = 0;

    for (unsigned pcr = 0; pcr < 16; pcr++) {
        struct digest reset;
        pcr_reset_value(values->algorithm, pcr, &reset);
        if (pcr != 10 && (values->present & (1u << pcr)) && !digest_equal(&values->value[pcr], computed ? &computed->value[pcr] : &reset))
            differs |= 1u << pcr;
    }
    CHECK_INT(differs, odd ? odd->differs : 0);
    if (differs)
        test_note("%s, bank %s: registers 0x%x differ: %s", name, digest_name(values->algorithm), differs, odd ? odd->why : "NOT EXPECTED");
}

static void check_log(const char *folder, const char *name, const char *log_file, const char *const *value_files)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct findings findings = { .arena = &a };
    struct err err = ERR_INIT;
    struct bytes input, text;
    struct eventlog log;
    struct pcr_set *values = ARENA_NEW(&a, struct pcr_set), *computed = ARENA_NEW(&a, struct pcr_set);
    const struct replayed_log *replayed;
    struct event_mark *marks;
    char path[512];
    unsigned n_proved = 0, n_broken = 0;
    size_t used;
    bool have_values = false;

    snprintf(path, sizeof path, "%s/%s/%s", folder, name, log_file);
    if (!file_read_in(&a, shared_data(path), LIMIT_LOG_BYTES, &input, &err))
        return;
    used = a.used;
    REQUIRE_OK(eventlog_parse(&a, input, &log, &err), err);
    REQUIRE_OK(replay_marks(&a, &log, &marks, &err), err);
    used = a.used - used;
    check_state(name, &log);
    check_sentences(&log, marks);
    CHECK(eventlog_looks_confidential(&log) == (strstr(name, "intel-tdx") != NULL));
    replay_compute(&log, computed);
    for (size_t i = 0; i < log.n_events; i++) {
        n_proved += marks[i].proof == PROOF_PROVED;
        n_broken += marks[i].broken;
        if (getenv("VERBOSE"))
            test_note("   %zu pcr %u %s %s %s%s", i, log.events[i].pcr, event_type_name(log.events[i].type), proof_name(marks[i].proof),
                      proof_rule_name(marks[i].rule), marks[i].broken ? " BROKEN" : "");
    }
    test_note("%s: %zu bytes, %zu events (%u proved, %u broken), %s%s %s, memory %.1f x input", name, input.len, log.n_events, n_proved,
              n_broken, eventlog_state_name(log.state), eventlog_looks_confidential(&log) ? ", confidential" : "", log.parts[0].err.text,
              (double)used / (double)input.len);
    for (; *value_files && !have_values; value_files++) {
        snprintf(path, sizeof path, "%s/%s/%s", folder, name, *value_files);
        have_values = file_read_in(&a, shared_data(path), 1 << 20, &text, &err);
    }
    CHECK(used <= 8 * input.len || input.len < 16384);
    if (!have_values)
        return;
    REQUIRE_OK(values_from_json(&a, text, values, &err), err);
    REQUIRE_OK(replay_verify(&a, &log, values, NULL, &findings, &replayed, &err), err);
    for (size_t i = 0; i < values->n_banks; i++)
        check_bank(name, &values->banks[i], pcr_bank_find(computed, values->banks[i].algorithm));
    note_findings(&findings);
}

static void check_folder(const char *folder, const char *log_file, const char *const *value_files)
{
    const char *root = shared_data(folder);
    struct dirent **entries;
    int n;

    if (!root)
        SKIP("shared data is not there");
    n = scandir(root, &entries, NULL, alphasort);
    REQUIRE(n > 2);
    for (int i = 0; i < n; i++) {
        if (entries[i]->d_name[0] != '.')
            check_log(folder, entries[i]->d_name, log_file, value_files);
        free(entries[i]);
    }
    free(entries);
}

TEST(logs_of_public_machines_replay_or_differ_for_a_known_reason)
{
    check_folder("event-logs", "eventlog.bin", (const char *const[]){ "pcrs.json", "replay.json", NULL });
}

TEST(logs_of_our_own_machines_replay_to_the_registers_that_were_read)
{
    check_folder("boot-logs", "binary_bios_measurements", (const char *const[]){ "pcrs.json", NULL });
}
