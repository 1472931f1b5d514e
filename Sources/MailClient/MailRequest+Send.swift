internal import CCurl
internal import Glibc
internal import HTTPClient

extension MailRequest {
    /// Delivers the mail; blocks until the server has accepted it.
    ///
    /// A recipient that the server does not know does not keep the mail from the others; if none is
    /// known, that is an error. The calling thread must not handle SIGPIPE.
    ///
    /// - Throws: `.insecure` before anything was sent.
    package func send() throws(MailError) {
        guard LibCurl.isReady else { throw .unusable("libcurl cannot be initialised") }
        let handle = try MailHandle()
        try handle.ask(self)
    }
}

/// Owns libcurl's handle of one delivery, and what the handle points to.
@safe private struct MailHandle: ~Copyable {
    private let handle: UnsafeMutableRawPointer
    private let message: UnsafeMutablePointer<CChar>

    init() throws(MailError) {
        guard let made = unsafe curl_easy_init() else { throw .unusable("no memory for a mail") }
        unsafe handle = made
        unsafe message = .allocate(capacity: Int(CURL_ERROR_SIZE))
        unsafe message.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    }

    // SAFETY: only this value uses them; libcurl uses `message` until the handle is closed.
    deinit {
        unsafe curl_easy_cleanup(handle)
        unsafe message.deallocate()
    }

    func ask(_ mail: MailRequest) throws(MailError) {
        try check(unsafe lazaret_curl_set_pointer(handle, CURLOPT_ERRORBUFFER, message))
        try check(unsafe lazaret_curl_allow_mail_only(handle))
        try check(unsafe lazaret_curl_leave_resolver(handle))
        try set(CURLOPT_NOSIGNAL, 1)
        try set(CURLOPT_PROXY, "")
        try set(CURLOPT_URL, url(of: mail))
        try set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1)
        try set(CURLOPT_CONNECTTIMEOUT_MS, max(mail.timeoutMilliseconds, 1))
        try set(CURLOPT_TIMEOUT_MS, max(mail.timeoutMilliseconds, 1))
        try setUpTLS(of: mail)
        if let login = mail.login {
            try set(CURLOPT_USERNAME, login.user)
            try set(CURLOPT_PASSWORD, login.password)
        }
        try deliver(mail)
    }

    private func url(of mail: MailRequest) throws(MailError) -> String {
        let scheme = mail.server.prefix { $0 != ":" }
        let place = mail.server.dropFirst(scheme.count + 3)
        let isPlain = place.utf8.allSatisfy {
            $0 > 0x20 && $0 < 0x7F && !"/@?#\\".utf8.contains($0)
        }
        guard ["smtp", "smtps"].contains(scheme), mail.server.hasPrefix("\(scheme)://"), isPlain,
            !place.isEmpty
        else { throw .unusable("a server is smtp://HOST:PORT or smtps://HOST:PORT") }
        // The path of the URL is what EHLO says.
        let hello = mail.hello.utf8.filter { byte in
            byte >= 0x30 && byte <= 0x39 || byte >= 0x41 && byte <= 0x5A
                || byte >= 0x61 && byte <= 0x7A || byte == 0x2D || byte == 0x2E
        }
        return "\(mail.server)/"
            + (hello.isEmpty ? "localhost" : String(decoding: hello, as: UTF8.self))
    }

    private func setUpTLS(of mail: MailRequest) throws(MailError) {
        let level = mail.requiresTLS ? CURLUSESSL_ALL : CURLUSESSL_NONE
        try set(CURLOPT_USE_SSL, Int(level.rawValue))
        try set(CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2)
        try set(CURLOPT_SSL_VERIFYPEER, 1)
        try set(CURLOPT_SSL_VERIFYHOST, 2)
        guard let authorities = mail.authorities else { return }
        // Otherwise libcurl would also trust the system's directory of authorities.
        try set(CURLOPT_CAPATH, nil)
        try check(
            unsafe lazaret_curl_set_blob(
                handle, CURLOPT_CAINFO_BLOB, authorities, authorities.count))
    }

    private func deliver(_ mail: MailRequest) throws(MailError) {
        for address in [mail.from] + mail.recipients where !MailRequest.isAddress(address) {
            throw .unusable("'\(address.utf8.count > 80 ? "…" : address)' is no address of mail")
        }
        guard !mail.recipients.isEmpty else { throw .unusable("there is no recipient") }
        try set(CURLOPT_MAIL_FROM, "<\(mail.from)>")
        var list: UnsafeMutablePointer<curl_slist>?
        // SAFETY: libcurl copies the texts; the list is freed after the delivery.
        defer { unsafe curl_slist_free_all(list) }
        for recipient in mail.recipients {
            guard let longer = unsafe curl_slist_append(list, "<\(recipient)>") else {
                throw .unusable("no memory for a mail")
            }
            unsafe list = longer
        }
        try check(unsafe lazaret_curl_set_pointer(handle, CURLOPT_MAIL_RCPT, list))
        try set(CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1)
        try set(CURLOPT_UPLOAD, 1)
        let source = MailSource(mail.message)
        let fill: lazaret_curl_receiver = { bytes, size, count, context in
            guard let bytes = unsafe bytes, let context = unsafe context else { return 0 }
            let place = unsafe UnsafeMutableRawBufferPointer(start: bytes, count: size * count)
            let source = unsafe Unmanaged<MailSource>.fromOpaque(context).takeUnretainedValue()
            return unsafe source.fill(place)
        }
        try check(unsafe lazaret_curl_set_receiver(handle, CURLOPT_READFUNCTION, fill))
        // SAFETY: libcurl uses the source during the call only.
        defer { withExtendedLifetime(source) {} }
        try check(
            unsafe lazaret_curl_set_pointer(
                handle, CURLOPT_READDATA, Unmanaged.passUnretained(source).toOpaque()))
        let code = unsafe curl_easy_perform(handle)
        guard code == CURLE_OK else { throw error(code) }
    }

    private func set(_ option: CURLoption, _ value: Int) throws(MailError) {
        try check(unsafe lazaret_curl_set_long(handle, option, value))
    }

    private func set(_ option: CURLoption, _ text: String?) throws(MailError) {
        guard text?.utf8.contains(where: { $0 == 0 || $0 == 10 || $0 == 13 }) != true else {
            throw .unusable("a name, an address or the password has a line end")
        }
        try check(unsafe lazaret_curl_set_text(handle, option, text))
    }

    private func check(_ code: CURLcode) throws(MailError) {
        guard code != CURLE_OK else { return }
        throw .unusable(unsafe String(cString: curl_easy_strerror(code)))
    }

    private func error(_ code: CURLcode) -> MailError {
        var reason = unsafe String(cString: message)
        if reason.isEmpty { reason = unsafe String(cString: curl_easy_strerror(code)) }
        // The message may quote the server.
        reason = String(
            String.UnicodeScalarView(
                reason.unicodeScalars.map { $0.value < 32 || $0.value == 127 ? " " : $0 }))
        var status = 0
        _ = unsafe lazaret_curl_get_long(handle, CURLINFO_RESPONSE_CODE, &status)
        switch code {
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT: return .unreachable(reason)
        case CURLE_USE_SSL_FAILED: return .insecure("the server does not offer TLS (STARTTLS)")
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CONNECT_ERROR, CURLE_SSL_CIPHER,
            CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS:
            return .insecure(reason)
        case CURLE_LOGIN_DENIED: return .denied
        case CURLE_OPERATION_TIMEDOUT: return .timedOut
        case CURLE_URL_MALFORMAT, CURLE_NOT_BUILT_IN, CURLE_SSL_CACERT_BADFILE,
            CURLE_OUT_OF_MEMORY:
            return .unusable(reason)
        default: return status >= 400 ? .refused(code: status) : .broken(reason)
        }
    }
}

/// The bytes of a message that are still to be sent; one thread uses it.
private final class MailSource {
    private let bytes: [UInt8]
    private var next = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    func fill(_ place: UnsafeMutableRawBufferPointer) -> Int {
        let count = min(place.count, bytes.count - next)
        // SAFETY: `count` fits in both.
        unsafe place.copyBytes(from: bytes[next..<next + count])
        next += count
        return count
    }
}
