/* What is said of an IMA list that does not give register 10, and of kernels that kexec started. */
#include "appraise/appraisal.h"
#include "appraise/ima_words.h"
#include "appraise/kernel.h"
#include "appraise/verdict.h"
#include "base/writer.h"
#include "eventlog/ima/kexec.h"
#include "support/test.h"

struct measured {
    struct arena a;
    struct writer list;
    struct pcr_set quoted; /* registers 0 to 10 in bank SHA-256 */
    struct findings findings;
};

static void measured_done(struct measured *m)
{
    writer_done(&m->list);
    arena_done(&m->a);
}

static void begin(struct measured *m)
{
    struct pcr_bank *bank = &m->quoted.banks[0];

    m->findings.arena = &m->a;
    m->quoted.n_banks = 1;
    bank->algorithm = DIGEST_SHA256;
    bank->present = 0x7ff;
    for (unsigned pcr = 0; pcr <= 10; pcr++)
        pcr_reset_value(DIGEST_SHA256, pcr, &bank->value[pcr]);
}

static void field(struct writer *w, struct bytes value)
{
    write_u32le(w, (uint32_t)value.len);
    write_bytes(w, value);
}

enum where { LISTED = 1, EXTENDED = 2 };

/* One entry, into the list, the register, or both. `buffer`: template ima-buf. */
static void add(struct measured *m, int where, const char *name, const struct digest *file, struct bytes buffer)
{
    struct writer data CLEANUP(writer_done) = { 0 };
    struct digest sha1, sha256;

    write_u32le(&data, 8 + 32);
    write_bytes(&data, BYTES_LIT("sha256:\0"));
    write_bytes(&data, digest_bytes(file));
    field(&data, (struct bytes){ (const uint8_t *)name, strlen(name) + 1 });
    if (buffer.len)
        field(&data, buffer);
    digest_compute(DIGEST_SHA1, writer_bytes(&data), &sha1);
    digest_compute(DIGEST_SHA256, writer_bytes(&data), &sha256);
    if (where & EXTENDED)
        digest_extend(&m->quoted.banks[0].value[10], digest_bytes(&sha256));
    if (!(where & LISTED))
        return;
    write_u32le(&m->list, 10);
    write_bytes(&m->list, digest_bytes(&sha1));
    field(&m->list, buffer.len ? BYTES_LIT("ima-buf") : BYTES_LIT("ima-ng"));
    field(&m->list, writer_bytes(&data));
}

static void add_file(struct measured *m, int where, const char *name)
{
    struct digest file;

    digest_compute(DIGEST_SHA256, bytes_of_string(name), &file);
    add(m, where, name, &file, BYTES_NONE);
}

static void add_aggregate(struct measured *m, int where, bool of_these_registers)
{
    struct bytes values[10];
    struct digest aggregate;

    for (unsigned pcr = 0; pcr < 10; pcr++)
        values[pcr] = digest_bytes(&m->quoted.banks[0].value[pcr]);
    digest_compute_parts(DIGEST_SHA256, values, of_these_registers ? 10 : 9, &aggregate);
    add(m, where, "boot_aggregate", &aggregate, BYTES_NONE);
}

static void add_kexec_line(struct measured *m, const char *line)
{
    struct digest digest;

    digest_compute(DIGEST_SHA256, bytes_of_string(line), &digest);
    add(m, LISTED | EXTENDED, "kexec-cmdline", &digest, bytes_of_string(line));
}

/* The one finding, with its text. */
static const struct finding *explained(struct measured *m, const char *command_line, bool piece)
{
    struct bootchain chain = { .command_line = command_line };

    ima_explain_mismatch(&m->a, piece ? BYTES_NONE : writer_bytes(&m->list), 3, &m->quoted, NULL, &chain, &m->findings);
    return m->findings.n == 1 ? &m->findings.items[0] : NULL;
}

TEST(a_list_that_went_on_while_the_registers_began_anew_is_called_that_and_is_unhealthy)
{
    struct measured m CLEANUP(measured_done) = { 0 };
    const struct finding *f;

    begin(&m);
    add_aggregate(&m, LISTED | EXTENDED, true);
    add_file(&m, LISTED | EXTENDED, "/lib/modules/virtio.ko");
    add_file(&m, LISTED, "/bin/before");
    add_file(&m, LISTED, "/bin/before-2");
    add_file(&m, LISTED | EXTENDED, "/bin/since");
    f = explained(&m, NULL, false);
    REQUIRE(f && f->id == FINDING_IMA_RESUMED);
    CHECK(strstr(f->text, "the first 2 entries and those from 4 to 4, and none of the 2 between") != NULL);
    CHECK_INT(verdict_of(&m.findings), VERDICT_UNHEALTHY);
}

TEST(what_the_evidence_hints_at_is_named_and_excuses_nothing)
{
    static const struct {
        bool same_boot, piece;
        const char *line, *says, *not ;
    } rows[] = {
        { true, false, "root=/dev/vda1 ro", "or kexec started this kernel", "resume" },
        { true, false, "root=/dev/vda1 resume=/dev/vda2", "hibernation (resume=)", "another boot" },
        { true, false, "resume=/dev/vda2 noresume", "(3 entries)", "hibernation" },
        { true, false, "resume=/dev/vda2 nohibernate", "(3 entries)", "hibernation" },
        { true, false, "x.resume=/dev/vda2 resume_offset=3", "(3 entries)", "hibernation" },
        { true, false, NULL, "(3 entries)", "hibernation" },
        { false, false, "ro", "the list is of another boot", "hibernation" },
        { false, false, "ro resume=UUID=1", "the list is of another boot. The kernel was told", "x" },
        { false, true, "ro", "(3 entries)", "boot_aggregate" }, /* of a piece nobody knows the beginning */
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct measured m CLEANUP(measured_done) = { 0 };
        const struct finding *f;
        begin(&m);
        add_aggregate(&m, LISTED, rows[i].same_boot);
        add_file(&m, LISTED, "/bin/a");
        add_file(&m, LISTED, "/bin/b");
        add_file(&m, EXTENDED, "/bin/never-listed");
        f = explained(&m, rows[i].line, rows[i].piece);
        REQUIRE(f && f->id == FINDING_IMA_MISMATCH);
        CHECK(strstr(f->text, rows[i].says) != NULL);
        CHECK(rows[i].not [0] == 'x' || strstr(f->text, rows[i].not ) == NULL);
        CHECK_INT(verdict_of(&m.findings), VERDICT_UNHEALTHY);
    }
}

/* The whole list in pieces of a few bytes more than one entry each: the state goes from one to the next as the service keeps it. */
static void judge_list(struct measured *m)
{
    struct arena scratch CLEANUP(arena_done) = { 0 };
    struct ima_replay replay;
    struct kernel_facts facts;
    struct ima_fit fit;
    struct err err = ERR_INIT;
    struct ima_cursor c;
    struct ima_entry entry;
    bool fits = false, there = true;
    size_t from = 0;

    ima_replay_begin(&m->quoted, NULL, &replay);
    REQUIRE_OK(ima_begin(writer_bytes(&m->list), &c, &err), err);
    while (there && !fits) {
        struct writer state CLEANUP(writer_done) = { 0 };
        REQUIRE_OK(ima_next(&c, &m->a, &entry, &there, &err), err);
        REQUIRE_OK(
            ima_replay_take(&replay, bytes_slice(writer_bytes(&m->list), from, c.offset - from), &m->quoted, &scratch, &fits, &fit, &err),
            err);
        from = c.offset;
        ima_replay_write(&state, &replay);
        REQUIRE_OK(ima_replay_read(writer_bytes(&state), &replay, &err), err);
    }
    REQUIRE(fits);
    REQUIRE_OK(kernel_judge(&m->a, NULL, ima_replay_summary(&replay, &fit), NULL, &m->findings, &facts, &err), err);
}

TEST(a_command_line_counts_when_its_kernel_ran)
{
    static const struct {
        const char *first, *second;
        bool ran, forbidden;
    } rows[] = {
        { "ro quiet", NULL, true, false },
        { "ro init=/bin/sh", NULL, true, true },
        { "ro init=/bin/sh", NULL, false, false },      /* made ready, as for a crash */
        { "ro init=/bin/sh", "ro quiet", true, false }, /* the last one that was made ready runs */
        { "ro quiet", "ro init=/bin/sh", true, true },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct measured m CLEANUP(measured_done) = { 0 };
        begin(&m);
        add_aggregate(&m, LISTED | EXTENDED, true);
        add_kexec_line(&m, rows[i].first);
        if (rows[i].second)
            add_kexec_line(&m, rows[i].second);
        if (rows[i].ran)
            add_aggregate(&m, LISTED | EXTENDED, true);
        add_file(&m, LISTED | EXTENDED, "/bin/later");
        judge_list(&m);
        CHECK(findings_have(&m.findings, FINDING_BOOT_CMDLINE_FORBIDDEN) == rows[i].forbidden);
    }
}

/* Kernels without an IMA policy extend the aggregate, and nothing else; kexec leaves the register and drops the list. */
TEST(kernels_before_the_one_whose_list_came_are_found_by_their_aggregates)
{
    static const struct {
        unsigned earlier, listed, unlisted; /* kernels; files of the list; files that only the register has */
        bool of_these_registers, found;
    } rows[] = { { 1, 0, 0, true, true },  { 1, 3, 0, true, true },  { 3, 1, 0, true, true },   { LIMIT_IMA_KEXECS, 0, 0, true, true },
                 { 0, 0, 0, true, false }, { 0, 2, 0, true, false }, { 1, 0, 0, false, false }, { LIMIT_IMA_KEXECS + 1, 0, 0, true, false },
                 { 1, 2, 1, true, false }, { 0, 0, 1, true, false } };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct measured m CLEANUP(measured_done) = { 0 };
        struct ima_replay replay;
        struct ima_fit fit;
        bool found;
        begin(&m);
        for (unsigned k = 0; k < rows[i].earlier; k++)
            add_aggregate(&m, EXTENDED, rows[i].of_these_registers);
        add_aggregate(&m, LISTED | EXTENDED, rows[i].of_these_registers);
        for (unsigned k = 0; k < rows[i].unlisted; k++)
            add_file(&m, EXTENDED, "/bin/never-listed");
        for (unsigned k = 0; k < rows[i].listed; k++)
            add_file(&m, LISTED | EXTENDED, "/bin/listed");
        found = ima_replay_behind_kexec(writer_bytes(&m.list), &m.quoted, NULL, &replay, &fit);
        if (found != (rows[i].found))
            test_note("row %zu", i);
        CHECK(found == rows[i].found);
        if (!found)
            continue;
        CHECK_INT(replay.n, rows[i].listed + 1);
        CHECK_INT(ima_replay_summary(&replay, &fit)->n_boots, rows[i].earlier + 1);
    }
}

TEST(no_list_is_too_long_or_too_broken_to_be_refused)
{
    struct measured m CLEANUP(measured_done) = { 0 };
    struct ima_replay replay;
    struct ima_fit fit;

    begin(&m);
    add_aggregate(&m, EXTENDED, true);
    add_aggregate(&m, LISTED | EXTENDED, true);
    for (unsigned i = 1; i < LIMIT_IMA_KEXEC_ENTRIES; i++)
        add_file(&m, LISTED | EXTENDED, "/bin/a");
    CHECK(ima_replay_behind_kexec(writer_bytes(&m.list), &m.quoted, NULL, &replay, &fit));
    for (size_t n = 0; n < 100; n++) /* cut within the first entry or two: no list that gives the register */
        CHECK(!ima_replay_behind_kexec(bytes_slice(writer_bytes(&m.list), 0, n), &m.quoted, NULL, &replay, &fit));
    add_file(&m, LISTED | EXTENDED, "/bin/a");
    CHECK(!ima_replay_behind_kexec(writer_bytes(&m.list), &m.quoted, NULL, &replay, &fit));
}

TEST(command_lines_of_more_kernels_than_are_kept_are_told)
{
    for (unsigned kernels = IMA_SUMMARY_LINES; kernels <= IMA_SUMMARY_LINES + 1; kernels++) {
        struct measured m CLEANUP(measured_done) = { 0 };
        begin(&m);
        add_aggregate(&m, LISTED | EXTENDED, true);
        for (unsigned i = 1; i <= kernels; i++) {
            add_kexec_line(&m, i == IMA_SUMMARY_LINES ? "ro single" : "ro");
            add_aggregate(&m, LISTED | EXTENDED, true);
        }
        judge_list(&m);
        CHECK(findings_have(&m.findings, FINDING_BOOT_CMDLINE_FORBIDDEN)); /* the last that is kept is looked at */
        CHECK_INT(m.findings.items[m.findings.n - 1].id, kernels > IMA_SUMMARY_LINES ? FINDING_OS_KEXEC : FINDING_BOOT_CMDLINE_FORBIDDEN);
        CHECK_INT(verdict_of(&m.findings), VERDICT_UNHEALTHY);
    }
}

/* As long as a line may be, and longer: what is cut off is not looked at, and the rest is. */
TEST(a_long_command_line_is_kept_up_to_its_limit)
{
    for (size_t len = IMA_LINE_MAX; len <= IMA_LINE_MAX + 1; len++) {
        static const char dangerous[] = " init=/x";
        struct measured m CLEANUP(measured_done) = { 0 };
        char line[IMA_LINE_MAX + 2];
        begin(&m);
        memset(line, 'a', len);
        memcpy(line + len - strlen(dangerous), dangerous, sizeof dangerous);
        add_aggregate(&m, LISTED | EXTENDED, true);
        add_kexec_line(&m, line);
        add_aggregate(&m, LISTED | EXTENDED, true);
        judge_list(&m);
        CHECK(findings_have(&m.findings, FINDING_BOOT_CMDLINE_FORBIDDEN)); /* init= has begun */
    }
}
