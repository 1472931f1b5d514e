#ifndef LAZARET_CCURL_SHIM_H
#define LAZARET_CCURL_SHIM_H

// Disables libcurl's type checks, which are macros around the variadic functions; the functions
// below are typed.
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <sys/socket.h>

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

#if LIBCURL_VERSION_NUM < 0x075000
#error "libcurl 7.80 or later is needed: it asks before it sends a request"
#endif

/// The users that may listen on a Unix socket. It has to outlive the handle.
struct lazaret_curl_peers {
    const unsigned int *users;
    size_t count;
    /// The connection's socket.
    curl_socket_t socket;
    /// The user that listens and may not, where `is_refused`.
    unsigned int refused;
    int is_refused;
};

/// Opens a socket, and keeps it for `lazaret_curl_ask_peer`.
static inline curl_socket_t lazaret_curl_open(
    void *context, curlsocktype purpose, struct curl_sockaddr *address) {
    struct lazaret_curl_peers *peers = (struct lazaret_curl_peers *)context;
    int kind = address->socktype | SOCK_CLOEXEC;
    (void)purpose;
    peers->socket = socket(address->family, kind, address->protocol);
    return peers->socket < 0 ? CURL_SOCKET_BAD : peers->socket;
}

/// Checks which user listens (SO_PEERCRED, unix(7)), before anything is sent.
static inline int lazaret_curl_ask_peer(
    void *context, char *address, char *own_address, int port, int own_port) {
    struct lazaret_curl_peers *peers = (struct lazaret_curl_peers *)context;
    // `struct ucred`, which glibc shows to GNU sources only.
    struct { int pid; unsigned int uid, gid; } peer = {0, 0, 0};
    socklen_t size = sizeof peer;
    (void)address, (void)own_address, (void)port, (void)own_port;
    if (getsockopt(peers->socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0) {
        for (size_t index = 0; index < peers->count; index++)
            if (peers->users[index] == peer.uid) return CURL_PREREQFUNC_OK;
        peers->refused = peer.uid;
        peers->is_refused = 1;
    }
    return CURL_PREREQFUNC_ABORT;
}

/// Allows requests on a Unix socket to a server of these users only.
static inline CURLcode lazaret_curl_check_peers(CURL *easy, struct lazaret_curl_peers *peers) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, lazaret_curl_open);
    if (code == CURLE_OK) code = curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, peers);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, lazaret_curl_ask_peer);
    if (code == CURLE_OK) code = curl_easy_setopt(easy, CURLOPT_PREREQDATA, peers);
    // An open connection belongs to the handle that has opened it.
    return code == CURLE_OK ? curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L) : code;
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

/// Allows only `smtp` and `smtps`.
static inline CURLcode lazaret_curl_allow_mail_only(CURL *easy) {
#if LIBCURL_VERSION_NUM >= 0x075500
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
#else
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_SMTP | CURLPROTO_SMTPS));
#endif
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
