/* The audit log: what is written is proved, whatever is changed is named (attestation-service.md 13.5, attack-suite.md S19). */
#include "audit/audit.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "audit/checkpoint.h"
#include "audit/files.h"
#include "audit/page.h"
#include "audit/verify.h"
#include "base/clock.h"
#include "base/file.h"
#include "json/parse.h"
#include "keystore/keystore.h"
#include "support/test.h"

#define DAY_MS (24 * 3600 * INT64_C(1000))

static int64_t now;
static int64_t now_ms(void) { return now; }

struct log {
    struct arena a;
    char folder[64];
    const char *keys, *files;
    struct ca *ca;
    struct signing_key key;
    struct audit *audit;
    const char *note;
    char anchor[4096]; /* the newest checkpoint that was handed out */
    unsigned anchors;
    struct audit_report report;
    struct err err;
};

static void keep_anchor(void *context, const char *checkpoint)
{
    struct log *l = context;

    snprintf(l->anchor, sizeof l->anchor, "%s", checkpoint);
    l->anchors++;
}

static void log_done(struct log *l)
{
    char command[128];

    audit_close(l->audit);
    signing_key_done(&l->key);
    ca_free(l->ca);
    arena_done(&l->a);
    snprintf(command, sizeof command, "rm -rf %s", l->folder);
    if (l->folder[0] && system(command) != 0)
        test_note("%s is still there", l->folder);
}

static bool open_log(struct log *l)
{
    struct audit_options options = { .folder = l->files,
                                     .key = &l->key,
                                     .now_ms = now_ms,
                                     .anchor = keep_anchor,
                                     .context = l,
                                     .kept = bytes_of_string(arena_printf(&l->a, "%s", l->anchor)) };

    l->err = ERR_INIT;
    return audit_open(&options, &l->a, &l->audit, &l->note, &l->err);
}

static bool log_begin(struct log *l)
{
    now = clock_now_ms() / DAY_MS * DAY_MS + DAY_MS / 2; /* noon: files are as old as they say, and no day ends meanwhile */
    snprintf(l->folder, sizeof l->folder, "/tmp/trueboot-audit-XXXXXX");
    if (!mkdtemp(l->folder))
        return false;
    l->keys = arena_printf(&l->a, "%s/keys", l->folder);
    l->files = arena_printf(&l->a, "%s/audit", l->folder);
    return file_make_dirs(l->keys, 0700, &l->err) && keystore_ca(l->keys, "ca", NULL, "test CA", clock_now_ms(), &l->ca, &l->err) &&
           keystore_signing_key(l->keys, "audit", SIGNING_CA_ISSUED, PRIVKEY_P256, l->ca, "audit", clock_now_ms(), &l->key, &l->err) &&
           open_log(l);
}

#define LOG(l)                              \
    CLEANUP(log_done) struct log l = { 0 }; \
    REQUIRE_OK(log_begin(&l), l.err)

static void close_log(struct log *l)
{
    audit_close(l->audit);
    l->audit = NULL;
}

static bool add(struct log *l, int i)
{
    const char *members = arena_printf(&l->a,
                                       "\"Time\":\"2027-01-15T08:00:00Z\",\"operationName\":\"AttestTpm\",\"category\":\"Operational\","
                                       "\"uri\":\"/attest/Tpm\",\"durationMs\":%d",
                                       i);
    l->err = ERR_INIT;
    return audit_append(l->audit, bytes_of_string(members), false, &l->err);
}

static bool verify_with(struct log *l, struct bytes head)
{
    const struct audit_verify_options options = { .key = privkey_public(l->key.key), .heads = &head, .n_heads = head.len > 0 };
    const char *const *files;
    size_t n;

    l->err = ERR_INIT;
    return audit_files(&l->a, l->files, &files, &n, &l->err) && audit_verify(&l->a, files, n, &options, &l->report, &l->err);
}

static bool verify(struct log *l) { return verify_with(l, BYTES_NONE); }

static void note_problems(const struct log *l)
{
    for (size_t i = 0; i < l->report.n_problems && i < 3; i++)
        test_note("record %lld (line %u): %s", (long long)l->report.problems[i].seq, l->report.problems[i].line,
                  l->report.problems[i].what);
}

/* The one file's content, and putting another one there. */
static struct bytes content_of(struct log *l, size_t which, const char **ret_path)
{
    const char *const *files;
    struct bytes content = BYTES_NONE;
    size_t n;

    if (!audit_files(&l->a, l->files, &files, &n, &l->err) || which >= n || !file_read_in(&l->a, files[which], 1 << 24, &content, &l->err))
        return BYTES_NONE;
    *ret_path = files[which];
    return content;
}

TEST(records_are_chained_across_restarts_and_days)
{
    LOG(l);
    const char *const *files;
    size_t n;

    for (int i = 0; i < 10; i++)
        REQUIRE_OK(add(&l, i), l.err);
    close_log(&l);
    REQUIRE_OK(open_log(&l), l.err);
    CHECK(!l.note);
    for (int i = 0; i < 10; i++)
        REQUIRE_OK(add(&l, i), l.err);
    now += 24 * 3600 * INT64_C(1000);
    for (int i = 0; i < 10; i++)
        REQUIRE_OK(add(&l, i), l.err);
    CHECK(audit_state(l.audit).seq == 33 && audit_state(l.audit).lost == 0);
    close_log(&l);
    REQUIRE_OK(verify(&l), l.err);
    note_problems(&l);
    CHECK_INT(l.report.n_problems, 0);
    CHECK_INT(l.report.records, 34); /* begin, checkpoint, 10, checkpoint, 20, checkpoint */
    CHECK(l.report.checkpoints == 3 && l.report.signed_through == 33 && l.report.first_seq == 1);
    REQUIRE(audit_files(&l.a, l.files, &files, &n, &l.err));
    CHECK_INT(n, 2);
}

TEST(each_record_is_json_and_its_members_stand_in_it)
{
    LOG(l);
    struct bytes content;
    const struct json *record;
    const char *path;
    size_t n = 0;

    REQUIRE(add(&l, 5));
    close_log(&l);
    content = content_of(&l, 0, &path);
    REQUIRE(content.len > 0);
    while (content.len > 0) {
        size_t end = bytes_find(content, BYTES_LIT("\n"));

        REQUIRE_OK(json_parse(&l.a, bytes_slice(content, 0, end), &(struct json_options){ .refuse_duplicates = true }, &record, &l.err),
                   l.err);
        if (n++ == 2)
            CHECK(json_is_string(json_get(record, "operationName"), "AttestTpm") && json_get(record, "durationMs")->number.integer == 5);
        content = bytes_slice(content, end + 1, content.len);
    }
    CHECK_INT(n, 4);
}

static bool put_byte(const char *path, size_t at, uint8_t value)
{
    FILE *file = fopen(path, "r+b");
    bool fine = file && fseek(file, (long)at, SEEK_SET) == 0 && fputc(value, file) != EOF;

    return (file ? fclose(file) == 0 : false) && fine;
}

/* Every byte of every record, changed one at a time: the record is named, by its number and its line. */
TEST(S19_a_byte_changed_anywhere_names_its_record)
{
    LOG(l);
    struct bytes content;
    const char *path;
    unsigned line = 1;
    size_t missed = 0;

    for (int i = 0; i < 3; i++)
        REQUIRE(add(&l, i));
    close_log(&l);
    content = content_of(&l, 0, &path);
    REQUIRE(content.len > 500 && arena_copy(&l.a, content, &content));
    for (size_t i = 0; i < content.len; i++) {
        static const uint8_t flips[] = { 0x01, 0x20, 0x80 };
        uint8_t was = content.data[i];
        for (size_t f = 0; f < ARRAY_LEN(flips); f++) {
            REQUIRE(put_byte(path, i, was ^ flips[f]));
            REQUIRE_OK(verify(&l), l.err);
            if (l.report.n_problems == 0 || l.report.problems[0].seq != line || (was != '\n' && l.report.problems[0].line != line)) {
                test_note("byte %zu of record %u, %02x: %zu problems, first %lld", i, line, flips[f], l.report.n_problems,
                          (long long)l.report.problems[0].seq);
                missed++;
            }
        }
        REQUIRE(put_byte(path, i, was));
        line += was == '\n';
        if (missed > 5)
            break;
    }
    CHECK_INT(missed, 0);
    CHECK_INT(line, 7);
    REQUIRE_OK(verify(&l), l.err);
    CHECK_INT(l.report.n_problems, 0);
}

/* ---- an attacker who makes hashes anew ---- */

/* The log of n records again, record `at` changed (0: none), and hashes made as if that had always been so. */
static bool forge(struct log *l, int64_t at, int64_t leave_out)
{
    const char *path, *prev = audit_no_hash;
    struct bytes content = content_of(l, 0, &path);
    struct writer w CLEANUP(writer_done) = { 0 };
    char hash[2][AUDIT_HASH_TEXT_LEN];
    int64_t seq = 0;

    for (int64_t n = 1; content.len > 0; n++) {
        size_t end = bytes_find(content, BYTES_LIT("\n"));
        struct bytes line = bytes_slice(content, 0, end);
        size_t from = bytes_find(line, BYTES_LIT(",")) + 1, to = bytes_find(line, BYTES_LIT(",\"prev\":"));
        struct bytes members = bytes_slice(line, from, to - from);

        content = bytes_slice(content, end + 1, content.len);
        if (n == leave_out)
            continue;
        if (n == at)
            members = bytes_of_string(arena_printf(&l->a, "%.*s,\"forged\":true", BYTES_FMT(members)));
        seq++;
        audit_line_write(&w, seq, members, prev, hash[seq & 1]);
        prev = hash[seq & 1];
    }
    return file_write(path, writer_bytes(&w), 0600, &l->err);
}

TEST(a_log_written_anew_with_right_hashes_is_betrayed_by_its_checkpoints)
{
    LOG(l);
    struct bytes head;

    audit_set(l.audit, 1 << 20, 0, 4);
    for (int i = 0; i < 10; i++)
        REQUIRE(add(&l, i));
    close_log(&l);
    head = bytes_of_string(arena_printf(&l.a, "%s", l.anchor));
    REQUIRE_OK(verify_with(&l, head), l.err);
    note_problems(&l);
    CHECK(l.report.n_problems == 0 && l.report.checkpoints >= 3);

    REQUIRE(forge(&l, 0, 0)); /* the forger makes what was there */
    REQUIRE(verify_with(&l, head));
    CHECK_INT(l.report.n_problems, 0);

    REQUIRE(forge(&l, 7, 0));
    REQUIRE(verify_with(&l, head));
    CHECK(l.report.n_problems > 0 && l.report.problems[0].seq <= 7 && l.report.problems[0].seq >= 5);
    CHECK(strstr(l.report.problems[0].what, "signs another content") != NULL);
}

TEST(a_record_that_is_left_out_or_replaced_alone_is_named)
{
    LOG(l);
    struct bytes content;
    struct writer w CLEANUP(writer_done) = { 0 };
    const char *path;
    char hash[AUDIT_HASH_TEXT_LEN];
    struct audit_line third;
    size_t at = 0, end;

    for (int i = 0; i < 5; i++)
        REQUIRE(add(&l, i));
    close_log(&l);
    content = content_of(&l, 0, &path);
    for (int i = 0; i < 2; i++)
        at += bytes_find(bytes_slice(content, at, content.len), BYTES_LIT("\n")) + 1;
    end = at + bytes_find(bytes_slice(content, at, content.len), BYTES_LIT("\n")) + 1;

    /* Left out. */
    write_bytes(&w, bytes_slice(content, 0, at));
    write_bytes(&w, bytes_slice(content, end, content.len));
    REQUIRE(file_write(path, writer_bytes(&w), 0600, &l.err) && verify(&l));
    CHECK(l.report.n_problems > 0 && l.report.problems[0].seq == 3 && strstr(l.report.problems[0].what, "missing"));

    /* Replaced, with a hash of its own that fits it. */
    REQUIRE(audit_line_read(bytes_slice(content, at, end - at - 1), &third, &l.err));
    writer_reset(&w);
    write_bytes(&w, bytes_slice(content, 0, at));
    audit_line_write(&w, 3, BYTES_LIT("\"operationName\":\"Nothing\""), third.prev, hash);
    write_bytes(&w, bytes_slice(content, end, content.len));
    REQUIRE(file_write(path, writer_bytes(&w), 0600, &l.err) && verify(&l));
    CHECK(l.report.n_problems > 0 && l.report.problems[0].seq == 3);
    note_problems(&l);
}

TEST(a_log_cut_off_at_its_end_is_noticed_by_the_checkpoint_kept_elsewhere)
{
    LOG(l);
    struct bytes content, head;
    const char *path;
    size_t at = 0;

    for (int i = 0; i < 10; i++)
        REQUIRE(add(&l, i));
    close_log(&l);
    head = bytes_of_string(arena_printf(&l.a, "%s", l.anchor));
    content = content_of(&l, 0, &path);
    for (int i = 0; i < 6; i++)
        at += bytes_find(bytes_slice(content, at, content.len), BYTES_LIT("\n")) + 1;
    REQUIRE(file_write(path, bytes_slice(content, 0, at), 0600, &l.err));
    REQUIRE(verify(&l));
    CHECK_INT(l.report.n_problems, 0); /* the log alone cannot know */
    REQUIRE(verify_with(&l, head));
    CHECK(l.report.n_problems == 1 && l.report.problems[0].seq == 7 && strstr(l.report.problems[0].what, "missing at the end"));

    /* The server notices when it starts, says so, and goes on under numbers that were not used. */
    REQUIRE_OK(open_log(&l), l.err);
    CHECK(l.note && strstr(l.note, "records were removed"));
    CHECK_INT(audit_state(l.audit).seq, 14);
    REQUIRE(add(&l, 1));
    close_log(&l);
    REQUIRE(verify(&l));
    CHECK(l.report.n_problems > 0);
}

TEST(a_checkpoint_by_another_key_does_not_hold)
{
    LOG(l);
    struct signing_key other;
    struct audit_checkpoint c = { .log = "00000000-0000-4000-8000-000000000000", .seq = 3, .time_ms = 1800000000000 };
    const char *text;

    REQUIRE(keystore_signing_key(l.keys, "other", SIGNING_CA_ISSUED, PRIVKEY_P256, l.ca, "audit", clock_now_ms(), &other, &l.err));
    memcpy(c.hash, audit_no_hash, sizeof c.hash);
    REQUIRE(audit_checkpoint_sign(&l.a, &other, &c, &text, &l.err));
    CHECK(!audit_checkpoint_read(&l.a, bytes_of_string(text), privkey_public(l.key.key), &c, &l.err) && l.err.code == ERR_UNTRUSTED);
    CHECK(audit_checkpoint_read(&l.a, bytes_of_string(text), privkey_public(other.key), &c, &l.err) && c.seq == 3);
    signing_key_done(&other);
}

/* ---- crashes ---- */

TEST(a_line_cut_short_by_a_crash_is_removed_and_that_is_said)
{
    LOG(l);
    struct bytes content;
    const char *path;

    for (int i = 0; i < 3; i++)
        REQUIRE(add(&l, i));
    close_log(&l);
    content = content_of(&l, 0, &path);
    for (size_t cut = 1; cut < 200; cut += 13) {
        CHECK(truncate(path, (off_t)(content.len - cut)) == 0);
        l.anchor[0] = '\0'; /* the checkpoint went with it */
        unlink(arena_printf(&l.a, "%s/" AUDIT_HEAD_FILE, l.files));
        REQUIRE_OK(open_log(&l), l.err);
        CHECK(l.note && strstr(l.note, "crash"));
        REQUIRE(add(&l, 9));
        close_log(&l);
        REQUIRE(verify(&l));
        note_problems(&l);
        CHECK_INT(l.report.n_problems, 0);
        REQUIRE(file_write(path, content, 0600, &l.err));
    }
}

TEST(a_process_killed_while_it_writes_leaves_a_log_that_goes_on)
{
    LOG(l);
    int status, written[2];
    char byte;
    pid_t child;

    close_log(&l);
    for (int round = 0; round < 5; round++) {
        REQUIRE(pipe(written) == 0);
        child = fork();
        if (child == 0) {
            if (!open_log(&l))
                _exit(1);
            for (int i = 0;; i++)
                if (!add(&l, i) || (i == 1 && write(written[1], "", 1) != 1))
                    _exit(2);
        }
        close(written[1]);
        REQUIRE(child > 0 && read(written[0], &byte, 1) == 1); /* two records, however long they took, and then some */
        usleep(10000 + round * 7000);
        kill(child, SIGKILL);
        REQUIRE(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
        close(written[0]);
    }
    REQUIRE_OK(open_log(&l), l.err);
    close_log(&l);
    REQUIRE(verify(&l));
    note_problems(&l);
    CHECK(l.report.n_problems == 0 && l.report.records > 5);
}

TEST(a_last_record_that_does_not_hold_begins_the_chain_anew_and_stays_visible)
{
    LOG(l);
    struct bytes content;
    const char *path;

    REQUIRE(add(&l, 1));
    close_log(&l);
    content = content_of(&l, 0, &path);
    REQUIRE(arena_copy(&l.a, content, &content));
    ((uint8_t *)(uintptr_t)content.data)[content.len - 100] ^= 1;
    REQUIRE(file_write(path, content, 0600, &l.err));
    REQUIRE_OK(open_log(&l), l.err);
    CHECK(l.note && strstr(l.note, "does not hold"));
    REQUIRE(add(&l, 2));
    close_log(&l);
    REQUIRE(verify(&l));
    CHECK(l.report.n_problems >= 1 && l.report.problems[0].seq == 4);
}

/* ---- files ---- */

TEST(files_end_by_size_and_old_ones_are_removed_with_a_word)
{
    LOG(l);
    const char *const *files;
    struct timespec old[2] = { { 1700000000, 0 }, { 1700000000, 0 } };
    size_t n;

    audit_set(l.audit, 2000, 0, 1000);
    for (int i = 0; i < 30; i++)
        REQUIRE(add(&l, i));
    REQUIRE(audit_files(&l.a, l.files, &files, &n, &l.err));
    CHECK(n > 3);
    REQUIRE(verify(&l));
    CHECK_INT(l.report.n_problems, 0);
    REQUIRE(utimensat(0, files[0], old, 0) == 0 && utimensat(0, files[1], old, 0) == 0);
    audit_set(l.audit, 2000, 30, 1000);
    for (int i = 0; i < 10; i++)
        REQUIRE(add(&l, i));
    close_log(&l);
    CHECK(!file_exists(files[0]) && !file_exists(files[1]) && file_exists(files[2]));
    REQUIRE(verify(&l));
    note_problems(&l);
    CHECK(l.report.n_problems == 0 && l.report.first_seq > 1);
    unlink(files[2]); /* by somebody else */
    REQUIRE(verify(&l));
    CHECK(l.report.n_problems == 1 && strstr(l.report.problems[0].what, "missing at the beginning"));
}

/* ---- pages ---- */

/* The log's text, piece by piece; the number of pieces. */
static size_t read_in_pages(struct log *l, size_t limit, size_t max_bytes, struct writer *all)
{
    struct audit_page page = { .more = true };
    size_t n = 0;

    while (page.more && n < 10000) {
        size_t before = all->len;
        if (!audit_page(&l->a, l->files, page.last_seq, limit, all->len + max_bytes, "\n", all, &page, &l->err))
            return 0;
        CHECK(page.n >= 1 && page.n <= limit);
        if (all->len > before)
            write_string(all, "\n");
        n++;
    }
    return n;
}

TEST(a_log_read_in_pages_is_the_log_byte_for_byte)
{
    enum { SMALL = 2000, LARGE = 64 * 1024 * 1024, RECORDS = 800 };
    static const int64_t sizes[] = { SMALL, LARGE }; /* many files; one in which a place has to be looked for */

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        LOG(l);
        struct writer whole CLEANUP(writer_done) = { 0 }, pages CLEANUP(writer_done) = { 0 };
        const char *const *files;
        struct audit_page page;
        size_t n;

        audit_set(l.audit, sizes[i], 0, 1000);
        for (int r = 0; r < RECORDS; r++)
            REQUIRE(add(&l, r));
        close_log(&l);
        REQUIRE(audit_files(&l.a, l.files, &files, &n, &l.err));
        CHECK(sizes[i] == SMALL ? n > 10 : n == 1);
        for (size_t k = 0; k < n; k++) {
            struct bytes content;
            REQUIRE(file_read_in(&l.a, files[k], LARGE, &content, &l.err));
            write_bytes(&whole, content);
        }
        CHECK(whole.len > 128 * 1024 || sizes[i] == SMALL);
        CHECK(read_in_pages(&l, 7, LARGE, &pages) >= RECORDS / 7);
        CHECK_BYTES(writer_bytes(&pages), writer_bytes(&whole));
        pages.len = 0;
        CHECK(read_in_pages(&l, 1000, 1500, &pages) > 10); /* a page is bounded in bytes as well */
        CHECK_BYTES(writer_bytes(&pages), writer_bytes(&whole));

        pages.len = 0;
        REQUIRE(audit_page(&l.a, l.files, 250, 1, LARGE, "", &pages, &page, &l.err));
        CHECK(page.n == 1 && page.last_seq == 251 && page.more && bytes_starts_with(writer_bytes(&pages), BYTES_LIT("{\"seq\":251,")));
        pages.len = 0;
        REQUIRE(audit_page(&l.a, l.files, 1000000, 10, LARGE, "", &pages, &page, &l.err));
        CHECK(page.n == 0 && page.last_seq == 1000000 && !page.more && pages.len == 0);
    }
}

TEST(a_record_that_is_being_written_is_not_read_yet)
{
    LOG(l);
    struct writer w CLEANUP(writer_done) = { 0 };
    const char *const *files;
    struct audit_page page, after;
    struct err ignored = ERR_INIT;
    FILE *file;
    size_t n;

    for (int r = 0; r < 3; r++)
        REQUIRE(add(&l, r));
    close_log(&l);
    REQUIRE(audit_page(&l.a, l.files, 0, 100, 100000, "", &w, &page, &l.err) && audit_files(&l.a, l.files, &files, &n, &l.err));
    file = fopen(files[0], "ae");
    REQUIRE(file != NULL);
    fprintf(file, "{\"seq\":%lld,\"Time\"", (long long)page.last_seq + 1);
    fclose(file);
    REQUIRE(audit_page(&l.a, l.files, 0, 100, 100000, "", &w, &after, &l.err));
    CHECK(after.n == page.n && after.last_seq == page.last_seq && !after.more);
    CHECK(!audit_page(&l.a, "/nowhere", 0, 1, 1, "", &w, &after, &ignored) && ignored.code == ERR_NOT_FOUND);
}

TEST(when_the_disk_is_full_the_loss_is_counted_and_said_later)
{
    LOG(l);
    struct rlimit was, small;
    struct bytes content;
    const char *path;

    REQUIRE(add(&l, 0));
    signal(SIGXFSZ, SIG_IGN);
    REQUIRE(getrlimit(RLIMIT_FSIZE, &was) == 0);
    small = (struct rlimit){ 1500, was.rlim_max };
    REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
    for (int i = 0; i < 10; i++)
        CHECK(add(&l, i) || l.err.code == ERR_IO);
    CHECK(audit_state(l.audit).failing && audit_state(l.audit).lost >= 5);
    REQUIRE(setrlimit(RLIMIT_FSIZE, &was) == 0);
    CHECK(add(&l, 77) && !audit_state(l.audit).failing);
    close_log(&l);
    REQUIRE(verify(&l));
    note_problems(&l);
    CHECK_INT(l.report.n_problems, 0); /* no half line is left */
    content = content_of(&l, 0, &path);
    CHECK(bytes_find(content, BYTES_LIT("\"operationName\":\"AuditGap\"")) != SIZE_MAX);
}

TEST(a_record_at_the_limit_is_written_and_one_beyond_it_is_refused)
{
    LOG(l);
    char *big = arena_alloc(&l.a, AUDIT_LINE_MAX + 1);
    size_t room = AUDIT_LINE_MAX - strlen("{\"seq\":2,\"x\":\"\",\"prev\":\"\",\"hash\":\"\"}\n") - 2 * 64;

    REQUIRE(big);
    for (int beyond = 0; beyond < 2; beyond++) {
        size_t fill = room + (size_t)beyond;

        memcpy(big, "\"x\":\"", 5);
        memset(big + 5, 'x', fill);
        big[5 + fill] = '"';
        l.err = ERR_INIT;
        CHECK(audit_append(l.audit, (struct bytes){ (uint8_t *)big, fill + 6 }, true, &l.err) == !beyond);
        CHECK(!beyond || l.err.code == ERR_LIMIT);
    }
    CHECK(add(&l, 1));
    close_log(&l);
    REQUIRE(verify(&l));
    CHECK_INT(l.report.n_problems, 0);
}
