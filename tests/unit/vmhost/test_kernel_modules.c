/* A made-up tree of modules, as packages of several distributions and versions have them. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/file.h"
#include "support/test.h"
#include "vmhost/kernel_modules.h"
#include "vmhost/tree.h"

struct kernel {
    struct arena arena;
    char dir[48];
    struct host_parts parts;
};

static void kernel_done(struct kernel *k)
{
    struct err err = ERR_INIT;

    if (k->dir[0])
        CHECK(tree_remove(k->dir, &err));
    arena_done(&k->arena);
}

static bool run(const struct kernel *k, const char *command)
{
    char line[600];

    snprintf(line, sizeof line, "cd '%s' && ( %s )", k->dir, command);
    return system(line) == 0;
}

static bool kernel_init(struct kernel *k)
{
    *k = (struct kernel){ .dir = "/tmp/trueboot-modules.XXXXXX" };
    if (!mkdtemp(k->dir))
        return false;
    k->parts.modules = arena_printf(&k->arena, "%s/kernel", k->dir);
    k->parts.zstd = access("/usr/bin/zstd", X_OK) == 0 ? "/usr/bin/zstd" : "/bin/zstd";
    return k->parts.modules && run(k, "mkdir kernel");
}

/* As in a module's .modinfo; `packed`: zstd's name of the form, or NULL. */
static bool put(const struct kernel *k, const char *path, const char *depends, const char *packed)
{
    char command[400];

    snprintf(command, sizeof command,
             "mkdir -p kernel/$(dirname %s) && printf 'ELF %s\\0license=GPL\\0depends=%s\\0name=x\\0' >kernel/%s.ko%s%s%s%s", path, path,
             depends, path, packed ? " && zstd -q --rm --format=" : "", packed ? packed : "", packed ? " kernel/" : "", packed ? path : "");
    if (packed)
        strcat(command, ".ko");
    return run(k, command);
}

static bool gather(struct kernel *k, const char *list, struct kernel_modules *ret, struct err *err)
{
    *err = ERR_INIT;
    return kernel_modules_gather(&k->parts, bytes_of_string(list), &k->arena, ret, err);
}

/* "virtio virtio_net late:evdev" */
static const char *names(struct kernel *k, const struct kernel_modules *m)
{
    const char *all = "";

    for (size_t i = 0; i < m->n; i++)
        all = arena_printf(&k->arena, "%s%s%s%s", all, i ? " " : "", m->item[i].late ? "late:" : "", m->item[i].name);
    return all;
}

#define WITH_KERNEL(k)                             \
    struct kernel k CLEANUP(kernel_done) = { 0 };  \
    if (system("command -v zstd >/dev/null") != 0) \
        SKIP("zstd is not installed");             \
    REQUIRE(kernel_init(&k))

TEST(modules_are_read_plain_or_in_any_packing_and_come_out_alike)
{
    static const char *const forms[] = { NULL, "xz", "zstd", "gzip" };

    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        struct kernel_modules m;
        struct err err;

        WITH_KERNEL(k);
        REQUIRE(put(&k, "net/core/failover", "", forms[i]));
        REQUIRE_OK(gather(&k, "# a comment\n\n  net/core/failover  \n", &m, &err), err);
        REQUIRE(m.n == 1);
        CHECK_STRING(m.item[0].name, "failover");
        CHECK_BYTES(m.item[0].content, BYTES_LIT("ELF net/core/failover\0license=GPL\0depends=\0name=x\0"));
    }
}

TEST(what_a_module_depends_on_comes_before_it_and_once)
{
    struct kernel_modules m;
    struct err err;

    WITH_KERNEL(k);
    REQUIRE(put(&k, "drivers/net/virtio_net", "net_failover,virtio_ring,virtio", "xz") &&
            put(&k, "drivers/net/net_failover", "failover", NULL) && put(&k, "net/core/failover", "", "zstd") &&
            put(&k, "drivers/virtio/virtio_ring", "", NULL) && put(&k, "drivers/virtio/virtio", "", NULL) &&
            put(&k, "drivers/virtio/virtio_pci", "virtio,virtio-ring", NULL) && put(&k, "drivers/input/evdev", "virtio", NULL));
    REQUIRE(run(&k, "find kernel -name '*.ko*' | sed 's/[.]ko.*/.ko/' >modules.order"));
    REQUIRE_OK(gather(&k, "drivers/virtio/virtio_pci\ndrivers/net/virtio_net\nlate drivers/input/evdev\ndrivers/net/virtio_net", &m, &err),
               err);
    CHECK_STRING(names(&k, &m), "virtio virtio-ring virtio_pci failover net_failover virtio_net late:evdev");
    CHECK_INT(m.n_built_in, 0);
}

TEST(what_is_built_in_is_left_out_and_what_lies_elsewhere_is_found)
{
    struct kernel_modules m;
    struct err err;

    WITH_KERNEL(k);
    REQUIRE(put(&k, "drivers/moved/qemu-fw-cfg", "tpm", NULL));
    REQUIRE(run(&k, "echo kernel/drivers/moved/qemu-fw-cfg.ko >modules.order; "
                    "printf 'kernel/drivers/virtio/virtio.ko\\nkernel/drivers/char/tpm/tpm.ko\\n' >modules.builtin"));
    REQUIRE_OK(gather(&k, "drivers/virtio/virtio\ndrivers/firmware/qemu_fw_cfg\n", &m, &err), err);
    CHECK_STRING(names(&k, &m), "qemu_fw_cfg");
    CHECK_INT(m.n_built_in, 2);
    CHECK(bytes_find(m.item[0].content, BYTES_LIT("ELF drivers/moved/qemu-fw-cfg")) == 0);
}

TEST(a_module_that_is_nowhere_or_damaged_is_named)
{
    static const struct {
        const char *tree, *list, *says;
    } rows[] = {
        { "true", "fs/efivarfs/efivarfs", "kernel module efivarfs is neither below" },
        { "printf '\\0depends=gone\\0' >kernel/a.ko", "a", "a needs it: kernel module gone is neither" },
        { "printf '\\0depends=b\\0' >kernel/a.ko; printf '\\0depends=a\\0' >kernel/b.ko", "a", "depend on each other" },
        { "echo nonsense >kernel/a.ko.xz", "a", "kernel/a.ko.xz" },
        { "echo nonsense >kernel/a.ko.zst", "a", "kernel/a.ko.zst" },
        { "echo kernel/../../etc/x.ko >modules.order", "a", "kernel module a is neither" },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kernel_modules m;
        struct err err;

        WITH_KERNEL(k);
        REQUIRE(run(&k, rows[i].tree));
        CHECK(!gather(&k, rows[i].list, &m, &err));
        CHECK(strstr(err.text, rows[i].says));
        if (!strstr(err.text, rows[i].says))
            test_note("%s: %s", rows[i].tree, err.text);
    }
}

TEST(what_a_module_depends_on_is_read_up_to_its_end_and_not_out_of_longer_words)
{
    static const struct {
        struct bytes content;
        const char *want;
    } rows[] = {
        { BYTES_LIT("\0depends=a,b\0x"), "a,b" }, { BYTES_LIT("\0depends=\0x"), "" }, { BYTES_LIT("\0depends=a"), "" },
        { BYTES_LIT("softdepends=a\0"), "" },     { BYTES_LIT("xdepends=a\0"), "" },  { BYTES_LIT("\0depends=a\0\0depends=b\0"), "a" },
        { { (const uint8_t *)"", 0 }, "" },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        CHECK(bytes_equal_string(kernel_module_depends(rows[i].content), rows[i].want));
}
