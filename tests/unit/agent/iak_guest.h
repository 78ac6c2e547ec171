/* iak_guest.h: gives the TPM of a test an initial attestation key and a certificate of it: swtpm makes one only from 0.11 on. */
#pragma once
#include <stdlib.h>
#include "agent/tpm/iak.h"
#include "base/clock.h"
#include "base/file.h"
#include "support/test.h"
#include "tpm/key_template.h"
#include "unit/agent/vtpm.h"
#include "x509/ca.h"

#define IAK_SUBJECT "web1:" VTPM_UUID

/* What is made, and what lies in the certificate's index. */
struct iak_plan {
    enum iak_kind kind;
    uint32_t without; /* attributes that the key has not */
    bool not_kept;    /* nothing lies at the handle */
    bool other_key;   /* the certificate is of another key */
    bool as_ak;       /* the certificate does not say that the key is restricted */
    enum { IAK_ALONE, IAK_ISSUER_BEHIND, IAK_ISSUER_BEFORE, IAK_PADDED, IAK_BOTH_PADDED, IAK_GARBLED, IAK_EMPTY } content;
};

static void iak_write(const struct vtpm *v, struct bytes content)
{
    struct err err = ERR_INIT;
    char path[80], command[300];

    snprintf(path, sizeof path, "%s/iak.der", v->dir);
    if (!file_write(path, content, 0600, &err))
        abort();
    snprintf(command, sizeof command,
             "tpm2_nvundefine -C p 0x%x 2>/dev/null; tpm2_nvdefine -C p -s %zu -a 'ppwrite|ppread|ownerread|authread|no_da|platformcreate' "
             "0x%x && "
             "tpm2_nvwrite -C p -i iak.der 0x%x",
             (unsigned)IAK_CERT_NV, content.len, (unsigned)IAK_CERT_NV, (unsigned)IAK_CERT_NV);
    if (!vtpm_run(v, command))
        abort();
}

/* The platform's index: TPM2_Clear does not take it. */
static void iak_certify_key(const struct vtpm *v, const struct iak_plan *plan, const struct pubkey *key, const struct ca *ca)
{
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct writer w CLEANUP(writer_done) = { 0 };
    struct err err = ERR_INIT;

    if (!(plan->as_ak ? ca_issue_ak(ca, VTPM_UUID, key, clock_now_ms(), &cert, &err)
                      : ca_issue_iak(ca, IAK_SUBJECT, key, clock_now_ms(), &cert, &err)))
        abort();
    if (plan->content == IAK_ISSUER_BEFORE)
        write_bytes(&w, ca_cert(ca, 0)->der);
    write_bytes(&w, plan->content == IAK_GARBLED ? bytes_slice(cert->der, 0, cert->der.len / 2) : cert->der);
    if (plan->content == IAK_ISSUER_BEHIND || plan->content == IAK_BOTH_PADDED)
        write_bytes(&w, ca_cert(ca, 0)->der);
    for (int i = 0; (plan->content == IAK_PADDED || plan->content == IAK_BOTH_PADDED) && i < 100; i++)
        write_u8(&w, 0xff);
    iak_write(v, writer_bytes(&w));
}

/* No device may be open. The key is in the endorsement hierarchy, as the manufacturer makes it. */
static void iak_provision(const struct vtpm *v, const struct iak_plan *plan, const struct ca *ca)
{
    struct tpm_device *tpm CLEANUP(tpm_device_close_at) = NULL;
    struct pubkey *key CLEANUP(pubkey_free_at) = NULL;
    struct privkey *other CLEANUP(privkey_free_at) = NULL;
    struct tpm_public template;
    struct tpm_object made;
    struct failure why = FAILURE_INIT;
    struct err err = ERR_INIT;
    uint32_t handle;
    bool done;

    iak_template(plan->kind, &template);
    template.attributes &= ~plan->without;
    if (plan->without & OBJECT_RESTRICTED)
        template.scheme = (struct tpm_scheme){ .algorithm = TPM_ALG_NULL };
    done = tpm_device_open(v->tcti, &tpm, &why) && tpm_create_primary(tpm, TPM_RH_ENDORSEMENT, &template, "an IAK", &handle, &made, &why) &&
           tpm_public_key(&made.pub, &key, &err) &&
           (plan->not_kept || tpm_call(tpm, request_evict_control(tpm_out(tpm), handle, IAK_HANDLE), "TPM2_EvictControl", NULL, &why));
    if (!done || (plan->other_key && !privkey_generate(PRIVKEY_P256, &other, &err))) {
        test_note("%s%s", why.text, err.text);
        abort();
    }
    tpm_flush(tpm, &handle);
    tpm_device_close(tpm);
    tpm = NULL;
    if (plan->content != IAK_EMPTY)
        iak_certify_key(v, plan, plan->other_key ? privkey_public(other) : key, ca);
}
