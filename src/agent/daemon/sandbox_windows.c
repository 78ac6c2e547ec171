/* What a service of ours may do is in its token: LocalService, restricted to what names the service (agent/windows/scm.h). */
#include "agent/daemon/sandbox.h"

bool sandbox_become(const char *user UNUSED, const struct places *places UNUSED, struct err *err UNUSED) { return true; }
bool sandbox_enter(bool kill_instead UNUSED, struct err *err UNUSED) { return true; }
