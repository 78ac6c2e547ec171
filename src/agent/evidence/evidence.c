#include "agent/evidence/evidence.h"
#include <stdio.h>
#include "agent/machine/collect.h"
#include "agent/machine/log_place.h"
#include "base/file.h"
#include "eventlog/software/systemd_log.h"
#include "jose/jwk.h"
#include "json/parse.h"

enum { SMALLEST_LOG = 64 }; /* bytes: less is at most a header (4.1) */

const char *log_state_name(enum log_state state)
{
    static const char *const names[] = { "present", "missing", "empty", "too large", "unreadable" };

    return names[state];
}

static const char *path_of(const char *chosen, const char *usual) { return chosen ? chosen : usual; }

/* The pseudo file says size 0; file_read reads to its end through one descriptor, into memory of our own. */
static enum log_state read_log(struct arena *a, const char *path, size_t limit, struct bytes *ret, struct err *err)
{
    *ret = BYTES_NONE;
    *err = ERR_INIT;
    if (!*path)
        return LOG_STATE_MISSING;
    if (file_read_in(a, path, limit, ret, err))
        return ret->len < SMALLEST_LOG ? LOG_STATE_EMPTY : LOG_STATE_PRESENT;
    *ret = BYTES_NONE;
    return err->code == ERR_NOT_FOUND ? LOG_STATE_MISSING : err->code == ERR_LIMIT ? LOG_STATE_TOO_LARGE : LOG_STATE_UNREADABLE;
}

static bool ends_near(size_t len, size_t area)
{
    enum { ONE_EVENT = 512 };

    return len <= area && len + ONE_EVENT > area;
}

static bool convert_systemd(struct arena *a, struct evidence_logs *logs, struct failure *why)
{
    struct writer w CLEANUP(writer_done) = { .limit = 2 * LIMIT_LOG_BYTES };
    struct systemd_log parsed;
    struct err err = ERR_INIT;

    if (!systemd_log_parse(a, logs->systemd_text, &parsed, &err) || !systemd_log_as_events(&parsed, &w, &err) || !writer_ok(&w)) {
        snprintf(logs->note, sizeof logs->note, "systemd's measurement log: %.100s", err.text);
        return true; /* the registers it would explain stay unexplained, and the verifier says so */
    }
    return arena_copy(a, writer_bytes(&w), &logs->systemd_events) ? true : failure_set(why, FAILURE_NO_MEMORY, "out of memory");
}

/* Root's helper wrote it; what is no such file says nothing. */
static const struct kernel_state *read_kernel_state(struct arena *a, const char *path)
{
    struct kernel_state *state = ARENA_NEW(a, struct kernel_state);
    const struct json *json;
    struct bytes text;
    struct err err = ERR_INIT;

    return state && file_read_in(a, path, LIMIT_SMALL_BODY_BYTES, &text, &err) && json_parse(a, text, NULL, &json, &err) &&
                   kernel_state_read(json, state, &err)
               ? state
               : NULL;
}

/* A copy may be a stretch of a list that is longer than a message. */
static bool is_whole(const struct evidence_sources *sources)
{
    uint64_t from;
    bool more;

    return !sources->collected_in || (collect_ima_part(sources->collected_in, &from, &more) && from == 0 && !more);
}

bool evidence_collect_logs(const struct evidence_sources *sources, struct arena *a, struct evidence_logs *ret, struct failure *why)
{
    const char *firmware = sources->firmware_log ? sources->firmware_log : log_place_firmware(a);
    struct err err;

    if (!firmware)
        return failure_set(why, FAILURE_NO_MEMORY, "out of memory");
    *ret = (struct evidence_logs){ 0 };
    ret->firmware_state = read_log(a, firmware, LIMIT_LOG_BYTES, &ret->firmware, &err);
    if (ret->firmware_state != LOG_STATE_PRESENT) {
        ret->firmware = BYTES_NONE;
        snprintf(ret->note, sizeof ret->note, "firmware log %s: %.110s", log_state_name(ret->firmware_state),
                 *firmware ? firmware : "no copy by collect-logs that we may read");
    }
    ret->firmware_may_be_cut = ends_near(ret->firmware.len, 64 * 1024) || ends_near(ret->firmware.len, 128 * 1024);
    if (sources->with_ima && sources->collected_in)
        (void)!collect_again(sources->collected_in, 0, LIMIT_IMA_BYTES); /* nobody answers: an old copy is better than none */
    if (sources->with_ima && is_whole(sources))
        (void)read_log(a, path_of(sources->ima_log, "/sys/kernel/security/ima/binary_runtime_measurements"), LIMIT_IMA_BYTES, &ret->ima,
                       &err);
    if (sources->kernel_state && sources->run_dir)
        collect_refresh(sources->run_dir, sources->kernel_state);
    if (sources->kernel_state)
        ret->kernel = read_kernel_state(a, sources->kernel_state);
    if (read_log(a, path_of(sources->systemd_log, "/run/log/systemd/tpm2-measure.log"), LIMIT_LOG_BYTES, &ret->systemd_text, &err) ==
        LOG_STATE_PRESENT)
        return convert_systemd(a, ret, why);
    return true;
}

static void put_log(struct json_out *out, const char *type, struct bytes log)
{
    if (!log.len)
        return;
    json_begin_object(out, NULL);
    json_put_string(out, "type", type);
    json_put_base64url(out, "log", log);
    json_end(out);
}

void evidence_put_logs(struct json_out *out, const char *name, const struct evidence_logs *logs, bool with_systemd)
{
    json_begin_array(out, name);
    put_log(out, "TCG", logs->firmware);
    if (with_systemd)
        put_log(out, "TCG", logs->systemd_events);
    put_log(out, "IMA", logs->ima);
    json_end(out);
}

void evidence_put_pcrs(struct json_out *out, const char *name, const struct pcr_set *pcrs)
{
    json_begin_array(out, name);
    for (size_t b = 0; b < pcrs->n_banks; b++) {
        const struct pcr_bank *bank = &pcrs->banks[b];

        json_begin_object(out, NULL);
        json_put_integer(out, "algorithm", digest_tpm_id(bank->algorithm));
        json_begin_array(out, "values");
        for (unsigned pcr = 0; pcr < LIMIT_PCRS; pcr++) {
            if (!(bank->present & (1u << pcr)))
                continue;
            json_begin_object(out, NULL);
            json_put_integer(out, "index", pcr);
            json_put_base64url(out, "digest", digest_bytes(&bank->value[pcr]));
            json_end(out);
        }
        json_end(out);
        json_end(out);
    }
    json_end(out);
}

static void put_piece(struct json_out *out, const struct evidence_logs *logs)
{
    json_begin_object(out, "ima");
    json_put_integer(out, "from", logs->ima_from);
    json_put_boolean(out, "more", logs->ima_more);
    json_end(out);
}

static void put_ours(struct json_out *out, const struct evidence_logs *logs)
{
    if (!logs->kernel && !logs->ima_piece)
        return;
    json_begin_object(out, "trueboot");
    if (logs->ima_piece)
        put_piece(out, logs);
    if (logs->kernel) {
        json_begin_object(out, "kernel");
        kernel_state_write(out, logs->kernel);
        json_end(out);
    }
    json_end(out);
}

void evidence_put_attestation(struct json_out *out, const char *name, const struct ak *ak, struct bytes ak_cert,
                              const struct quoted *quoted, const struct evidence_logs *logs, bool with_systemd)
{
    json_begin_object(out, name);
    evidence_put_logs(out, "logs", logs, with_systemd);
    if (ak_cert.len)
        json_put_base64url(out, "aik_cert", ak_cert);
    json_begin_object(out, "aik_pub");
    jwk_write_key(out, ak_key(ak));
    json_end(out);
    evidence_put_pcrs(out, "pcrs", &quoted->pcrs);
    json_put_base64url(out, "quote", quoted->attest);
    json_put_base64url(out, "signature", quoted->signature);
    put_ours(out, logs);
    json_end(out);
}

bool evidence_file_text(const struct evidence_file_content *content, struct writer *w, struct failure *why)
{
    struct json_out out = json_out_to(w, JSON_INDENTED);

    json_begin_object(&out, NULL);
    json_put_integer(&out, "version", 1);
    if (content->vm_id && *content->vm_id)
        json_put_string(&out, "vm", content->vm_id);
    json_put_time(&out, "time", content->time_ms);
    json_put_base64url(&out, "nonce", content->nonce);
    evidence_put_attestation(&out, "current_attestation", content->ak, content->ak_cert, content->quoted, content->logs, false);
    if (content->ek_cert.len)
        json_put_base64url(&out, "ek_cert", content->ek_cert);
    if (content->logs->systemd_text.len)
        json_put_base64url(&out, "systemd_log", content->logs->systemd_text);
    json_end(&out);
    write_string(w, "\n");
    return writer_ok(w) ? true : failure_set(why, FAILURE_NO_MEMORY, "out of memory");
}
