/* Puts a certificate with its key into the machine's store, as a VM agent does: import_pfx FILE PASSWORD. 77: this Windows cannot. */
#include <windows.h>
#include <wincrypt.h>
#include <stdio.h>
#include "base/file.h"

static int cannot(const char *what)
{
    printf("%s: error 0x%08lx\n", what, (unsigned long)GetLastError());
    return 77;
}

int main(int argc, char **argv)
{
    struct bytes content CLEANUP(file_free) = BYTES_NONE;
    HCERTSTORE from, to;
    struct err err = ERR_INIT;
    wchar_t password[64];
    CRYPT_DATA_BLOB blob;
    PCCERT_CONTEXT cert = NULL;

    if (argc != 3 || !file_read(argv[1], 1 << 20, &content, &err) || MultiByteToWideChar(CP_UTF8, 0, argv[2], -1, password, 64) <= 0)
        return 2;
    blob = (CRYPT_DATA_BLOB){ .cbData = (DWORD)content.len, .pbData = (BYTE *)(uintptr_t)content.data };
    from = PFXImportCertStore(&blob, password, CRYPT_MACHINE_KEYSET | CRYPT_EXPORTABLE);
    if (!from)
        return cannot("PFXImportCertStore");
    to = CertOpenStore(CERT_STORE_PROV_SYSTEM_W, 0, 0, CERT_SYSTEM_STORE_LOCAL_MACHINE, L"MY");
    if (!to)
        return cannot("CertOpenStore");
    while ((cert = CertEnumCertificatesInStore(from, cert)) != NULL)
        if (!CertAddCertificateContextToStore(to, cert, CERT_STORE_ADD_REPLACE_EXISTING, NULL))
            return cannot("CertAddCertificateContextToStore");
    CertCloseStore(to, 0);
    return 0;
}
