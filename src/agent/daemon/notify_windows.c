/* The service control manager is told by agent/windows/service.c; it watches nobody. */
#include "agent/daemon/notify.h"
#include "base/compiler.h"

void notify_open(void) {}
void notify_send(const char *text UNUSED) {}
int64_t notify_watchdog_ms(void) { return 0; }
