#include "agent/collect.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "agent/folder.h"
#include "agent/kernel_look.h"
#include "base/file.h"
#include "base/limits.h"
#include "crypto/digest.h"
#include "json/parse.h"
#include "json/write.h"

enum { AGAIN_WAIT_MS = 5000, AGAIN_POLL_MS = 50, OLD_SECONDS = 15 * 60 };

static const char firmware_name[] = "bios.log", ima_name[] = "ima.bin", kernel_name[] = "kernel.json", ids_name[] = "ids.json";

struct copier {
    int folder;
    uid_t uid;
    gid_t gid;
    struct json_out out;
};

static bool copy_log(struct copier *c, const char *member, const char *source, const char *name, size_t limit, struct err *err)
{
    struct bytes log CLEANUP(file_free) = BYTES_NONE;
    struct err problem = ERR_INIT;
    struct digest sha256;

    json_begin_object(&c->out, member);
    json_put_string(&c->out, "source", source);
    if (file_read(source, limit, &log, &problem)) {
        digest_compute(DIGEST_SHA256, log, &sha256);
        json_put_integer(&c->out, "length", (int64_t)log.len);
        json_put_hex(&c->out, "sha256", digest_bytes(&sha256));
        json_end(&c->out);
        return folder_write_for(c->folder, name, log, 0640, geteuid(), c->gid, err);
    }
    json_put_string(&c->out, "reason", problem.text);
    json_end(&c->out);
    return unlinkat(c->folder, name, 0) == 0 || errno == ENOENT ? true
                                                                : err_set(err, ERR_IO, "cannot remove %s: %s", name, strerror(errno));
}

static void put_line_of(struct json_out *out, const char *member, const char *path)
{
    struct bytes text CLEANUP(file_free) = BYTES_NONE;
    char uuid[UUID_TEXT_LEN];
    struct err err = ERR_INIT;

    if (file_read(path, 256, &text, &err) && uuid_canonical(bytes_trim(text), uuid))
        json_put_string(out, member, uuid);
    else
        json_put_null(out, member);
}

static const char * or (const char *given, const char *usual) { return given ? given : usual; }

static bool write_kernel_state(struct copier *c, const char *root, struct err *err)
{
    struct writer w CLEANUP(writer_done) = { .limit = LIMIT_SMALL_BODY_BYTES };
    struct json_out out = json_out_to(&w, JSON_INDENTED);
    struct kernel_state state;

    kernel_look(root, &state);
    json_begin_object(&out, NULL);
    kernel_state_write(&out, &state);
    json_end(&out);
    write_string(&w, "\n");
    return writer_ok(&w) ? folder_write_for(c->folder, kernel_name, writer_bytes(&w), 0640, geteuid(), c->gid, err)
                         : err_set(err, ERR_NO_MEMORY, "out of memory");
}

static bool copy_all(struct copier *c, const struct collect_sources *s, int64_t now_ms, struct err *err)
{
    json_begin_object(&c->out, NULL);
    json_put_integer(&c->out, "schema", COLLECT_SCHEMA);
    put_line_of(&c->out, "bootId", or (s->boot_id, "/proc/sys/kernel/random/boot_id"));
    put_line_of(&c->out, "productUuid", or (s->product_uuid, "/sys/class/dmi/id/product_uuid"));
    json_put_time(&c->out, "collectedTime", now_ms);
    if (!copy_log(c, "firmwareLog", or (s->firmware_log, "/sys/kernel/security/tpm0/binary_bios_measurements"), firmware_name,
                  LIMIT_LOG_BYTES, err))
        return false;
    if (!s->with_ima)
        json_put_null(&c->out, "ima");
    else if (!copy_log(c, "ima", or (s->ima_log, "/sys/kernel/security/ima/binary_runtime_measurements"), ima_name, LIMIT_IMA_BYTES, err))
        return false;
    json_put_boolean(&c->out, "kernelState", s->with_kernel);
    json_end(&c->out);
    return !s->with_kernel || write_kernel_state(c, s->kernel_root, err);
}

bool collect_logs(const struct places *places, const struct collect_sources *sources, uid_t uid, gid_t gid, int64_t now_ms, struct err *err)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct copier c = { .folder = -1, .uid = uid, .gid = gid, .out = json_out_to(&w, JSON_INDENTED) };
    bool fine;

    if (!places_make_run(places, uid, gid, err) || !folder_open(places->run_dir, &c.folder, err))
        return false;
    fine = copy_all(&c, sources, now_ms, err);
    write_string(&w, "\n");
    /* Last: who finds it finds the logs that it speaks of. */
    fine = fine && (writer_ok(&w) ? folder_write_for(c.folder, ids_name, writer_bytes(&w), 0640, geteuid(), gid, err)
                                  : err_set(err, ERR_NO_MEMORY, "out of memory"));
    folder_close_at(&c.folder);
    return fine;
}

static int64_t age_of(const char *run_dir, const char *name)
{
    char path[PATH_MAX];
    struct stat st;

    if (snprintf(path, sizeof path, "%s/%s", run_dir, name) >= (int)sizeof path || stat(path, &st))
        return 0;
    return (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
}

bool collect_again(const char *run_dir)
{
    const struct timespec pause = { .tv_nsec = AGAIN_POLL_MS * 1000000L };
    int64_t before = age_of(run_dir, ids_name);
    struct err err = ERR_INIT;
    char path[PATH_MAX];

    if (!before || snprintf(path, sizeof path, "%s/out/collect-request", run_dir) >= (int)sizeof path ||
        !file_write(path, BYTES_LIT("1\n"), 0640, &err))
        return false;
    for (int waited = 0; waited < AGAIN_WAIT_MS; waited += AGAIN_POLL_MS) {
        nanosleep(&pause, NULL);
        if (age_of(run_dir, ids_name) != before)
            return true;
    }
    return false;
}

void collect_refresh(const char *run_dir, const char *path)
{
    struct stat st;

    if (stat(path, &st) == 0 && time(NULL) - st.st_mtim.tv_sec > OLD_SECONDS)
        (void)!collect_again(run_dir); /* nobody answers: an old copy is better than none */
}

bool collect_find(struct arena *a, const char *run_dir, const char *boot_id, struct collected *ret)
{
    char *path = arena_printf(a, "%s/%s", run_dir, ids_name);
    const struct json *ids;
    struct bytes text;
    struct err err = ERR_INIT;

    *ret = (struct collected){ 0 };
    if (!path || !*boot_id || !file_read_in(a, path, LIMIT_SMALL_BODY_BYTES, &text, &err) || !json_parse(a, text, NULL, &ids, &err) ||
        !json_is_string(json_get(ids, "bootId"), boot_id))
        return false;
    ret->firmware_log = arena_printf(a, "%s/%s", run_dir, firmware_name);
    if (json_get(ids, "ima") && json_get(ids, "ima")->type == JSON_OBJECT)
        ret->ima_log = arena_printf(a, "%s/%s", run_dir, ima_name);
    if (json_get(ids, "kernelState") && json_get(ids, "kernelState")->type == JSON_BOOLEAN && json_get(ids, "kernelState")->boolean)
        ret->kernel_state = arena_printf(a, "%s/%s", run_dir, kernel_name);
    if (!uuid_canonical(json_text(json_get(ids, "productUuid"), BYTES_NONE), ret->product_uuid))
        ret->product_uuid[0] = 0;
    return ret->firmware_log != NULL;
}
