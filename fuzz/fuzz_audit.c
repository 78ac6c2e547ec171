/* Audit logs as somebody may have left them: a line that holds is the only spelling of its record; verifying any file ends and says what is wrong. */
#include "fuzz.h"
#include <stdlib.h>
#include <unistd.h>
#include "audit/checkpoint.h"
#include "audit/verify.h"

static void check_line(struct bytes line)
{
    struct audit_line l;
    struct err err = ERR_INIT;
    struct writer w CLEANUP(writer_done) = { 0 };
    char hash[AUDIT_HASH_TEXT_LEN], said[AUDIT_HASH_TEXT_LEN], computed[AUDIT_HASH_TEXT_LEN];
    size_t from;

    audit_line_guess(line, said, computed);
    ENSURE(computed[0] != '\0');
    if (!audit_line_read(line, &l, &err)) {
        ENSURE(err.code == ERR_MALFORMED || err.code == ERR_UNTRUSTED);
        return;
    }
    ENSURE(strcmp(said, computed) == 0 && strcmp(said, l.hash) == 0);
    from = bytes_find(line, BYTES_LIT(",")) + 1;
    audit_line_write(&w, l.seq, bytes_slice(line, from, line.len - from - strlen(",\"prev\":\"\",\"hash\":\"\"}") - 128), l.prev, hash);
    /* A number may have been written with zeros in front; otherwise the bytes are the same. */
    ENSURE(w.len <= line.len + 1 && strlen(hash) == 64);
}

static void check_file(const uint8_t *data, size_t size)
{
    char path[] = "/tmp/trueboot-fuzz-audit-XXXXXX";
    int fd = mkstemp(path);
    const char *const files[] = { path };
    const struct audit_verify_options options = { 0 };
    static struct audit_report report;
    static struct arena a;
    struct err err = ERR_INIT;

    if (fd < 0)
        return;
    arena_reset(&a);
    if (write(fd, data, size) == (ssize_t)size && audit_verify(&a, files, 1, &options, &report, &err)) {
        for (size_t i = 0; i < report.n_problems && i < AUDIT_PROBLEMS_MAX; i++)
            ENSURE(report.problems[i].what != NULL);
        ENSURE(size == 0 || report.records > 0 || report.n_problems > 0);
    }
    close(fd);
    unlink(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = { data, size };
    struct audit_checkpoint c;
    struct err err = ERR_INIT;
    static struct arena a;

    arena_reset(&a);
    check_line(bytes_slice(text, 0, bytes_find(text, BYTES_LIT("\n"))));
    check_file(data, size);
    if (audit_checkpoint_read(&a, text, NULL, &c, &err))
        ENSURE(c.seq > 0 && strlen(c.log) == 36);
    return 0;
}
