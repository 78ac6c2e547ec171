/* vmhost/vars.h: OVMF's store of UEFI variables, read and changed while the VM is off.
 *
 * The file is a firmware volume: header (EFI_FIRMWARE_VOLUME_HEADER, PI 1.7 volume 3, 3.2.1), a variable store with authenticated variables
 * (VARIABLE_STORE_HEADER, AUTHENTICATED_VARIABLE_HEADER of EDK II), then areas that are kept as they are. The guest's
 * firmware writes it, so it counts as hostile. */
#pragma once
#include "base/uuid.h"
#include "base/arena.h"
#include "base/err.h"

enum { VARS_MAX_VARIABLES = 4096, VARS_MAX_BYTES = 4 * 1024 * 1024 };

extern const char VARS_GUID_GLOBAL[];             /* EFI_GLOBAL_VARIABLE: PK, KEK, SecureBoot, Boot0000 … */
extern const char VARS_GUID_SECURE_BOOT_ENABLE[]; /* of the variable SecureBootEnable */

struct vars_variable {
    uint8_t guid[UUID_LEN];
    uint32_t attributes;
    struct bytes rest_of_header; /* monotonic count, time stamp, key index: kept as they are */
    struct bytes name;           /* UTF-16LE with its NUL */
    struct bytes data;
};

struct vars {
    struct bytes image;      /* the file; must outlive this */
    size_t store, store_len; /* of the variable area in `image`, without headers */
    struct vars_variable *items;
    size_t n, capacity;
    struct arena *arena;
};

MUST_CHECK bool vars_parse(struct arena *a, struct bytes image, struct vars *ret, struct err *err);
/* NULL when there is none. The name in ASCII, the GUID as text. */
const struct vars_variable *vars_find(const struct vars *v, const char *name, const char *guid);
/* vars_set replaces the data, or adds a variable with these attributes. `data` is not copied. */
MUST_CHECK bool vars_set(struct vars *v, const char *name, const char *guid, uint32_t attributes, struct bytes data, struct err *err);
/* vars_write gives the whole file back, of the same size, with the live variables only; ERR_LIMIT when they do not fit. */
MUST_CHECK bool vars_write(const struct vars *v, struct arena *a, struct bytes *ret, struct err *err);

/* On the file: SecureBootEnable. Switching on needs an enrolled platform key, ERR_CONFLICT otherwise. */
MUST_CHECK bool vars_file_get_secure_boot(const char *path, bool *ret, struct err *err);
MUST_CHECK bool vars_file_set_secure_boot(const char *path, bool on, struct err *err);
