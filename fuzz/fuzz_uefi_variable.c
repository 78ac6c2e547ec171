/* A UEFI variable, and its content through every decoder that takes one; a partition table and tables besides. */
#include "fuzz.h"
#include "eventlog/uefi/boot_option.h"
#include "eventlog/uefi/firmware_blob.h"
#include "eventlog/uefi/gpt.h"
#include "eventlog/uefi/image_load.h"
#include "eventlog/log/no_action.h"
#include "eventlog/software/shim.h"
#include "eventlog/uefi/signature_list.h"
#include "eventlog/log/spec_id.h"
#include "eventlog/software/systemd_boot.h"
#include "eventlog/uefi/variable.h"

/* All decoders together. */
enum { BYTES_PER_BYTE = 128, FIXED = 16 * 1024 };

static void check_signatures(struct arena *a, struct bytes content, const uint8_t *data, size_t size)
{
    struct signature_lists lists;
    struct signature authority;
    struct err err = ERR_INIT;
    size_t before = a->used;

    if (signature_lists_parse(a, content, &lists, &err)) {
        ENSURE(lists.n * UUID_LEN <= content.len);
        for (size_t i = 0; i < lists.n; i++) {
            ENSURE(lies_within(lists.items[i].data, data, size) && lists.items[i].owner.len == UUID_LEN);
            ENSURE(lies_within(lists.items[i].revoked_since, data, size) && lists.items[i].list < lists.n_lists);
        }
        ENSURE(a->used - before <= 64 + 5 * content.len);
    } else {
        ENSURE(err.code != ERR_NONE && err.text[0]);
    }
    if (signature_from_authority(content, &authority, &err))
        ENSURE(lies_within(authority.data, data, size) && lies_within(authority.owner, data, size));
}

static void check_option(struct arena *a, struct bytes content, const uint8_t *data, size_t size)
{
    struct boot_option option;
    struct sbat_level level;
    struct err err = ERR_INIT;

    if (boot_option_parse(content, &option, &err)) {
        ENSURE(lies_within(option.device_path, data, size) && lies_within(option.optional_data, data, size));
        ENSURE(boot_option_description(a, &option));
    }
    if (sbat_level_parse(a, content, &level, &err))
        ENSURE(level.n > 0 && sbat_level_generation(&level, "") == 0);
}

static void check_others(struct arena *a, struct bytes input)
{
    struct gpt gpt;
    struct firmware_blob blob;
    struct handoff_tables tables;
    struct image_load image;
    struct no_action action;
    struct spec_id spec;
    struct tagged_event tagged;
    size_t n_options;
    struct err err = ERR_INIT;

    if (gpt_parse(a, input, &gpt, &err))
        ENSURE(gpt.n_partitions * 128 <= input.len);
    if (image_load_parse(input, &image, &err))
        ENSURE(lies_within(image.device_path, input.data, input.len));
    for (int has_description = 0; has_description < 2; has_description++) {
        if (firmware_blob_parse(input, has_description, &blob, &err))
            ENSURE(lies_within(blob.description, input.data, input.len));
        if (handoff_tables_parse(a, input, has_description, &tables, &err))
            ENSURE(tables.n * 24 <= input.len);
    }
    if (tagged_event_parse(input, &tagged))
        ENSURE(lies_within(tagged.content, input.data, input.len) && tagged.content.len == input.len - 8);
    if (boot_order_parse(input, &n_options, &err))
        ENSURE(2 * n_options == input.len && (!n_options || boot_order_at(input, n_options - 1) <= UINT16_MAX));
    if (no_action_parse(input, &action, &err))
        ENSURE(lies_within(action.body, input.data, input.len) && no_action_says(action.kind));
    if (spec_id_parse(input, &spec, &err))
        ENSURE(spec.n_algorithms <= LIMIT_LOG_BANKS && lies_within(spec.vendor_info, input.data, input.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena a;
    struct err err = ERR_INIT;
    struct bytes input = { data, size };
    struct uefi_variable v;

    arena_reset(&a);
    check_others(&a, input);
    if (!uefi_variable_parse(input, &v, &err)) {
        ENSURE(err.code == ERR_TRUNCATED && err.text[0]);
        return 0;
    }
    ENSURE(UUID_LEN + 16 + v.name.len + v.data.len + v.excess.len == size);
    ENSURE(uefi_variable_name(&a, &v));
    check_signatures(&a, v.data, data, size);
    check_option(&a, v.data, data, size);
    ENSURE(a.used <= BYTES_PER_BYTE * size + FIXED);
    return 0;
}
