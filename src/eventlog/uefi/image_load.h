/* eventlog/uefi/image_load.h: UEFI_IMAGE_LOAD_EVENT (PFP 1.06, 10.2.3): an image that the firmware, or shim, loaded.
 * The digest is the image's Authenticode digest; all of this is a label. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"

struct image_load {
    uint64_t address;
    uint64_t length; /* in memory */
    uint64_t link_time_address;
    struct bytes device_path; /* device_path.h; empty when the loader gave none */
    struct bytes excess;      /* bytes after the path that its length does not account for */
};

MUST_CHECK bool image_load_parse(struct bytes data, struct image_load *ret, struct err *err);
