internal import CCurl
internal import Glibc
internal import Timestamps

/// Owns libcurl's handle of one request and sets its options.
@safe struct EasyHandle: ~Copyable {
    typealias Receiver = lazaret_curl_receiver

    let handle: UnsafeMutableRawPointer
    private let message: UnsafeMutablePointer<CChar>
    private var headers: UnsafeMutablePointer<curl_slist>?
    /// The users that may listen on the Unix socket; both are nil where any user may.
    private var peers: UnsafeMutablePointer<lazaret_curl_peers>?
    private var users: UnsafeMutablePointer<UInt32>?

    init() throws(HTTPError) {
        guard let made = unsafe curl_easy_init() else { throw .unusable("no memory for a request") }
        unsafe handle = made
        unsafe message = .allocate(capacity: Int(CURL_ERROR_SIZE))
        unsafe message.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        unsafe headers = nil
        unsafe peers = nil
        unsafe users = nil
    }

    // SAFETY: only this value uses them. libcurl uses `message` and `peers` until the handle is
    // closed.
    deinit {
        unsafe curl_easy_cleanup(handle)
        unsafe curl_slist_free_all(headers)
        unsafe message.deallocate()
        unsafe peers?.deallocate()
        unsafe users?.deallocate()
    }

    // MARK: - Request

    mutating func ask(_ request: HTTPRequest) throws(HTTPError) {
        try check(unsafe lazaret_curl_set_pointer(handle, CURLOPT_ERRORBUFFER, message))
        try set(CURLOPT_NOSIGNAL, 1)
        let scheme = request.url.prefix { $0 != ":" }.lowercased()
        guard scheme == "http" || scheme == "https" else {
            throw .unusable("the URL's scheme is neither http nor https")
        }
        try set(CURLOPT_URL, request.url)
        if let socket = request.socket { try set(CURLOPT_UNIX_SOCKET_PATH, socket) }
        if let users = request.peers, request.socket != nil { try trust(users) }
        try check(unsafe lazaret_curl_allow_http_only(handle))
        try set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1)
        try set(CURLOPT_PATH_AS_IS, 1)
        try set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1)
        // Otherwise libcurl uses a proxy from the environment.
        try set(CURLOPT_PROXY, "")
        try set(CURLOPT_FOLLOWLOCATION, 0)
        try set(CURLOPT_BUFFERSIZE, 64 << 10)
        try set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds(request.connectTimeout))
        if let timeout = request.timeout { try set(CURLOPT_TIMEOUT_MS, milliseconds(timeout)) }
        try check(unsafe lazaret_curl_leave_resolver(handle))
        try setUp(request.tls)
        if let body = request.body { try post(body) }
        if let method = request.method { try set(method: method, posts: request.body != nil) }
        try add(request.headers, posts: request.body != nil)
    }

    private mutating func trust(_ trusted: [UInt32]) throws(HTTPError) {
        // SAFETY: both are ours until the handle is closed, and `users` has as many elements.
        let users = UnsafeMutablePointer<UInt32>.allocate(capacity: max(trusted.count, 1))
        for (index, user) in trusted.enumerated() {
            unsafe (users + index).initialize(to: user)
        }
        let made = UnsafeMutablePointer<lazaret_curl_peers>.allocate(capacity: 1)
        unsafe made.initialize(
            to: lazaret_curl_peers(
                users: users, count: trusted.count, socket: -1, refused: 0, is_refused: 0))
        (unsafe self.users, unsafe peers) = unsafe (users, made)
        try check(unsafe lazaret_curl_check_peers(handle, made))
    }

    private func setUp(_ tls: TLSOptions) throws(HTTPError) {
        try set(CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2)
        try set(CURLOPT_SSL_VERIFYPEER, tls.verifies ? 1 : 0)
        try set(CURLOPT_SSL_VERIFYHOST, tls.verifies ? 2 : 0)
        if let authorities = tls.authorities {
            // Otherwise libcurl would also trust the system's directory of authorities.
            try set(CURLOPT_CAPATH, nil)
            try set(CURLOPT_CAINFO_BLOB, authorities)
        }
        // Otherwise OpenSSL asks the terminal for the passphrase of an encrypted key, and waits.
        try set(CURLOPT_KEYPASSWD, "")
        guard let certificate = tls.certificate, let key = tls.key else { return }
        try set(CURLOPT_SSLCERTTYPE, "PEM")
        try set(CURLOPT_SSLCERT_BLOB, certificate)
        try set(CURLOPT_SSLKEYTYPE, "PEM")
        try set(CURLOPT_SSLKEY_BLOB, key)
    }

    private func post(_ body: [UInt8]) throws(HTTPError) {
        try set(CURLOPT_POST, 1)
        try check(
            unsafe lazaret_curl_set_size(
                handle, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.count)))
        // SAFETY: libcurl copies the bytes. With a null pointer it would read standard input.
        let code = unsafe (body.isEmpty ? [0] : body).withUnsafeBytes {
            unsafe lazaret_curl_set_pointer(handle, CURLOPT_COPYPOSTFIELDS, $0.baseAddress)
        }
        try check(code)
    }

    private func set(method: String, posts: Bool) throws(HTTPError) {
        guard method != (posts ? "POST" : "GET") else { return }
        guard !method.isEmpty, method.utf8.allSatisfy({ $0 >= 0x41 && $0 <= 0x5A }),
            !["HEAD", "CONNECT", "TRACE"].contains(method)
        else { throw .unusable("the method '\(method)' is not supported") }
        try set(CURLOPT_CUSTOMREQUEST, method)
    }

    private mutating func add(
        _ fields: [(name: String, value: String)], posts: Bool
    ) throws(HTTPError) {
        // A name without a value in the list makes libcurl omit a header that it would add.
        var lines = posts ? ["Expect:", "Content-Type:"] : []
        for (name, value) in fields {
            guard !name.isEmpty, name.utf8.allSatisfy({ $0 > 32 && $0 < 127 && $0 != 58 }) else {
                throw .unusable("a header's name is empty or has a character that is not allowed")
            }
            guard value.utf8.allSatisfy({ $0 >= 32 && $0 != 127 || $0 == 9 }) else {
                throw .unusable("the value of '\(name)' has control characters")
            }
            lines.removeAll { $0.lowercased() == name.lowercased() + ":" }
            lines.append(value.isEmpty ? name + ";" : "\(name): \(value)")
        }
        for line in lines {
            // SAFETY: libcurl copies the line; the list is freed with the handle.
            guard let longer = unsafe curl_slist_append(headers, line) else {
                throw .unusable("no memory for a request")
            }
            unsafe headers = longer
        }
        try check(unsafe lazaret_curl_set_pointer(handle, CURLOPT_HTTPHEADER, headers))
    }

    /// Sets the functions that libcurl calls with each header line and each part of the body.
    func receive(
        into context: UnsafeMutableRawPointer, head: Receiver, body: Receiver
    ) throws(HTTPError) {
        try check(unsafe lazaret_curl_set_receiver(handle, CURLOPT_HEADERFUNCTION, head))
        try check(unsafe lazaret_curl_set_pointer(handle, CURLOPT_HEADERDATA, context))
        try check(unsafe lazaret_curl_set_receiver(handle, CURLOPT_WRITEFUNCTION, body))
        try check(unsafe lazaret_curl_set_pointer(handle, CURLOPT_WRITEDATA, context))
    }

    private func set(_ option: CURLoption, _ value: Int) throws(HTTPError) {
        try check(unsafe lazaret_curl_set_long(handle, option, value))
    }

    private func set(_ option: CURLoption, _ text: String?) throws(HTTPError) {
        // In C the string would end there.
        guard text?.utf8.contains(0) != true else {
            throw .unusable("the URL or the socket's path has a zero byte")
        }
        try check(unsafe lazaret_curl_set_text(handle, option, text))
    }

    private func set(_ option: CURLoption, _ bytes: [UInt8]) throws(HTTPError) {
        try check(unsafe lazaret_curl_set_blob(handle, option, bytes, bytes.count))
    }

    private func check(_ code: CURLcode) throws(HTTPError) {
        guard code != CURLE_OK else { return }
        throw .unusable(unsafe String(cString: curl_easy_strerror(code)))
    }

    /// At least 1, because 0 means libcurl's default.
    private func milliseconds(_ duration: Duration) -> Int {
        Int(min(max(Interval(duration).wholeMilliseconds, 1), Int64(Int32.max)))
    }

    // MARK: - Result

    /// The answer's status; nil before its header has arrived.
    var status: Int? {
        var status = 0
        let code = unsafe lazaret_curl_get_long(handle, CURLINFO_RESPONSE_CODE, &status)
        return code == CURLE_OK && status > 0 ? status : nil
    }

    /// Continues after the body's function returned `CURL_WRITEFUNC_PAUSE`; may call that function.
    func resume() {
        // libcurl reports an error as the end of the transfer.
        unsafe curl_easy_pause(handle, CURLPAUSE_CONT)
    }

    /// Returns the error for `code`, with libcurl's message.
    func error(_ code: CURLcode, _ request: HTTPRequest) -> HTTPError {
        var reason = unsafe String(cString: message)
        if reason.isEmpty { reason = unsafe String(cString: curl_easy_strerror(code)) }
        // The message may quote the server's certificate.
        reason = String(
            reason.map { $0.isNewline || $0.asciiValue.map { $0 < 32 } == true ? " " : $0 })
        if let peers = unsafe peers, unsafe peers.pointee.is_refused != 0 {
            return .untrusted(user: unsafe peers.pointee.refused)
        }
        switch code {
        case CURLE_URL_MALFORMAT, CURLE_LOGIN_DENIED, CURLE_NOT_BUILT_IN, CURLE_SSL_CERTPROBLEM,
            CURLE_SSL_CACERT_BADFILE, CURLE_OUT_OF_MEMORY:
            return .unusable(reason)
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT:
            var number = 0
            let isKnown = unsafe lazaret_curl_get_long(handle, CURLINFO_OS_ERRNO, &number)
            guard isKnown == CURLE_OK, number != 0 else { return .unreachable(reason) }
            let why = unsafe String(cString: strerror(Int32(number)))
            return .unreachable(request.socket.map { "\($0): \(why)" } ?? "\(reason) (\(why))")
        case CURLE_OPERATION_TIMEDOUT: return .timedOut(reason)
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CONNECT_ERROR, CURLE_SSL_CIPHER,
            CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS, CURLE_SSL_PINNEDPUBKEYNOTMATCH:
            return .insecure(reason)
        default: return .broken(reason)
        }
    }
}
