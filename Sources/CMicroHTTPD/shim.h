#ifndef LAZARET_CMICROHTTPD_SHIM_H
#define LAZARET_CMICROHTTPD_SHIM_H

#include <microhttpd.h>
#include <stdbool.h>
#include <sys/eventfd.h>

// Functions of libmicrohttpd that take variable arguments, which Swift cannot call.

/// Starts a daemon without a thread: its owner waits for its epoll descriptor, and calls MHD_run.
/// With a certificate and its key (PEM), which are read during this call, it speaks TLS 1.2 or 1.3.
static inline struct MHD_Daemon *lazaret_http_start(
    int listening, unsigned int connections, size_t memory, MHD_AcceptPolicyCallback admit,
    MHD_NotifyConnectionCallback connection, void *(*target)(void *, const char *, struct MHD_Connection *),
    MHD_AccessHandlerCallback request, MHD_RequestCompletedCallback completed,
    size_t (*unescape)(void *, struct MHD_Connection *, char *), void *owner,
    const char *certificate, const char *key) {
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)key},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
        {MHD_OPTION_END, 0, NULL}};
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | (certificate ? MHD_USE_TLS : 0), 0, admit, owner, request, owner,
        MHD_OPTION_LISTEN_SOCKET, listening, MHD_OPTION_CONNECTION_LIMIT, connections,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, memory, MHD_OPTION_NOTIFY_CONNECTION, connection, owner,
        MHD_OPTION_URI_LOG_CALLBACK, target, owner, MHD_OPTION_NOTIFY_COMPLETED, completed, owner,
        MHD_OPTION_UNESCAPE_CALLBACK, unescape, owner,
        MHD_OPTION_ARRAY, certificate ? tls : none, MHD_OPTION_END);
}

static inline enum MHD_Result lazaret_http_refuse(
    void *context, struct MHD_Connection *connection, const char *path, const char *method,
    const char *version, const char *data, size_t *size, void **state) {
    (void)context, (void)connection, (void)path, (void)method;
    (void)version, (void)data, (void)size, (void)state;
    return MHD_NO;
}

/// Whether a certificate and a key, both as PEM, can be used together; opens no socket.
static inline bool lazaret_http_is_usable(const char *certificate, const char *key) {
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_TLS, 0, NULL, NULL,
        lazaret_http_refuse, NULL, MHD_OPTION_HTTPS_MEM_CERT, certificate,
        MHD_OPTION_HTTPS_MEM_KEY, key, MHD_OPTION_END);
    if (!daemon) return false;
    MHD_stop_daemon(daemon);
    return true;
}

/// The descriptor that is readable when MHD_run has something to do; -1 without one.
static inline int lazaret_http_descriptor(struct MHD_Daemon *daemon) {
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
    return info ? info->epoll_fd : -1;
}

/// A connection's socket; -1 without one.
static inline int lazaret_http_socket(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info ? info->connect_fd : -1;
}

/// The pointer that the owner stores with a connection.
static inline void *lazaret_http_context(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

/// The size in bytes of a request's line and header fields.
static inline size_t lazaret_http_header_size(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return info ? info->header_size : 0;
}

#endif
