#include "support/test.h"
#include "vmhost/grub_config.h"
#include "vmhost/guest_disk.h"
#include "vmhost/initramfs.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/file.h"

static struct bytes set(struct arena *a, const char *text, const char *cmdline)
{
    struct err err = ERR_INIT;
    struct bytes ret = BYTES_NONE;

    CHECK(grub_config_set_cmdline(a, bytes_of_string(text), cmdline, &ret, &err));
    return ret;
}

TEST(our_grub_cfg_starts_the_kernel_by_its_efi_entry)
{
    CLEANUP(arena_done) struct arena a = { 0 };
    struct err err = ERR_INIT;
    struct bytes cmdline;
    char *text = grub_config_make(&a, BYTES_LIT("… linuxefi …"), "quiet panic=5");

    REQUIRE(text);
    CHECK(strstr(text, "  linuxefi /vmlinuz quiet panic=5\n"));
    CHECK(strstr(text, "  initrdefi /initrd.zst\n"));
    REQUIRE_OK(grub_config_get_cmdline(bytes_of_string(text), &cmdline, &err), err);
    CHECK_BYTES(cmdline, BYTES_LIT("quiet panic=5"));
}

TEST(a_grub_that_has_only_linux_is_told_linux)
{
    CLEANUP(arena_done) struct arena a = { 0 };
    struct err err = ERR_INIT;
    struct bytes cmdline;
    char *text = grub_config_make(&a, BYTES_LIT("… linux initrd boot …"), "quiet panic=5");

    REQUIRE(text);
    CHECK(strstr(text, "  linux /vmlinuz quiet panic=5\n") && strstr(text, "  initrd /initrd.zst\n") && !strstr(text, "efi "));
    REQUIRE_OK(grub_config_get_cmdline(bytes_of_string(text), &cmdline, &err), err);
    CHECK_BYTES(cmdline, BYTES_LIT("quiet panic=5"));
}

TEST(only_the_command_line_of_grub_cfg_is_changed)
{
    CLEANUP(arena_done) struct arena a = { 0 };

    CHECK_BYTES(set(&a, "a\n\tlinux /k old words\nb\n", "new"), BYTES_LIT("a\n\tlinux /k new\nb\n"));
    CHECK_BYTES(set(&a, "linuxefi /k\nb", "new"), BYTES_LIT("linuxefi /k new\nb"));
    CHECK_BYTES(set(&a, "linuxefi /k", "new"), BYTES_LIT("linuxefi /k new"));
    CHECK_BYTES(set(&a, "linuxefi /k x", "p q"), BYTES_LIT("linuxefi /k p q"));
    CHECK_BYTES(set(&a, "linux16  /k  x  \nlinux /other y\n", "z"), BYTES_LIT("linux16  /k  z  \nlinux /other y\n"));
    CHECK_BYTES(set(&a, "echo linux /k\nlinux\nlinux /k x\n", "z"), BYTES_LIT("echo linux /k\nlinux\nlinux /k z\n"));
}

TEST(changing_the_command_line_twice_gives_the_second)
{
    CLEANUP(arena_done) struct arena a = { 0 };
    struct err err = ERR_INIT;
    struct bytes once, twice, back;
    char *text = grub_config_make(&a, BYTES_LIT("… linuxefi …"), "quiet");

    REQUIRE(text);
    REQUIRE_OK(grub_config_set_cmdline(&a, bytes_of_string(text), "", &once, &err), err);
    REQUIRE_OK(grub_config_set_cmdline(&a, once, "debug x=1", &twice, &err), err);
    REQUIRE_OK(grub_config_set_cmdline(&a, twice, "quiet", &back, &err), err);
    CHECK(bytes_find(twice, BYTES_LIT("linuxefi /vmlinuz debug x=1\n")) != SIZE_MAX);
    CHECK_BYTES(back, bytes_of_string(text));
}

TEST(a_grub_cfg_without_a_kernel_is_refused)
{
    CLEANUP(arena_done) struct arena a = { 0 };
    struct err err = ERR_INIT;
    struct bytes out;

    CHECK(!grub_config_set_cmdline(&a, BYTES_LIT("set timeout=0\nlinuxfoo /k x\n"), "y", &out, &err));
    CHECK_INT(err.code, ERR_NOT_FOUND);
    CHECK(!grub_config_set_cmdline(&a, BYTES_NONE, "y", &out, &err));
}

TEST(a_modified_kernel_differs_in_one_byte)
{
    uint8_t kernel[] = "MZ....No setup signature found...\n....";
    const uint8_t before[] = "MZ....No setup signature found...\n....";
    struct err err = ERR_INIT;
    int differ = 0;

    REQUIRE_OK(guest_disk_modify_kernel_bytes(kernel, sizeof kernel, &err), err);
    for (size_t i = 0; i < sizeof kernel; i++)
        differ += kernel[i] != before[i];
    CHECK_INT(differ, 1);
    CHECK(!guest_disk_modify_kernel_bytes(kernel, sizeof kernel, &err));
    CHECK_INT(err.code, ERR_CONFLICT);
}

TEST(the_archive_of_the_initramfs_is_newc)
{
    CLEANUP(writer_done) struct writer w = { 0 };
    static const char want[] = "070701"                           /* magic */
                               "00000001000081ed"                 /* inode, mode 0100755 */
                               "0000000000000000"                 /* owner, group */
                               "0000000100000000"                 /* links, time */
                               "00000005"                         /* size */
                               "00000000000000000000000000000000" /* devices */
                               "0000000200000000"                 /* length of the name, check */
                               "a\0\0\0\0\0"                      /* the name, to a multiple of four with the header */
                               "hello\0\0\0";

    initramfs_put_file(&w, "a", 0755, BYTES_LIT("hello"));
    CHECK_BYTES(bytes_slice(writer_bytes(&w), 0, 110), bytes_slice(BYTES_OF(want), 0, 110));
    CHECK_INT(w.len % 4, 0);
    CHECK(bytes_find(writer_bytes(&w), BYTES_LIT("hello")) == 112);
    initramfs_put_link(&w, "sh", "busybox");
    initramfs_put_end(&w);
    CHECK_INT(w.len % 512, 0);
    CHECK(bytes_find(writer_bytes(&w), BYTES_LIT("TRAILER!!!")) != SIZE_MAX);
}

TEST(libraries_are_read_from_what_ldd_prints)
{
    static const struct {
        const char *line, *path;
        bool found, missing;
    } rows[] = {
        { "\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f0000000000)", "/lib/x86_64-linux-gnu/libc.so.6", true, false },
        { "\t/lib64/ld-linux-x86-64.so.2 (0x00007f0000000000)", "/lib64/ld-linux-x86-64.so.2", true, false },
        { "\tlibx.so.1 => not found", "libx.so.1", true, true },
        { "\tlinux-vdso.so.1 (0x00007ffc00000000)", "", false, false },
        { "\tstatically linked", "", false, false },
        { "", "", false, false },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bytes path;
        bool missing;
        bool found = initramfs_ldd_line(bytes_of_string(rows[i].line), &path, &missing);
        CHECK(found == rows[i].found && missing == rows[i].missing);
        if (found)
            CHECK_BYTES(path, bytes_of_string(rows[i].path));
    }
}

TEST(a_disk_is_copied_with_its_holes)
{
    char from[] = "/tmp/trueboot-disk.XXXXXX", to[sizeof from + 5];
    CLEANUP(file_free) struct bytes a = BYTES_NONE;
    CLEANUP(file_free) struct bytes b = BYTES_NONE;
    struct err err = ERR_INIT;
    int fd = mkstemp(from);

    REQUIRE(fd >= 0);
    CHECK(pwrite(fd, "start", 5, 0) == 5 && pwrite(fd, "middle", 6, 700000) == 6 && ftruncate(fd, 1500001) == 0);
    close(fd);
    snprintf(to, sizeof to, "%s.copy", from);
    CHECK(guest_disk_copy(from, to, &err));
    CHECK(file_read(from, 2000000, &a, &err) && file_read(to, 2000000, &b, &err));
    CHECK(bytes_equal(a, b));
    CHECK(!guest_disk_copy("/nonexistent/disk", to, &err) && err.code == ERR_NOT_FOUND);
    unlink(from);
    unlink(to);
}
