#include "agent/handler/unseal.h"
#include <windows.h>
#include <wincrypt.h>
#include "base/hex.h"
#include "base/limits.h"

enum { THUMBPRINT_LEN = 20 /* SHA-1 */, RECIPIENTS_MAX = 16 };

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

static void message_close_at(const HCRYPTMSG *message)
{
    if (*message)
        CryptMsgClose(*message);
}

/* The recipient's number in the message that is this certificate's; CryptMsgGetParam gives issuer and serial number. */
static bool find_recipient(HCRYPTMSG message, PCCERT_CONTEXT cert, struct arena *a, DWORD *ret, struct err *err)
{
    DWORD n = 0, size = sizeof n;

    if (!CryptMsgGetParam(message, CMSG_RECIPIENT_COUNT_PARAM, 0, &n, &size))
        n = 0;
    for (DWORD i = 0; i < n && i < RECIPIENTS_MAX; i++) {
        CERT_INFO *recipient;

        size = 0;
        if (!CryptMsgGetParam(message, CMSG_RECIPIENT_INFO_PARAM, i, NULL, &size) || size > LIMIT_SETTINGS_BYTES ||
            !(recipient = arena_alloc(a, size)) || !CryptMsgGetParam(message, CMSG_RECIPIENT_INFO_PARAM, i, recipient, &size))
            continue;
        if (CertCompareCertificateName(X509_ASN_ENCODING, &recipient->Issuer, &cert->pCertInfo->Issuer) &&
            CertCompareIntegerBlob(&recipient->SerialNumber, &cert->pCertInfo->SerialNumber)) {
            *ret = i;
            return true;
        }
    }
    return err_set(err, ERR_UNTRUSTED, "CMS: it is not encrypted to this certificate");
}

static bool failed(struct err *err, const char *what)
{
    return err_set(err, ERR_UNTRUSTED, "CMS: %s (Windows error 0x%08lx)", what, (unsigned long)GetLastError());
}

/* The old providers' keys as well as those of CNG. */
static bool decrypt_for(HCRYPTMSG message, PCCERT_CONTEXT cert, DWORD recipient, struct err *err)
{
    CMSG_CTRL_DECRYPT_PARA how = { .cbSize = sizeof how, .dwRecipientIndex = recipient };
    HCRYPTPROV_OR_NCRYPT_KEY_HANDLE key = 0;
    BOOL ours = FALSE;
    bool done;

    if (!CryptAcquireCertificatePrivateKey(cert, CRYPT_ACQUIRE_SILENT_FLAG | CRYPT_ACQUIRE_ALLOW_NCRYPT_KEY_FLAG, NULL, &key,
                                           &how.dwKeySpec, &ours))
        return failed(err, "the certificate's key is not here, or not for us");
    how.hCryptProv = key;
    if (how.dwKeySpec != CERT_NCRYPT_KEY_SPEC)
        how.dwKeySpec = AT_KEYEXCHANGE; /* the only one of an old provider's two keys that decrypts */
    done = CryptMsgControl(message, 0, CMSG_CTRL_DECRYPT, &how) || failed(err, "it is not encrypted to this certificate, or it is damaged");
    if (ours && how.dwKeySpec == CERT_NCRYPT_KEY_SPEC)
        NCryptFreeObject(key);
    else if (ours)
        CryptReleaseContext(key, 0);
    return done;
}

static bool decrypt(PCCERT_CONTEXT cert, struct bytes cms, struct arena *a, struct bytes *ret, struct err *err)
{
    HCRYPTMSG message CLEANUP(message_close_at) = CryptMsgOpenToDecode(X509_ASN_ENCODING | PKCS_7_ASN_ENCODING, 0, 0, 0, NULL, NULL);
    DWORD type = 0, size = sizeof type, recipient;
    uint8_t *plain;

    if (!message)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    if (!CryptMsgUpdate(message, cms.data, (DWORD)cms.len, TRUE))
        return err_set(err, ERR_MALFORMED, "CMS: this is no DER structure of that kind");
    if (!CryptMsgGetParam(message, CMSG_TYPE_PARAM, 0, &type, &size) || type != CMSG_ENVELOPED)
        return err_set(err, ERR_UNSUPPORTED, "CMS: only enveloped data are expected");
    if (!find_recipient(message, cert, a, &recipient, err) || !decrypt_for(message, cert, recipient, err))
        return false;
    size = 0;
    if (!CryptMsgGetParam(message, CMSG_CONTENT_PARAM, 0, NULL, &size) || size > LIMIT_SETTINGS_BYTES ||
        !(plain = arena_alloc(a, size + 1)) || !CryptMsgGetParam(message, CMSG_CONTENT_PARAM, 0, plain, &size))
        return failed(err, "what is inside cannot be had");
    *ret = (struct bytes){ plain, size };
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
