/* agent/windows/scm.h: our services in the service control manager's list: made, changed, removed. Starting and stopping is agent/handler/service.h. */
#pragma once
#include "base/err.h"

/* `program` is the file that they start. The daemon: automatic, as LocalService, write-restricted, without privileges that it does not need, started again 30 s after a
 * failure. The publisher only `with_publisher`: as the system's own account, with no privilege at all. Both again is fine. */
MUST_CHECK bool scm_install(const char *program, bool with_publisher, struct err *err);
/* Fine when they are not there. */
MUST_CHECK bool scm_remove(struct err *err);
