#include "agent/handler/unseal.h"
#include "base/file.h"
#include "crypto/cms.h"
#include "crypto/secret.h"

enum { KEY_FILE_MAX = 64 * 1024 };

static bool read_part(const char *config_folder, const char *thumbprint, const char *suffix, struct arena *a, struct bytes *ret,
                      struct err *err)
{
    char *path = arena_printf(a, "%s/../../%s.%s", config_folder, thumbprint, suffix);

    if (!path)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    if (file_read_in(a, path, KEY_FILE_MAX, ret, err))
        return true;
    return err_set(err, ERR_NOT_FOUND, "protectedSettings: the VM agent keeps no certificate and key %s (%s)", thumbprint, suffix);
}

bool handler_unseal(const char *config_folder, const char *thumbprint, struct bytes cms, struct arena *a, struct bytes *ret,
                    struct err *err)
{
    struct bytes cert, key = BYTES_NONE;
    bool fine;

    if (!read_part(config_folder, thumbprint, "crt", a, &cert, err) || !read_part(config_folder, thumbprint, "prv", a, &key, err))
        return false;
    fine = cms_decrypt(cms, cert, key, a, ret, err);
    wipe((void *)key.data, key.len);
    return fine || err_within(err, "protectedSettings");
}
