#include "crypto/cng.h"
#include "crypto/random.h"

bool random_bytes(uint8_t *out, size_t len, struct err *err)
{
    if (len <= INT32_MAX && BCryptGenRandom(NULL, out, (ULONG)len, BCRYPT_USE_SYSTEM_PREFERRED_RNG) == 0)
        return true;
    wipe(out, len);
    return err_set(err, ERR_IO, "no random bytes from the system");
}

void random_reseed(void) {} /* each call asks the system */
