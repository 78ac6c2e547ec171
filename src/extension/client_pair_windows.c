#include "extension/client_pair.h"

bool client_pair_check(struct bytes cert_pem UNUSED, struct bytes key_pem UNUSED, struct err *err)
{
    return err_set(err, ERR_UNSUPPORTED,
                   "protectedSettings.clientCertPem: the agent on Windows shows no certificate of its own: leave it and clientKeyPem out");
}
