#define _GNU_SOURCE
#include "vmhost/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "base/file.h"
#include "base/hex.h"
#include "crypto/digest.h"
#include "vmhost/grub_config.h"
#include "vmhost/guest_disk.h"
#include "vmhost/initramfs.h"
#include "vmhost/process.h"
#include "vmhost/tree.h"

enum {
    TOOL_MS = 120000,
    MIB = 1024 * 1024,
    /* Firmware, shim and GRUB read a file cluster by cluster, which costs seconds in emulation: the largest clusters that FAT has,
     * and as many of them as make it FAT32 (65525). The disk is sparse. */
    CLUSTER_SECTORS = 64,
    ESP_MIN_MIB = 2100,
    FREE_NEEDED_MIB = 200,
    FILE_MAX = 256 * MIB,
};

/* Part of every id: changes when the way the disk is laid out does. */
static const char recipe[] = "trueboot guest disk 2";

struct esp_file {
    const char *path; /* on the partition */
    struct bytes content;
};

enum { ESP_FILES = 6 };

struct build {
    const struct vm_host *host;
    const struct host_parts *parts;
    struct arena arena;
    struct writer cpio;
    struct esp_file files[ESP_FILES]; /* initrd.zst holds the cpio until it is packed */
    const char *dir;                  /* where the disk is being made */
};

static void build_done(struct build *b)
{
    writer_done(&b->cpio);
    arena_done(&b->arena);
}

enum { FILE_SHIM, FILE_MOK_MANAGER, FILE_GRUB, FILE_CONFIG, FILE_KERNEL, FILE_INITRD };

static bool gather(struct build *b, struct err *err)
{
    const struct {
        const char *path, *from;
    } copied[] = {
        [FILE_SHIM] = { "EFI/BOOT/BOOTX64.EFI", b->parts->shim }, [FILE_MOK_MANAGER] = { "EFI/BOOT/mmx64.efi", b->parts->mok_manager },
        [FILE_GRUB] = { "EFI/BOOT/grubx64.efi", b->parts->grub }, [FILE_CONFIG] = { "EFI/debian/grub.cfg", NULL },
        [FILE_KERNEL] = { "vmlinuz", b->parts->kernel },          [FILE_INITRD] = { "initrd.zst", NULL },
    };
    const char *config;

    for (size_t i = 0; i < ESP_FILES; i++) {
        b->files[i].path = copied[i].path;
        if (copied[i].from && !file_read_in(&b->arena, copied[i].from, FILE_MAX, &b->files[i].content, err))
            return false;
    }
    config = grub_config_make(&b->arena, b->files[FILE_GRUB].content, IMAGE_DEFAULT_CMDLINE);
    if (!config)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    if (!initramfs_build(b->host, b->parts, &b->cpio, err))
        return false;
    b->files[FILE_CONFIG].content = bytes_of_string(config);
    b->files[FILE_INITRD].content = writer_bytes(&b->cpio);
    return true;
}

/* Each part with its length before it: no two lists of files hash alike. */
static void name_by_content(const struct build *b, char id[static IMAGE_ID_LEN])
{
    struct bytes parts[1 + 3 * ESP_FILES];
    uint8_t lengths[ESP_FILES][8];
    struct digest d;
    size_t n = 0;

    parts[n++] = (struct bytes){ (const uint8_t *)recipe, sizeof recipe };
    for (size_t i = 0; i < ESP_FILES; i++) {
        const struct esp_file *f = &b->files[i];
        for (unsigned byte = 0; byte < 8; byte++)
            lengths[i][byte] = (uint8_t)((uint64_t)f->content.len >> (8 * byte));
        parts[n++] = (struct bytes){ (const uint8_t *)f->path, strlen(f->path) + 1 };
        parts[n++] = BYTES_OF(lengths[i]);
        parts[n++] = f->content;
    }
    digest_compute_parts(DIGEST_SHA256, parts, n, &d);
    hex_encode(digest_bytes(&d), id);
}

static bool run(struct build *b, const char *const argv[], struct bytes input, struct err *err)
{
    /* mtools and mkfs.fat put the time of making into what they make. */
    static const char *const env[] = { "MTOOLS_SKIP_CHECK=1", "SOURCE_DATE_EPOCH=1700000000", NULL };

    return process_run(&(struct process_job){ .argv = argv, .env = env, .dir = b->dir, .input = input, .timeout_ms = TOOL_MS }, &b->arena,
                       NULL, err);
}

/* The files as they will lie on the partition, below `dir`/esp, with fixed times. */
static bool stage(struct build *b, struct err *err)
{
    static const struct timespec times[2] = { { .tv_sec = 1700000000 }, { .tv_sec = 1700000000 } };
    static const char *const folders[] = { "esp/EFI/BOOT", "esp/EFI/debian", "esp/EFI" };
    const char *zstd[] = { b->parts->zstd, "-q", "-3", "-T1", "--rm", "-f", "esp/initrd.zst.raw", "-o", "esp/initrd.zst", NULL };

    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        const char *folder = arena_printf(&b->arena, "%s/%s", b->dir, folders[i]);
        if (!folder)
            return err_set(err, ERR_NO_MEMORY, "no memory");
        if (!file_make_dirs(folder, 0700, err))
            return false;
    }
    for (size_t i = 0; i < ESP_FILES; i++) {
        const char *file = arena_printf(&b->arena, "%s/esp/%s%s", b->dir, b->files[i].path, i == FILE_INITRD ? ".raw" : "");
        if (!file)
            return err_set(err, ERR_NO_MEMORY, "no memory");
        if (!file_write(file, b->files[i].content, 0600, err))
            return false;
    }
    if (!run(b, zstd, BYTES_NONE, err))
        return false;
    for (size_t i = 0; i < ESP_FILES + ARRAY_LEN(folders); i++) {
        const char *name = i < ESP_FILES ? arena_printf(&b->arena, "%s/esp/%s", b->dir, b->files[i].path)
                                         : arena_printf(&b->arena, "%s/%s", b->dir, folders[i - ESP_FILES]);
        if (!name || utimensat(AT_FDCWD, name, times, 0) != 0)
            return err_set(err, ERR_IO, "cannot set the time of %s", name ? name : "a file");
    }
    return true;
}

static unsigned esp_mib(const struct build *b)
{
    size_t total = 0;
    for (size_t i = 0; i < ESP_FILES; i++)
        total += b->files[i].content.len; /* the initramfs counts unpacked: more than it will need */
    unsigned mib = (unsigned)(total / MIB) + 4;
    return mib < ESP_MIN_MIB ? ESP_MIN_MIB : mib;
}

/* GPT with one EFI system partition from 1 MiB on; a MiB behind it for the second table. */
static bool make_disk(struct build *b, struct err *err)
{
    unsigned mib = esp_mib(b);
    const char *disk = arena_printf(&b->arena, "%s/disk.raw", b->dir), *image = arena_printf(&b->arena, "disk.raw@@%d", IMAGE_ESP_OFFSET),
               *blocks = arena_printf(&b->arena, "%u", mib * 1024), *cluster = arena_printf(&b->arena, "%d", CLUSTER_SECTORS);
    const char *table = arena_printf(&b->arena,
                                     "label: gpt\nlabel-id: 74727565-626f-6f74-8001-000000000001\n"
                                     "start=2048, size=%u, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name=ESP, "
                                     "uuid=74727565-626f-6f74-8001-000000000002\n",
                                     mib * 2048);
    if (!disk || !image || !blocks || !cluster || !table)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    const char *sfdisk[] = { b->parts->sfdisk, "-q", "--no-reread", "--no-tell-kernel", "disk.raw", NULL };
    const char *mkfs[] = { b->parts->mkfs_vfat, "--invariant", "--offset", "2048",     "-F",   "32", "-i",
                           "7472B007",          "-n",          "ESP",      "disk.raw", blocks, NULL };
    const char *mcopy[] = { b->parts->mcopy, "-s", "-m", "-n", "-o", "-i", image, "esp/EFI", "esp/vmlinuz", "esp/initrd.zst", "::", NULL };

    if (!file_write(disk, BYTES_NONE, 0600, err))
        return false;
    if (truncate(disk, (off_t)(mib + 2) * MIB) != 0)
        return err_set(err, ERR_IO, "cannot make %s: %s", disk, strerror(errno));
    return run(b, sfdisk, bytes_of_string(table), err) && run(b, mkfs, BYTES_NONE, err) && run(b, mcopy, BYTES_NONE, err);
}

static bool enough_space(const char *images, struct err *err)
{
    struct statvfs fs;

    if (statvfs(images, &fs) == 0 && (unsigned long long)fs.f_bavail * fs.f_frsize / MIB < FREE_NEEDED_MIB)
        return err_set(err, ERR_IO, "less than %d MiB are free in %s: free some space, or choose another data folder", FREE_NEEDED_MIB,
                       images);
    return true;
}

/* Makes the disk in a folder of its own; rename publishes it whole. Somebody else who was faster made the same. */
static bool build_disk(struct build *b, const char *images, const char *final, struct err *err)
{
    char *dir = arena_printf(&b->arena, "%s/.new.XXXXXX", images);

    if (!dir)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    if (!enough_space(images, err))
        return false;
    if (!mkdtemp(dir))
        return err_set(err, ERR_IO, "no folder can be made in %s: %s", images, strerror(errno));
    b->dir = dir;
    vm_host_say(b->host, "Building the guest disk (Debian's signed shim and GRUB, kernel %s, our agent)", b->parts->kernel_version);
    bool done = stage(b, err) && make_disk(b, err);
    const char *disk = arena_printf(&b->arena, "%s/disk.raw", dir), *esp = arena_printf(&b->arena, "%s/esp", dir);
    if (done && disk && esp) {
        done = tree_remove(esp, err) && chmod(disk, 0444) == 0 && (rename(dir, final) == 0 || file_exists(final));
        if (!done)
            (void)err_set(err, ERR_IO, "cannot rename %s: %s", dir, strerror(errno));
    }
    struct err ignored = ERR_INIT;
    (void)!tree_remove(dir, &ignored);
    return done || err_within(err, "the guest disk cannot be built");
}

bool image_build(const struct vm_host *host, const struct host_parts *parts, struct arena *a, struct image *ret, struct err *err)
{
    CLEANUP(build_done) struct build b = { .host = host, .parts = parts };
    const char *images = arena_printf(a, "%s/images", host->data_dir);
    struct image image;

    if (!images)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    if (!file_make_dirs(images, 0700, err) || !gather(&b, err))
        return false;
    name_by_content(&b, image.id);
    const char *final = arena_printf(a, "%s/%s", images, image.id);
    image.disk = arena_printf(a, "%s/%s/disk.raw", images, image.id);
    if (!final || !image.disk)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    if (!file_exists(image.disk) && !build_disk(&b, images, final, err))
        return false;
    *ret = image;
    return true;
}

bool image_find(const struct vm_host *host, struct arena *a, const char *id, struct image *ret, struct err *err)
{
    struct image image;

    if (strlen(id) != IMAGE_ID_LEN - 1 || strspn(id, "0123456789abcdef") != IMAGE_ID_LEN - 1)
        return err_set(err, ERR_MALFORMED, "not the name of a guest disk: %.80s", id);
    memcpy(image.id, id, IMAGE_ID_LEN);
    image.disk = arena_printf(a, "%s/images/%s/disk.raw", host->data_dir, id);
    if (!image.disk)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    if (!file_exists(image.disk))
        return err_set(err, ERR_NOT_FOUND, "the guest disk %s is gone: delete the VM and create it again", image.disk);
    *ret = image;
    return true;
}
