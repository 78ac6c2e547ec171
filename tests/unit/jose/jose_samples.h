/* tests/unit/jose/jose_samples.h: the examples of RFC 7515 and RFC 7638, and one key of each kind. */
#pragma once
#include "crypto/privkey.h"
#include "jose/jwk.h"
#include "json/parse.h"
#include "support/test.h"

/* RFC 7515 A.2.1 */
#define RFC7515_RSA                                                                                                                   \
    "{\"kty\":\"RSA\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-" \
    "SFd2lZS-"                                                                                                                        \
    "pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-"                                 \
    "UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo"                                                                                    \
    "5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\",\"e\":\"AQAB\"}"
/* RFC 7515 A.3.1 */
#define RFC7515_EC                                                                                                    \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_" \
    "tue659LNpXW6pCyStikYjKIWI5a0\"}"

#define RFC7515_PAYLOAD "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
#define RFC7515_RS256                                                                                                                \
    "eyJhbGciOiJSUzI1NiJ9." RFC7515_PAYLOAD ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_" \
    "O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdi"                                                                            \
    "uB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-"                                \
    "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QO"                                                                                  \
    "YEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
#define RFC7515_ES256 \
    "eyJhbGciOiJFUzI1NiJ9." RFC7515_PAYLOAD ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
/* RFC 7515 A.1, HS256 */
#define RFC7515_HS256 "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." RFC7515_PAYLOAD ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

static inline const struct json *parsed(struct arena *a, const char *text)
{
    const struct json *json = NULL;
    struct err err = ERR_INIT;

    if (!json_parse(a, bytes_of_string(text), NULL, &json, &err))
        test_note("%s", err.text);
    CHECK(json != NULL);
    return json;
}

static inline struct jwk jwk_of(struct arena *a, const char *text)
{
    struct jwk jwk = { 0 };
    struct err err = ERR_INIT;

    if (!jwk_parse(parsed(a, text), &jwk, &err))
        test_note("%s", err.text);
    CHECK(jwk.key != NULL);
    return jwk;
}

static inline const struct privkey *sample_key(enum privkey_kind kind)
{
    static struct privkey *keys[3];
    struct err err = ERR_INIT;

    if (!keys[kind] && !privkey_generate(kind, &keys[kind], &err))
        test_note("%s", err.text);
    return keys[kind];
}
