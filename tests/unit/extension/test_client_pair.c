#include "extension/settings.h"
#include "json/write.h"
#include "support/test.h"
#include "x509/ca.h"

TEST(a_certificate_is_of_use_with_its_own_key_only)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct ca *one CLEANUP(ca_free_at) = NULL, *another CLEANUP(ca_free_at) = NULL; /* certificates with their keys */
    struct bytes cert, key, other_cert, other_key;
    struct err err = ERR_INIT;
    struct protected_settings p;

    REQUIRE_OK(ca_new("one", 0, &one, &err) && ca_save(one, &a, &key, &cert, &err), err);
    REQUIRE_OK(ca_new("another", 0, &another, &err) && ca_save(another, &a, &other_key, &other_cert, &err), err);
    for (int right = 0; right < 2; right++) {
        struct writer w CLEANUP(writer_done) = { 0 };
        struct json_out out = json_out_to(&w, JSON_COMPACT);

        json_begin_object(&out, NULL);
        json_put_bytes(&out, "clientCertPem", cert);
        json_put_bytes(&out, "clientKeyPem", right ? key : other_key);
        json_end(&out);
        CHECK(protected_settings_parse(&a, writer_bytes(&w), &p, &err) == right);
        CHECK(right || strstr(err.text, "another certificate"));
        CHECK(!right || (p.client_cert_pem.len && p.client_key_pem.len));
    }
}
