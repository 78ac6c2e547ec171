/* Throwaway certificates, made by the openssl command when a test begins: a CA and a server's leaf. */
#pragma once
#include "base/file.h"
#include "http_fixture.h"

struct certificates {
    char folder[64];
    struct arena arena;
    struct bytes ca, cert, key;
};

UNUSED static void certificates_done(struct certificates *c)
{
    static const char *const names[] = { "ca.pem", "ca.key", "ca.srl", "leaf.pem", "leaf.key", "leaf.csr", "leaf.ext" };
    char path[96];

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof path, "%s/%s", c->folder, names[i]);
        unlink(path);
    }
    rmdir(c->folder);
    arena_done(&c->arena);
}

UNUSED static bool certificates_make(struct certificates *c, const char *names, int days)
{
    static const struct {
        const char *name;
        size_t offset;
    } files[] = { { "ca.pem", offsetof(struct certificates, ca) },
                  { "leaf.pem", offsetof(struct certificates, cert) },
                  { "leaf.key", offsetof(struct certificates, key) } };
    char command[1200], path[96];
    struct err err;

    *c = (struct certificates){ .folder = "/tmp/trueboot-tls-XXXXXX" };
    if (!mkdtemp(c->folder))
        return false;
    snprintf(command, sizeof command,
             "cd %s && exec 2>/dev/null && P='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'"
             " && openssl req -x509 $P -subj '/CN=Test CA' -days 30 -keyout ca.key -out ca.pem"
             " && openssl req -new $P -subj '/CN=server' -keyout leaf.key -out leaf.csr"
             " && echo 'subjectAltName=%s' > leaf.ext"
             " && openssl x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days %d -extfile leaf.ext -out leaf.pem",
             c->folder, names, days);
    if (system(command) != 0)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        snprintf(path, sizeof path, "%s/%s", c->folder, files[i].name);
        if (!file_read_in(&c->arena, path, 65536, (struct bytes *)((char *)c + files[i].offset), &err))
            return false;
    }
    return true;
}

#define CERTIFICATES(c, names, days)                          \
    CLEANUP(certificates_done) struct certificates c = { 0 }; \
    if (!certificates_make(&c, names, days))                  \
    SKIP("the openssl command is needed to make certificates")
