/* Prints {"report":TOKEN,"jwks":…,"issuer":…,"now":milliseconds}: a report over evidence of a TPM in software, for clients to verify. */
#include <stdio.h>
#include "support/attestation_fixture.h"
#include "support/test.h"

static bool make(struct fixture *f, struct writer *w)
{
    struct json_out out = json_out_to(w, JSON_COMPACT);
    struct answer answer;
    struct bytes token;

    if (!attest_once(f, fixture_vm(f, "web1"), &token))
        return false;
    fixture_call(f, &(struct call){ .path = "/certs" }, &answer);
    json_begin_object(&out, NULL);
    json_put_bytes(&out, "report", token);
    json_put_raw(&out, "jwks", answer.body);
    json_put_string(&out, "issuer", FIXTURE_ISSUER);
    json_put_integer(&out, "now", fixture_time);
    json_end(&out);
    return answer.status == 200 && writer_ok(w);
}

TEST(a_report_is_made)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    FIXTURE(f);

    REQUIRE(make(&f, &w));
    fprintf(stderr, "%.*s\n", BYTES_FMT(writer_bytes(&w)));
}
