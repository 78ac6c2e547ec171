/* agent/daemon/calls_windows.h: who calls the loop on Windows. From any thread, also before calls_begin(). */
#pragma once

/* A HANDLE that is signalled once for each call: for loops that wait for other things, too. */
void *calls_event(void);
void calls_tell_stop(void);
void calls_tell_reload(void);
