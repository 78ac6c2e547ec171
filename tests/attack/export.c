#include "export.h"
#include <stdio.h>
#include <stdlib.h>
#include "base/file.h"
#include "base/hex.h"
#include "json/write.h"

enum { FOLDER_MAX = 512, PATH_ROOM = 4096, ALL_OF = 48, ONE_IN = 41, BASELINES_MAX = 64 };

static unsigned n_sent; /* in this test */
static char last[FOLDER_MAX], last_test[256];
static struct {
    const struct baseline *baseline;
    char folder[FOLDER_MAX];
} learned[BASELINES_MAX];
static size_t n_learned;

void export_learned(const struct baseline *baseline)
{
    if (n_learned == BASELINES_MAX || !last[0])
        return;
    learned[n_learned].baseline = baseline;
    memcpy(learned[n_learned++].folder, last, sizeof last);
}

/* The latest: baselines live on the stack, and places are used again. */
static const char *accepted_boot(const struct baseline *baseline)
{
    for (size_t i = n_learned; baseline && i-- > 0;)
        if (learned[i].baseline == baseline)
            return learned[i].folder;
    return NULL;
}

static bool put(const char *folder, const char *name, struct bytes content, struct err *err)
{
    char path[PATH_ROOM];

    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path)
        return err_set(err, ERR_LIMIT, "%s is too long", folder);
    return file_write(path, content, 0644, err);
}

static void put_revoked(struct json_out *out, const struct boot_reference *reference)
{
    json_begin_array(out, "revokedImages");
    for (size_t i = 0; i < reference->n_images; i++)
        json_put_hex(out, NULL, (struct bytes){ reference->images[i].digest, reference->images[i].len });
    json_end(out);
}

/* What the answer depends on besides the evidence. */
static void put_context(struct json_out *out, const struct attack *x)
{
    json_begin_object(out, "given");
    json_put_boolean(out, "akTrusted", !x->ak_untrusted);
    json_put_string(out, "requiredRegisters", "0-23"); /* by the built-in policy */
    json_put_string(out, "acceptedBoot", accepted_boot(x->baseline));
    if (x->no_policy || x->policy)
        json_put_string(out, "policy", x->policy ? x->policy : "");
    if (x->reference) {
        put_revoked(out, x->reference);
        json_put_integer(out, "sbatRequirements", (int64_t)x->reference->n_sbat);
    }
    json_end(out);
}

static bool put_case(const char *folder, const struct attack *x, const struct evidence *evidence, struct err *err)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_INDENTED);

    json_begin_object(&out, NULL);
    json_put_string(&out, "test", last_test);
    json_put_string(&out, "expect", x->verdict == VERDICT_HEALTHY ? "healthy" : "not healthy");
    put_context(&out, x);
    json_begin_array(&out, "logs");
    for (size_t i = 0; i < evidence->n_logs; i++) {
        char name[32];
        snprintf(name, sizeof name, "log-%zu", i + 1);
        json_put_string(&out, NULL, name);
    }
    json_end(&out);
    json_begin_array(&out, "findings");
    for (size_t i = 0; i < x->findings.n; i++)
        if (x->findings.items[i].severity >= SEVERITY_MEDIUM)
            json_put_string(&out, NULL, finding_kind(x->findings.items[i].id)->id);
    json_end(&out);
    json_end(&out);
    return writer_ok(&w) && put(folder, "case.json", writer_bytes(&w), err);
}

static bool put_pcrs(const char *folder, const struct pcr_set *pcrs, struct err *err)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_INDENTED);

    json_begin_object(&out, NULL);
    for (size_t b = 0; b < pcrs->n_banks; b++) {
        const struct pcr_bank *bank = &pcrs->banks[b];
        json_begin_object(&out, digest_name(bank->algorithm));
        for (unsigned i = 0; i < LIMIT_PCRS; i++) {
            char number[4];
            snprintf(number, sizeof number, "%u", i);
            if (bank->present & 1u << i)
                json_put_hex(&out, number, (struct bytes){ bank->value[i].value, digest_len(bank->algorithm) });
        }
        json_end(&out);
    }
    json_end(&out);
    return writer_ok(&w) && put(folder, "pcrs.json", writer_bytes(&w), err);
}

static bool put_all(struct attack *x, const char *folder, const struct evidence *evidence)
{
    char *pem = pubkey_pem(privkey_public(attack_key()), &x->a), *nonce = hex_in(&x->a, x->nonce);

    for (size_t i = 0; i < evidence->n_logs; i++) {
        char name[32];
        snprintf(name, sizeof name, "log-%zu", i + 1);
        if (!put(folder, name, evidence->logs[i].content, &x->err))
            return false;
    }
    return pem && nonce && put(folder, "quote.msg", evidence->quote, &x->err) && put(folder, "quote.sig", evidence->signature, &x->err) &&
           put(folder, "ak.pem", bytes_of_string(pem), &x->err) && put(folder, "nonce.hex", bytes_of_string(nonce), &x->err) &&
           put_pcrs(folder, &evidence->pcrs, &x->err) && put_case(folder, x, evidence, &x->err);
}

bool export_evidence(struct attack *x, const struct evidence *evidence)
{
    const char *root = getenv("TRUEBOOT_ATTACK_EXPORT");
    char folder[PATH_ROOM];

    if (!root)
        return true;
    if (strcmp(last_test, test_name()) != 0) {
        snprintf(last_test, sizeof last_test, "%s", test_name());
        n_sent = 0;
    }
    if (++n_sent > ALL_OF && n_sent % ONE_IN)
        return true;
    snprintf(last, sizeof last, "%.200s/%u", last_test, n_sent);
    if ((size_t)snprintf(folder, sizeof folder, "%s/%s", root, last) >= sizeof folder)
        return err_set(&x->err, ERR_LIMIT, "%s is too long", root);
    return file_make_dirs(folder, 0755, &x->err) && put_all(x, folder, evidence);
}
