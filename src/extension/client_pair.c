#include "extension/client_pair.h"
#include "crypto/privkey.h"
#include "x509/cert.h"

bool client_pair_check(struct bytes cert_pem, struct bytes key_pem, struct err *err)
{
    struct privkey *key CLEANUP(privkey_free_at) = NULL;
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct err why = ERR_INIT; /* its sentence may quote what it read */

    if (!cert_parse_pem(cert_pem, &cert, &why))
        return err_set(err, ERR_MALFORMED, "protectedSettings.clientCertPem: a certificate in PEM is expected");
    if (!privkey_from_pem(key_pem, &key, &why))
        return err_set(err, ERR_MALFORMED, "protectedSettings.clientKeyPem: an unencrypted private key in PEM is expected");
    return (cert->key && pubkey_equal(cert->key, privkey_public(key))) ||
           err_set(err, ERR_MALFORMED, "protectedSettings.clientKeyPem: it is the key of another certificate than clientCertPem");
}
