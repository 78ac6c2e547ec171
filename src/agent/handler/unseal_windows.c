#include "agent/handler/unseal.h"
#include <windows.h>
#include <wincrypt.h>
#include "base/hex.h"
#include "base/limits.h"

enum { THUMBPRINT_LEN = 20 /* SHA-1 */ };

static void store_close_at(const HCERTSTORE *store)
{
    if (*store)
        CertCloseStore(*store, 0);
}

static void cert_close_at(const PCCERT_CONTEXT *cert)
{
    if (*cert)
        CertFreeCertificateContext(*cert);
}

static bool find(HCERTSTORE store, const char *thumbprint, struct arena *a, PCCERT_CONTEXT *ret, struct err *err)
{
    CRYPT_HASH_BLOB hash;
    struct bytes digest;

    if (!hex_decode(a, bytes_of_string(thumbprint), &digest, err) || digest.len != THUMBPRINT_LEN)
        return err_set(err, ERR_MALFORMED, "a thumbprint has 40 hexadecimal digits");
    hash = (CRYPT_HASH_BLOB){ .cbData = THUMBPRINT_LEN, .pbData = (BYTE *)(uintptr_t)digest.data };
    *ret = store ? CertFindCertificateInStore(store, X509_ASN_ENCODING | PKCS_7_ASN_ENCODING, 0, CERT_FIND_SHA1_HASH, &hash, NULL) : NULL;
    if (*ret)
        return true;
    return err_set(err, ERR_NOT_FOUND, "the machine's store (LocalMachine\\My) has no certificate %s", thumbprint);
}

/* The certificate alone is tried: what is encrypted to another one in the store is not opened with that. */
static bool decrypt(PCCERT_CONTEXT cert, struct bytes cms, struct arena *a, struct bytes *ret, struct err *err)
{
    HCERTSTORE only CLEANUP(store_close_at) = CertOpenStore(CERT_STORE_PROV_MEMORY, 0, 0, 0, NULL);
    CRYPT_DECRYPT_MESSAGE_PARA how = {
        .cbSize = sizeof how, .dwMsgAndCertEncodingType = X509_ASN_ENCODING | PKCS_7_ASN_ENCODING, .cCertStore = 1, .rghCertStore = &only
    };
    DWORD len = (DWORD)cms.len; /* what is inside is shorter */
    uint8_t *plain;

    if (!only || !CertAddCertificateContextToStore(only, cert, CERT_STORE_ADD_ALWAYS, NULL) || !(plain = arena_alloc(a, cms.len)))
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    if (!CryptDecryptMessage(&how, cms.data, (DWORD)cms.len, plain, &len, NULL))
        return err_set(err, ERR_UNTRUSTED,
                       "CMS: it is not encrypted to this certificate, its key is not for us, or it is damaged (Windows error "
                       "0x%08lx)",
                       (unsigned long)GetLastError());
    *ret = (struct bytes){ plain, len };
    return true;
}

bool handler_unseal(const char *config_folder UNUSED, const char *thumbprint, struct bytes cms, struct arena *a, struct bytes *ret,
                    struct err *err)
{
    HCERTSTORE store CLEANUP(store_close_at) = CertOpenStore(
        CERT_STORE_PROV_SYSTEM_W, 0, 0, CERT_SYSTEM_STORE_LOCAL_MACHINE | CERT_STORE_OPEN_EXISTING_FLAG | CERT_STORE_READONLY_FLAG, L"MY");
    PCCERT_CONTEXT cert CLEANUP(cert_close_at) = NULL;

    if (!cms.len || cms.len > LIMIT_SETTINGS_BYTES)
        return err_set(err, ERR_LIMIT, "protectedSettings: CMS: 1 to %d bytes are expected", LIMIT_SETTINGS_BYTES);
    return (find(store, thumbprint, a, &cert, err) && decrypt(cert, cms, a, ret, err)) || err_within(err, "protectedSettings");
}
