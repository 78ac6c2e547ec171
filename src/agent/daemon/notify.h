/* agent/daemon/notify.h: telling the service manager how we are (sd_notify's protocol, a datagram to $NOTIFY_SOCKET). Without one nothing happens. */
#pragma once
#include <stdint.h>

/* notify_open remembers the socket. */
void notify_open(void);
/* "READY=1", "WATCHDOG=1", "STOPPING=1", "STATUS=…"; several lines in one text. From any thread. */
void notify_send(const char *text);
/* After how long without WATCHDOG=1 we are ended ($WATCHDOG_USEC); 0: nobody watches. */
int64_t notify_watchdog_ms(void);
