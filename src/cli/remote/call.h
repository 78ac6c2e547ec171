/* cli/remote/call.h: how trueboot and its helper trueboot-call share one request to the server.
 *
 * libcurl and the thirty libraries that it brings cost more time at every start than a whole offline command takes; so the program that
 * links them is another one, run only when a server is asked. One request per run:
 *
 *   trueboot-call METHOD URL [unix:SOCKET]        TRUEBOOT_CA in the environment names a CA file, TRUEBOOT_TOKEN is sent as
 *                                                 API token, but never over the local socket
 *   standard input   the body, until its end
 *   standard output  "STATUS\n" and the answer's body; or, without an answer, "0 CODE FAILURE\n" and one sentence: CODE is err_slug's,
 *                    FAILURE http_failure_slug's */
#pragma once

#define CALL_PROGRAM "trueboot-call"
#define CALL_REFUSED "connect_refused" /* the FAILURE that the caller words itself */

enum { CALL_BODY_MAX = 16 * 1024 * 1024, CALL_ANSWER_MAX = 64 * 1024 * 1024 };
