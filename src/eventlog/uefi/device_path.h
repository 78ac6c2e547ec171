/* eventlog/uefi/device_path.h: EFI device paths in the usual text form (UEFI 2.10, 10.6), from bytes that anybody may have made.
 *
 * Paths end at the end node or at the end of the bytes. Nodes that we do not know, or whose length does not fit what they hold, are
 * printed as Path(type,subtype,hex). Text is safe to show. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

struct device_path_node {
    uint8_t type, subtype;
    struct bytes data; /* without the four header bytes */
};

/* device_path_next takes one node off the front of `path`; false at the end node, and when fewer bytes are left than the node says;
 * *ret_sound tells the two apart. */
MUST_CHECK bool device_path_next(struct bytes *path, struct device_path_node *ret, bool *ret_sound);

/* "PciRoot(0x0)/Pci(0x2,0x0)/HD(1,GPT,…,0x800,0x14FDF)/\EFI\BOOT\BOOTX64.EFI"; several instances are separated by commas.
 * ERR_TRUNCATED when a node is longer than what is left; ERR_NO_MEMORY. */
MUST_CHECK bool device_path_text(struct arena *a, struct bytes path, char **ret, struct err *err);

/* The file that the path names, its media file path nodes joined ("\EFI\debian\shimx64.efi"), safe to show; "" when there is none;
 * NULL: no memory. */
MUST_CHECK char *device_path_file(struct arena *a, struct bytes path);
