/* truebootd/tls.h: the server's TLS certificate: of our own CA, renewed before it ends and when this machine's addresses change; or files of the
 * operator's (tls.certificate, tls.key), taken anew when they change. New connections get the new one, those open keep theirs. What cannot be used is refused:
 * the one in use goes on, the log says so once for each such content, and trueboot_tls_certificate_refused stays 1 until it is mended. */
#pragma once
#include "truebootd/server.h"

struct tls_state {
    uint64_t replaced, refused; /* since the server started */
    bool failing;               /* what is there now cannot be used */
};

/* tls_load gives certificate and key for the server's start, as PEM in `a`: wipe the key. */
MUST_CHECK bool tls_load(struct server *s, struct arena *a, struct bytes *ret_cert_pem, struct bytes *ret_key_pem, struct err *err);
/* tls_look takes what is new into use: after SIGHUP, and now and then; `thoroughly`: our own certificate too. From any thread. */
void tls_look(struct server *s, bool thoroughly);
struct tls_state tls_state(struct server *s);
void tls_done(struct server *s);
