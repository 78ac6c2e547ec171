/* What boot loaders log: told apart by register and form, cut at every byte. */
#include "crypto/digest.h"
#include "eventlog/software/grub.h"
#include "eventlog/software/shim.h"
#include "eventlog/software/systemd_boot.h"
#include "support/test.h"

static struct event event_with(uint32_t pcr, uint32_t type, struct bytes data)
{
    return (struct event){ .pcr = pcr, .type = type, .data = data };
}

TEST(events_of_grub_are_told_apart_by_register_and_prefix)
{
    static const struct {
        uint32_t pcr;
        const char *data;
        enum grub_kind kind;
        const char *text;
    } cases[] = {
        { 8, "grub_cmd: set a=1", GRUB_COMMAND, "set a=1" },
        { 8, "kernel_cmdline: /vmlinuz quiet", GRUB_KERNEL_CMDLINE, "/vmlinuz quiet" },
        { 8, "module_cmdline: /m a", GRUB_MODULE_CMDLINE, "/m a" },
        { 8, "grub_kernel_cmdline /vmlinuz", GRUB_KERNEL_CMDLINE, "/vmlinuz" },
        { 9, "(hd0,gpt1)/grub.cfg", GRUB_FILE, "(hd0,gpt1)/grub.cfg" },
        { 8, "something", GRUB_NOT, "" },
        { 4, "grub_cmd: set a=1", GRUB_NOT, "" },
        { 9, "{\"pcr\":9}", GRUB_NOT, "" },
    };
    struct bytes kernel, parameters;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bytes data = { (const uint8_t *)cases[i].data, strlen(cases[i].data) + 1 };
        struct event event = event_with(cases[i].pcr, EVENT_TYPE(EV_IPL), data);
        struct grub_event grub = grub_event_of(&event);
        CHECK_INT(grub.kind, cases[i].kind);
        CHECK_BYTES(grub.text, bytes_of_string(cases[i].text));
    }
    grub_split_cmdline(BYTES_LIT(" /vmlinuz  root=/dev/sda quiet "), &kernel, &parameters);
    CHECK_BYTES(kernel, BYTES_LIT("/vmlinuz"));
    CHECK_BYTES(parameters, BYTES_LIT("root=/dev/sda quiet"));
}

TEST(sbat_levels_are_read_line_by_line)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct sbat_level level;
    struct err err = ERR_INIT;

    REQUIRE_OK(sbat_level_parse(&a, BYTES_LIT("sbat,1,2024010900\nshim,4\ngrub,3\n\0"), &level, &err), err);
    CHECK(level.n == 3 && sbat_level_generation(&level, "shim") == 4 && sbat_level_generation(&level, "nobody") == 0);
    CHECK_BYTES(level.date, BYTES_LIT("2024010900"));
    CHECK(!sbat_level_parse(&a, BYTES_LIT("sbat"), &level, &err) && !sbat_level_parse(&a, BYTES_LIT("sbat,x"), &level, &err));
    CHECK(!sbat_level_parse(&a, BYTES_LIT("sbat,99999999999"), &level, &err) && !sbat_level_parse(&a, BYTES_NONE, &level, &err));
    CHECK(!sbat_level_parse(&a, BYTES_LIT("sb\x1b,1"), &level, &err));
}

TEST(shims_switches_are_found_by_trying_both_values)
{
    struct digest digest;
    uint8_t value = 9;

    digest_compute(DIGEST_SHA256, BYTES_LIT("\1"), &digest);
    CHECK(shim_flag_value(DIGEST_SHA256, digest_bytes(&digest), &value) && value == 1);
    digest_compute(DIGEST_SHA256, BYTES_LIT("\2"), &digest);
    CHECK(!shim_flag_value(DIGEST_SHA256, digest_bytes(&digest), &value));
}

TEST(a_section_of_a_unified_kernel_image_is_known_by_its_name_with_or_without_nul)
{
    CHECK_INT(uki_section_of(BYTES_LIT(".\0l\0i\0n\0u\0x\0\0\0")), UKI_SECTION_LINUX);
    CHECK_INT(uki_section_of(BYTES_LIT(".\0l\0i\0n\0u\0x\0")), UKI_SECTION_LINUX);
    CHECK_INT(uki_section_of(BYTES_LIT(".\0l\0i\0n\0u\0x")), UKI_SECTION_NONE);
    CHECK_INT(uki_section_of(BYTES_LIT(".linux\0")), UKI_SECTION_NONE);
    CHECK_INT(uki_section_of(BYTES_NONE), UKI_SECTION_NONE);
}

TEST(tagged_events_have_exactly_their_length)
{
    struct tagged_event tag;
    struct event event = event_with(9, EVENT_TYPE(EV_EVENT_TAG), BYTES_LIT("\xec\x22\x3b\x8f\x02\0\0\0ab"));

    CHECK(tagged_event_parse(event.data, &tag) && tag.content.len == 2);
    CHECK(loader_tag_of(&event) == LOADER_TAG_INITRD);
    for (size_t n = 0; n < event.data.len; n++)
        CHECK(!tagged_event_parse(bytes_slice(event.data, 0, n), &tag));
    CHECK(!tagged_event_parse(BYTES_LIT("\xec\x22\x3b\x8f\xff\xff\xff\xff"), &tag));
}
