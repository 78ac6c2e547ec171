/* monitor/report.h: handlers of the agents' routes; the context is the monitor. Answers 202
 * {"nextReportSeconds":n,"nextHeartbeatSeconds":n,"profile":"demo"?,"nonce":b64u}; /nonce answers 200 {"nonce":b64u}. A report with "dryRun":true is judged
 * and answered (200), and leaves no trace. */
#pragma once
#include "monitor/monitor.h"

bool report_nonce(void *context, const struct http_request *request, struct http_response *response, struct err *err);
bool report_heartbeat(void *context, const struct http_request *request, struct http_response *response, struct err *err);
bool report_receive(void *context, const struct http_request *request, struct http_response *response, struct err *err);
