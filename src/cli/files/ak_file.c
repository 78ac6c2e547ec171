#include "cli/files/ak_file.h"
#include "tpm/tools_format.h"
#include "x509/cert.h"

static bool key_of_certificate(struct bytes content, struct pubkey **ret)
{
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct err ignored = ERR_INIT;

    if (!cert_parse_any(content, &cert, &ignored) || !cert->key)
        return false;
    *ret = pubkey_ref(cert->key);
    return true;
}

bool ak_file_read(struct cli *cli, const char *path, struct pubkey **ret, const struct tpm_public **ret_public, struct err *err)
{
    struct tpm_public *pub = ARENA_NEW(&cli->arena, struct tpm_public);
    struct bytes content;

    if (!pub)
        return err_set(err, ERR_NO_MEMORY, "no memory for a key");
    if (!cli_read(cli, path, LIMIT_CERT_BYTES, &content, err))
        return false;
    if (!tools_binary(&cli->arena, content, NULL, &content, err))
        return false;
    if (!tools_key(content, ret, err) && !key_of_certificate(content, ret))
        return err_within(err, "%s", path);
    *ret_public = tools_key_public(content, pub) ? pub : NULL;
    return true;
}
