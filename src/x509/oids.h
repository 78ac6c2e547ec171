/* x509/oids.h: object identifiers as the content bytes that DER carries. */
#pragma once
#include "base/bytes.h"

#define OID_COMMON_NAME      BYTES_LIT("\x55\x04\x03")         /* 2.5.4.3 */
#define OID_TPM_MANUFACTURER BYTES_LIT("\x67\x81\x05\x02\x01") /* 2.23.133.2.1 */
#define OID_TPM_MODEL        BYTES_LIT("\x67\x81\x05\x02\x02") /* 2.23.133.2.2 */
#define OID_TPM_VERSION      BYTES_LIT("\x67\x81\x05\x02\x03") /* 2.23.133.2.3 */

#define OID_SUBJECT_KEY_ID       BYTES_LIT("\x55\x1d\x0e") /* 2.5.29.14 */
#define OID_KEY_USAGE            BYTES_LIT("\x55\x1d\x0f") /* 2.5.29.15 */
#define OID_SUBJECT_ALT_NAME     BYTES_LIT("\x55\x1d\x11") /* 2.5.29.17 */
#define OID_BASIC_CONSTRAINTS    BYTES_LIT("\x55\x1d\x13") /* 2.5.29.19 */
#define OID_CERTIFICATE_POLICIES BYTES_LIT("\x55\x1d\x20") /* 2.5.29.32 */
#define OID_AUTHORITY_KEY_ID     BYTES_LIT("\x55\x1d\x23") /* 2.5.29.35 */
#define OID_EXT_KEY_USAGE        BYTES_LIT("\x55\x1d\x25") /* 2.5.29.37 */

#define OID_POLICY_TPM_RESIDENCY  BYTES_LIT("\x67\x81\x05\x0b\x01\x01") /* 2.23.133.11.1.1 */
#define OID_POLICY_TPM_FIXED      BYTES_LIT("\x67\x81\x05\x0b\x01\x02") /* 2.23.133.11.1.2 */
#define OID_POLICY_TPM_RESTRICTED BYTES_LIT("\x67\x81\x05\x0b\x01\x03") /* 2.23.133.11.1.3 */

#define OID_EKU_ANY          BYTES_LIT("\x55\x1d\x25\x00")                 /* 2.5.29.37.0 */
#define OID_EKU_TLS_SERVER   BYTES_LIT("\x2b\x06\x01\x05\x05\x07\x03\x01") /* 1.3.6.1.5.5.7.3.1 */
#define OID_EKU_TLS_CLIENT   BYTES_LIT("\x2b\x06\x01\x05\x05\x07\x03\x02") /* 1.3.6.1.5.5.7.3.2 */
#define OID_EKU_TPM_EK       BYTES_LIT("\x67\x81\x05\x08\x01")             /* 2.23.133.8.1 */
#define OID_EKU_TPM_PLATFORM BYTES_LIT("\x67\x81\x05\x08\x02")             /* 2.23.133.8.2 */
#define OID_EKU_TPM_AK       BYTES_LIT("\x67\x81\x05\x08\x03")             /* 2.23.133.8.3 */

#define OID_ECDSA_SHA256 BYTES_LIT("\x2a\x86\x48\xce\x3d\x04\x03\x02")     /* 1.2.840.10045.4.3.2 */
#define OID_RSA_SHA256   BYTES_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b") /* 1.2.840.113549.1.1.11 */
