/* http/client_failure.h: what libcurl says, in our classes. Private to src/http. */
#pragma once
#include <curl/curl.h>
#include "http/client.h"

enum http_failure client_failure(CURLcode code, CURL *curl);
