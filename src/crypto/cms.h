/* crypto/cms.h: CMS EnvelopedData in DER (RFC 5652 6): how a VM extension's protected settings are wrapped (guest-agent.md 6.6). */
#pragma once
#include "base/arena.h"
#include "base/err.h"

/* The recipient's certificate and private key are PEM and belong together. The content is in the arena: wipe it when done. Other CMS types,
 * indefinite lengths' leftovers and anything behind the structure are refused. EnvelopedData carry no authentication: a message to another
 * key under the same issuer and serial number, or one whose last block was changed, opens into random bytes about once in 256 times, so the
 * content is as hostile as any other input (RFC 5652 14). */
MUST_CHECK bool cms_decrypt(struct bytes der, struct bytes cert_pem, struct bytes key_pem, struct arena *a, struct bytes *ret,
                            struct err *err);
