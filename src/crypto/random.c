#include "crypto/random.h"
#include <limits.h>
#include <openssl/rand.h>

bool random_bytes(uint8_t *out, size_t len, struct err *err)
{
    if (len <= INT_MAX && RAND_priv_bytes(out, (int)len) == 1)
        return true;
    wipe(out, len);
    return err_set(err, ERR_IO, "no random bytes from the system");
}

void random_reseed(void) { (void)!RAND_poll(); }
