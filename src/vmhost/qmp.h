/* vmhost/qmp.h: talking to a running QEMU (QEMU Machine Protocol): one JSON object per line, events in between. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "json/value.h"

enum { QMP_LINE_MAX = 256 * 1024, QMP_TIMEOUT_MS = 5000 };

struct qmp {
    int fd;
    struct arena arena; /* answers */
    char *buffer;
    size_t len;
};

/* qmp_open connects to DIR/qmp.sock and negotiates. ERR_UNREACHABLE: nobody listens, or no answer in QMP_TIMEOUT_MS. Release with
 * qmp_done, also after a failure (zeroed storage with fd -1 is safe). */
#define QMP_INIT ((struct qmp){ .fd = -1 })
MUST_CHECK bool qmp_open(struct qmp *q, const char *dir, struct err *err);
void qmp_done(struct qmp *q);

/* qmp_command sends {"execute": command, "arguments": …}; `arguments` is JSON text or NULL. *ret (may be NULL) lives as long as q. A refusal
 * is ERR_IO with QEMU's words; an end of the connection is ERR_UNREACHABLE. */
MUST_CHECK bool qmp_command(struct qmp *q, const char *command, const char *arguments, const struct json **ret, struct err *err);
