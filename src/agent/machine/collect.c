#include "agent/machine/collect.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "agent/files/file_part.h"
#include "agent/files/folder.h"
#include "agent/files/usual.h"
#include "agent/machine/kernel_look.h"
#include "agent/settings/config.h"
#include "base/file.h"
#include "base/limits.h"
#include "crypto/digest.h"
#include "json/parse.h"
#include "json/write.h"

enum { AGAIN_WAIT_MS = 5000, AGAIN_POLL_MS = 50, OLD_SECONDS = 15 * 60 };

static const char firmware_name[] = "bios.log", ima_name[] = "ima.bin", kernel_name[] = "kernel.json", ids_name[] = "ids.json",
                  host_name[] = CONFIG_HOST_COPY;

struct copier {
    int folder;
    uid_t uid;
    gid_t gid;
    struct json_out out;
};

static bool remove_copy(struct copier *c, const char *name, struct err *err)
{
    return unlinkat(c->folder, name, 0) == 0 || errno == ENOENT ? true
                                                                : err_set(err, ERR_IO, "cannot remove %s: %s", name, strerror(errno));
}

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
    return remove_copy(c, name, err);
}

/* What the daemon asks for, "ima FROM MOST"; without a request that is understood, the beginning of the list. It chooses a stretch of a list that it
 * may read anyway, and nothing else. */
static void read_request(const struct copier *c, uint64_t *ret_from, size_t *ret_most)
{
    char text[64];
    unsigned long long from, most;
    int fd = openat(c->folder, "out/collect-request", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

    *ret_from = 0;
    *ret_most = LIMIT_IMA_BYTES;
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = 0;
    if (sscanf(text, "ima %18llu %18llu", &from, &most) != 2)
        return;
    *ret_from = from;
    *ret_most = most > 0 && most < LIMIT_IMA_BYTES ? (size_t)most : LIMIT_IMA_BYTES;
}

/* The list may be longer than what a message takes: then a stretch of it is copied. */
static bool copy_ima(struct copier *c, const char *source, struct err *err)
{
    struct bytes part CLEANUP(file_free) = BYTES_NONE;
    struct err problem = ERR_INIT;
    struct digest sha256;
    uint64_t from;
    size_t most;
    bool more;

    read_request(c, &from, &most);
    json_begin_object(&c->out, "ima");
    json_put_string(&c->out, "source", source);
    if (file_part_read(source, from, most, &part, &more, &problem)) {
        digest_compute(DIGEST_SHA256, part, &sha256);
        json_put_integer(&c->out, "from", (int64_t)from);
        json_put_integer(&c->out, "length", (int64_t)part.len);
        json_put_boolean(&c->out, "more", more);
        json_put_hex(&c->out, "sha256", digest_bytes(&sha256));
        json_end(&c->out);
        return folder_write_for(c->folder, ima_name, part, 0640, geteuid(), c->gid, err);
    }
    json_put_string(&c->out, "reason", problem.text);
    json_end(&c->out);
    return remove_copy(c, ima_name, err);
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

static bool copy_host_item(struct copier *c, const char *source, struct err *err)
{
    struct bytes item CLEANUP(file_free) = BYTES_NONE;
    struct err none = ERR_INIT;

    if (*source && file_read(source, LIMIT_SMALL_BODY_BYTES, &item, &none))
        return folder_write_for(c->folder, host_name, item, 0640, geteuid(), c->gid, err);
    return remove_copy(c, host_name, err);
}

static bool copy_all(struct copier *c, const struct collect_sources *s, int64_t now_ms, struct err *err)
{
    if (!copy_host_item(c, or (s->host_item, USUAL_HOST_ITEM), err))
        return false;
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
    else if (!copy_ima(c, or (s->ima_log, "/sys/kernel/security/ima/binary_runtime_measurements"), err))
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

bool collect_again(const char *run_dir, uint64_t from, size_t most)
{
    const struct timespec pause = { .tv_nsec = AGAIN_POLL_MS * 1000000L };
    int64_t before = age_of(run_dir, ids_name);
    struct err err = ERR_INIT;
    char path[PATH_MAX], text[64];

    snprintf(text, sizeof text, "ima %llu %zu\n", (unsigned long long)from, most);
    if (!before || snprintf(path, sizeof path, "%s/out/collect-request", run_dir) >= (int)sizeof path ||
        !file_write(path, bytes_of_string(text), 0640, &err))
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
        (void)!collect_again(run_dir, 0, LIMIT_IMA_BYTES); /* nobody answers: an old copy is better than none */
}

static const struct json *read_ids(struct arena *a, const char *run_dir)
{
    char *path = arena_printf(a, "%s/%s", run_dir, ids_name);
    const struct json *ids;
    struct bytes text;
    struct err err = ERR_INIT;

    return path && file_read_in(a, path, LIMIT_SMALL_BODY_BYTES, &text, &err) && json_parse(a, text, NULL, &ids, &err) ? ids : NULL;
}

bool collect_ima_part(const char *run_dir, uint64_t *ret_from, bool *ret_more)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const struct json *ima = json_get(read_ids(&a, run_dir), "ima");
    int64_t from;

    if (!json_as_integer(json_get(ima, "from"), &from) || from < 0)
        return false;
    *ret_from = (uint64_t)from;
    return !ret_more || json_as_boolean(json_get(ima, "more"), ret_more);
}

bool collect_find(struct arena *a, const char *run_dir, const char *boot_id, struct collected *ret)
{
    const struct json *ids = read_ids(a, run_dir);

    *ret = (struct collected){ 0 };
    if (!*boot_id || !json_is_string(json_get(ids, "bootId"), boot_id))
        return false;
    ret->firmware_log = arena_printf(a, "%s/%s", run_dir, firmware_name);
    ret->ima_log = arena_printf(a, "%s/%s", run_dir, ima_name); /* not asked for yet: it will be */
    if (json_get(ids, "kernelState") && json_get(ids, "kernelState")->type == JSON_BOOLEAN && json_get(ids, "kernelState")->boolean)
        ret->kernel_state = arena_printf(a, "%s/%s", run_dir, kernel_name);
    if (!uuid_canonical(json_text(json_get(ids, "productUuid"), BYTES_NONE), ret->product_uuid))
        ret->product_uuid[0] = 0;
    return ret->firmware_log != NULL;
}

bool collect_is_installed(const char *root)
{
    static const char *const folders[] = { "/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system" };
    struct stat st;
    char path[PATH_MAX];

    for (size_t i = 0; i < ARRAY_LEN(folders); i++)
        if (snprintf(path, sizeof path, "%s%s/trueboot-agent-collect.service", root, folders[i]) < (int)sizeof path && stat(path, &st) == 0)
            return true;
    return false;
}

void collect_sources_of(struct arena *a, const char *root, const char *run_dir, const char *boot_id, struct collected *ret)
{
    if (!collect_find(a, run_dir, boot_id, ret) && collect_is_installed(root))
        *ret = (struct collected){ .firmware_log = "", .ima_log = "" };
}
