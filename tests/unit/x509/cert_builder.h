/* tests/unit/x509/cert_builder.h: certificates that nobody should make: a plan says only what differs from a good leaf. */
#pragma once
#include "crypto/privkey.h"
#include "x509/cert.h"

enum eku_choice { PLAN_EKU_NONE, PLAN_EKU_EK, PLAN_EKU_AK, PLAN_EKU_TLS, PLAN_EKU_PLATFORM };

struct cert_plan {
    const char *cn;            /* subject; default "leaf" */
    const char *issuer_cn;     /* default: the subject of `issuer`, else `cn` */
    const struct cert *issuer; /* for name and key identifier */
    unsigned key, signer;      /* numbers for plan_key() */
    bool ca;
    int path_len;          /* written when > 0; -1 writes 0 */
    const char *key_usage; /* BIT STRING content as hex; NULL: none */
    enum eku_choice eku;
    bool tpm_names, names_not_critical;
    bool expired, not_yet;
    const char *policies; /* content of certificatePolicies as hex, its sequence included; NULL: none */
    bool critical_unknown;
    bool weak_signature; /* the algorithm says SHA-1 */
    bool explicit_false; /* critical FALSE written out */
    bool twice;          /* an extension is there twice */
    bool no_extensions;  /* version 1 */
    bool other_inner_algorithm;
};

#define PLAN_NOW INT64_C(1795296000000) /* 2026-11-21T21:20:00Z */

/* A P-256 key, made once for each number below 8. */
const struct privkey *plan_key(unsigned number);
/* DER in the arena. */
struct bytes plan_der(struct arena *a, const struct cert_plan *plan);
/* The certificate, or NULL with the error noted as a failed check. */
struct cert *plan_cert(const struct cert_plan *plan);
