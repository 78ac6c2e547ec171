/* diagnose/redact.h: text made fit to leave the machine: whatever looks like a secret is taken out, whoever wrote it (guest-agent.md 10, 15.14).
 *
 *   JSON web tokens and other long dotted base64url that begins "eyJ"       → [token]
 *   "Bearer X", "Basic X", "Digest X", "TrueBoot-AK X"                      → the word, [hidden]
 *   ://user:password@host                                                   → ://[hidden]@host
 *   the value of a key with pass, secret, token, credential, apikey, private, authorization or cookie in its name: key = v, key: v, "key":"v"
 *     (not of keys that end in _file or File: those are paths)               → [hidden]
 *   PEM blocks of private keys, cut ones too                                → [private key] */
#pragma once
#include "base/writer.h"

void redact(struct bytes text, struct writer *w);
