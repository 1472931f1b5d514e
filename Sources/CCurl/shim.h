#ifndef LAZARET_CCURL_SHIM_H
#define LAZARET_CCURL_SHIM_H

// Disables libcurl's type checks, which are macros around the variadic functions; the functions
// below are typed.
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

// Swift cannot call variadic functions such as `curl_easy_setopt` and `curl_easy_getinfo`; there is
// one function here for each type of value.

static inline CURLcode lazaret_curl_set_long(CURL *easy, CURLoption option, long value) {
    return curl_easy_setopt(easy, option, value);
}

static inline CURLcode lazaret_curl_set_size(CURL *easy, CURLoption option, curl_off_t value) {
    return curl_easy_setopt(easy, option, value);
}

/// libcurl copies the string.
static inline CURLcode lazaret_curl_set_text(CURL *easy, CURLoption option, const char *value) {
    return curl_easy_setopt(easy, option, value);
}

/// libcurl keeps the pointer, except for `CURLOPT_COPYPOSTFIELDS`, which copies.
static inline CURLcode lazaret_curl_set_pointer(CURL *easy, CURLoption option, const void *value) {
    return curl_easy_setopt(easy, option, value);
}

/// libcurl copies the bytes.
static inline CURLcode lazaret_curl_set_blob(
    CURL *easy, CURLoption option, const void *bytes, size_t count) {
    struct curl_blob blob = {(void *)bytes, count, CURL_BLOB_COPY};
    return curl_easy_setopt(easy, option, &blob);
}

typedef size_t (*lazaret_curl_receiver)(char *bytes, size_t size, size_t count, void *context);

static inline CURLcode lazaret_curl_set_receiver(
    CURL *easy, CURLoption option, lazaret_curl_receiver receiver) {
    return curl_easy_setopt(easy, option, receiver);
}

static inline CURLcode lazaret_curl_get_long(CURL *easy, CURLINFO info, long *value) {
    return curl_easy_getinfo(easy, info, value);
}

static inline CURLcode lazaret_curl_global_init(void) {
    return curl_global_init(CURL_GLOBAL_DEFAULT);
}

/// Allows only `http` and `https`.
static inline CURLcode lazaret_curl_allow_http_only(CURL *easy) {
#if LIBCURL_VERSION_NUM >= 0x075500
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

/// Allows a transfer to end while a name is looked up. Without it, libcurl waits until the
/// resolver's thread returns, which may take many seconds, and all other transfers wait too.
/// libcurl before 7.87 does not have the option.
static inline CURLcode lazaret_curl_leave_resolver(CURL *easy) {
#if LIBCURL_VERSION_NUM >= 0x075700
    return curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#else
    (void)easy;
    return CURLE_OK;
#endif
}

#endif
