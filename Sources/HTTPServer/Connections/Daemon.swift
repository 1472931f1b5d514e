internal import CMicroHTTPD
internal import Glibc

/// Owns one daemon of libmicrohttpd without threads: it works only while `run` is called.
@safe
struct Daemon: ~Copyable {
    private let handle: OpaquePointer
    /// Readable when there is work for `run`.
    let descriptor: Int32

    /// - Parameters:
    ///   - listening: the listening socket, which the daemon takes over.
    ///   - memory: the size of each connection's buffers in bytes.
    ///   - loop: receives the callbacks; it must outlive the daemon.
    ///   - tls: nil: no TLS.
    init(
        address: String, listening: consuming Descriptor, connections: Int, memory: Int,
        tls: TLSIdentity?, loop: EventLoop
    ) throws(ServerError) {
        let owner = unsafe Unmanaged.passUnretained(loop).toOpaque()
        // SAFETY: the loop outlives the daemon, and the callbacks convert the pointer back to its
        // type.
        let socket = listening.release()
        func start(
            _ certificate: UnsafePointer<CChar>?, _ key: UnsafePointer<CChar>?
        ) -> OpaquePointer? {
            unsafe lazaret_http_start(
                socket, UInt32(connections), memory, Callbacks.admit,
                Callbacks.connection, Callbacks.target, Callbacks.request, Callbacks.completed,
                Callbacks.unescape, owner, certificate, key)
        }
        let started: OpaquePointer?
        if let tls {
            // SAFETY: libmicrohttpd reads both texts while it starts; they are valid for the call.
            unsafe started = tls.certificate.withCString { certificate in
                unsafe tls.key.withCString { unsafe start(certificate, $0) }
            }
        } else {
            unsafe started = start(nil, nil)
        }
        let code = errno
        guard let started = unsafe started else {
            // SAFETY: the text is copied at once.
            throw .start(address: address, reason: unsafe String(cString: strerror(code)))
        }
        unsafe handle = started
        unsafe descriptor = lazaret_http_descriptor(started)
    }

    // SAFETY: only this value has the handle. No connection may be suspended here: libmicrohttpd
    // would abort the program.
    deinit { unsafe MHD_stop_daemon(handle) }

    /// Reads, writes and runs callbacks, without waiting.
    func run() {
        // SAFETY: the handle is valid as long as this value.
        unsafe _ = MHD_run(handle)
    }

    /// The greatest number of milliseconds until the next `run`, even if the descriptor is not
    /// readable; nil: no limit.
    var patience: Int32? {
        var milliseconds: UInt64 = 0
        // SAFETY: the handle is valid as long as this value, and the number is a local variable.
        guard unsafe MHD_get_timeout(handle, &milliseconds) == .YES else { return nil }
        return Int32(clamping: milliseconds)
    }

    /// Accepts no further connections.
    func stopListening() {
        // SAFETY: the handle is valid as long as this value; the caller owns the returned socket.
        let socket = unsafe MHD_quiesce_daemon(handle)
        if socket >= 0 { close(socket) }
    }
}

/// libmicrohttpd's handle of a connection; valid on the loop's thread until `EventLoop.closed`.
@safe
struct Wire {
    fileprivate let handle: OpaquePointer

    var socket: Int32 { unsafe lazaret_http_socket(handle) }

    /// The size in bytes of the request's line and header fields.
    var headerSize: Int { unsafe lazaret_http_header_size(handle) }

    /// The request's header fields, unchanged.
    var headers: Headers {
        var headers = Headers()
        // SAFETY: names and values have the given lengths and are valid for the call, as is
        // `headers`.
        unsafe withUnsafeMutablePointer(to: &headers) { pointer in
            unsafe _ = MHD_get_connection_values_n(
                handle, .HEADER_KIND,
                { context, _, name, nameSize, value, valueSize in
                    guard let context = unsafe context else { return .NO }
                    unsafe context.assumingMemoryBound(to: Headers.self).pointee.append(
                        text(name, nameSize), text(value, valueSize))
                    return .YES
                }, pointer)
        }
        return headers
    }

    /// Suspends the connection until it is resumed; only within a callback about it.
    func suspend() { unsafe MHD_suspend_connection(handle) }

    /// Resumes a suspended connection.
    func resume() { unsafe MHD_resume_connection(handle) }

    /// Sends an answer; only within `EventLoop.step`.
    ///
    /// - Parameter connection: the connection for which `fill` provides a stream's bytes.
    /// - Returns: false if it cannot be sent.
    func queue(_ response: Response, of connection: Connection) -> Bool {
        // SAFETY: bytes are copied; the connection lives until it is closed, and has no callbacks
        // after that.
        let made: OpaquePointer?
        switch response.body {
        case .bytes(var bytes):
            unsafe made = bytes.withUnsafeMutableBytes {
                unsafe MHD_create_response_from_buffer(
                    $0.count, $0.baseAddress, .RESPMEM_MUST_COPY)
            }
        case .stream:
            let context = unsafe Unmanaged.passUnretained(connection).toOpaque()
            unsafe made = MHD_create_response_from_callback(
                UInt64.max, 4096, Callbacks.fill, context, nil)
        }
        guard let made = unsafe made else { return false }
        // SAFETY: this releases our reference; the library has its own to a queued response.
        defer { unsafe MHD_destroy_response(made) }
        for (name, value) in response.headers.fields {
            guard unsafe MHD_add_response_header(made, name, value) == .YES else {
                return false
            }
        }
        return unsafe MHD_queue_response(handle, UInt32(response.status.code), made) == .YES
    }
}

/// The callbacks of libmicrohttpd. All are called on the loop's thread, within `Daemon.run` or
/// `deinit`.
private enum Callbacks {
    static let admit: MHD_AcceptPolicyCallback = { owner, _, _ in
        unsafe loop(owner).admits() ? .YES : .NO
    }

    static let connection: MHD_NotifyConnectionCallback = { owner, handle, context, code in
        guard let handle = unsafe handle, let context = unsafe context else { return }
        let loop = unsafe loop(owner)
        switch code {
        case .CONNECTION_NOTIFY_STARTED:
            let connection = loop.opened(unsafe Wire(handle: handle))
            unsafe context.pointee = Unmanaged.passRetained(connection).toOpaque()
        default:
            guard let kept = unsafe context.pointee else { return }
            unsafe context.pointee = nil
            loop.closed(unsafe Unmanaged<Connection>.fromOpaque(kept).takeRetainedValue())
        }
    }

    /// Called with the request's line before it is parsed.
    static let target:
        @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<CChar>?, OpaquePointer?)
            -> UnsafeMutableRawPointer? = { owner, text, handle in
                guard let handle = unsafe handle, let kept = unsafe lazaret_http_context(handle)
                else { return nil }
                let target = unsafe text.map { unsafe String(cString: $0) } ?? ""
                unsafe loop(owner).begun(held(kept), target: target)
                return unsafe kept
            }

    static let request: MHD_AccessHandlerCallback = {
        owner, _, _, method, version, upload, size, context in
        guard let kept = unsafe context?.pointee, let size = unsafe size else { return .NO }
        let part = unsafe UnsafeRawBufferPointer(
            start: upload, count: upload == nil ? 0 : size.pointee)
        let goesOn = unsafe loop(owner).step(
            held(kept), method: method.map { unsafe String(cString: $0) } ?? "",
            version: version.map { unsafe String(cString: $0) } ?? "", upload: [UInt8](part))
        // All bytes were consumed.
        unsafe size.pointee = 0
        return goesOn ? .YES : .NO
    }

    static let completed: MHD_RequestCompletedCallback = { owner, _, context, _ in
        guard let kept = unsafe context?.pointee else { return }
        unsafe context?.pointee = nil
        unsafe loop(owner).completed(held(kept))
    }

    /// Targets are decoded by `Request`, which distinguishes a zero byte from the end.
    static let unescape:
        @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?, UnsafeMutablePointer<CChar>?)
            -> Int = { _, _, text in unsafe text.map { unsafe strlen($0) } ?? 0 }

    static let fill: MHD_ContentReaderCallback = { context, _, buffer, size in
        guard let context = unsafe context else { return endOfStream }
        let room = unsafe UnsafeMutableRawBufferPointer(start: buffer, count: size)
        let connection = unsafe held(context)
        switch unsafe connection.loop.fill(connection, room) {
        case .some(let count): return count
        case .nothing: return 0
        case .end: return endOfStream
        }
    }

    /// MHD_CONTENT_READER_END_OF_STREAM, a macro that Swift does not import.
    private static let endOfStream = -1

    // SAFETY: the pointer is that of the loop that owns the daemon.
    private static func loop(_ owner: UnsafeMutableRawPointer?) -> EventLoop {
        unsafe Unmanaged<EventLoop>.fromOpaque(owner!).takeUnretainedValue()
    }

    // SAFETY: the pointer is that of an open connection.
    private static func held(_ context: UnsafeMutableRawPointer) -> Connection {
        unsafe Unmanaged<Connection>.fromOpaque(context).takeUnretainedValue()
    }
}

/// Bytes of C as text; what is no UTF-8 is replaced.
// SAFETY: the pointer is as long as said.
private func text(_ start: UnsafePointer<CChar>?, _ count: Int) -> String {
    let bytes = unsafe UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : count)
    return unsafe String(decoding: bytes, as: UTF8.self)
}
