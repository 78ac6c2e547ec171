/* tpm/command/rc.h: response codes of TPM 2.0 and what they say, in words (TPM 2.0 Library Part 2 r1.59, 6.6; Part 1, 39). */
#pragma once
#include "base/bytes.h"

enum tpm_rc { /* those that somebody decides on; every code has words */
              TPM_RC_SUCCESS = 0,
              TPM_RC_INITIALIZE = 0x100,
              TPM_RC_FAILURE = 0x101,
              TPM_RC_DISABLED = 0x120,
              TPM_RC_AUTH_TYPE = 0x124,
              TPM_RC_PCR_CHANGED = 0x128,
              TPM_RC_AUTH_UNAVAILABLE = 0x12f,
              TPM_RC_COMMAND_CODE = 0x143,
              TPM_RC_NV_LOCKED = 0x148,
              TPM_RC_NV_AUTHORIZATION = 0x149,
              TPM_RC_NV_UNINITIALIZED = 0x14a,
              TPM_RC_NV_SPACE = 0x14b,
              TPM_RC_NV_DEFINED = 0x14c,
              TPM_RC_OBJECT_MEMORY = 0x902,
              TPM_RC_SESSION_MEMORY = 0x903,
              TPM_RC_MEMORY = 0x904,
              TPM_RC_SESSION_HANDLES = 0x905,
              TPM_RC_OBJECT_HANDLES = 0x906,
              TPM_RC_YIELDED = 0x908,
              TPM_RC_TESTING = 0x90a,
              TPM_RC_REFERENCE_H0 = 0x910,
              TPM_RC_NV_RATE = 0x920,
              TPM_RC_LOCKOUT = 0x921,
              TPM_RC_RETRY = 0x922,
              TPM_RC_NV_UNAVAILABLE = 0x923,

              /* Format one: these say where, too: TPM_RC_P(n), TPM_RC_H(n), TPM_RC_S(n) put the place in. */
              TPM_RC_VALUE = 0x084,
              TPM_RC_HIERARCHY = 0x085,
              TPM_RC_HANDLE = 0x08b,
              TPM_RC_AUTH_FAIL = 0x08e,
              TPM_RC_SIZE = 0x095,
              TPM_RC_POLICY_FAIL = 0x09d,
              TPM_RC_INTEGRITY = 0x09f,
              TPM_RC_BAD_AUTH = 0x0a2,
};
#define TPM_RC_H(n) ((uint32_t)(n) << 8)
#define TPM_RC_P(n) (0x040u | (uint32_t)(n) << 8)
#define TPM_RC_S(n) (0x800u | (uint32_t)(n) << 8)

/* The TPM's own code. Resource managers pass it on with their number in bits 16–23; an error of theirs alone gives 0. */
uint32_t tpm_rc_own(uint32_t rc);
/* Without the place that a format-one code names: TPM_RC_HANDLE for 0x18B. */
uint32_t tpm_rc_base(uint32_t rc);

/* "0x18B (HANDLE, handle 1: there is nothing with this handle, or it is not of the right kind)". */
enum { TPM_RC_TEXT_LEN = 160 };
void tpm_rc_text(uint32_t rc, char out[static TPM_RC_TEXT_LEN]);
