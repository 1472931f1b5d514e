internal import CCurl
internal import Glibc

/// A transfer with its libcurl handle; only the transfer thread uses it.
final class RunningTransfer {
    let transfer: Transfer
    private(set) var easy: EasyHandle
    private var headerBytes = 0
    private var hasStatus = false
    private var isHeaderTooLarge = false
    private var lastSign = ContinuousClock.now
    /// The reader is slow, so the server waits.
    private var isPaused = false

    /// The greatest number of bytes of all header lines together.
    private static let headerLimit = 256 << 10

    init(_ transfer: Transfer) throws(HTTPError) {
        self.transfer = transfer
        easy = try EasyHandle()
        try easy.ask(transfer.request)
        // SAFETY: libcurl calls the functions only while the handle belongs to the multi handle.
        // The thread keeps this object until it has removed the handle.
        try unsafe easy.receive(
            into: Unmanaged.passUnretained(self).toOpaque(),
            head: { bytes, size, count, context in
                guard let bytes = unsafe bytes, let context = unsafe context else { return 0 }
                let line = unsafe UnsafeRawBufferPointer(start: bytes, count: size * count)
                let me = unsafe Unmanaged<RunningTransfer>.fromOpaque(context).takeUnretainedValue()
                return unsafe me.take(headerLine: line)
            },
            body: { bytes, size, count, context in
                guard let bytes = unsafe bytes, let context = unsafe context else { return 0 }
                let part = unsafe UnsafeRawBufferPointer(start: bytes, count: size * count)
                let me = unsafe Unmanaged<RunningTransfer>.fromOpaque(context).takeUnretainedValue()
                return unsafe me.take(part)
            })
    }

    /// - Returns: the number of bytes; any other number ends the transfer.
    private func take(headerLine line: UnsafeRawBufferPointer) -> Int {
        lastSign = .now
        // A trailer, after the body.
        guard !hasStatus else { return line.count }
        headerBytes += line.count
        guard headerBytes <= Self.headerLimit else {
            isHeaderTooLarge = true
            return 0
        }
        let isLast = unsafe line.allSatisfy { $0 == 13 || $0 == 10 }
        // 1xx responses come before the answer.
        if isLast, let status = easy.status, status >= 200 {
            hasStatus = true
            transfer.take(status: status)
        }
        return line.count
    }

    private func take(_ part: UnsafeRawBufferPointer) -> Int {
        lastSign = .now
        switch unsafe transfer.take(part) {
        case .all: return part.count
        case .none:
            isPaused = true
            return Int(CURL_WRITEFUNC_PAUSE)
        case .isOver: return 0
        }
    }

    /// Continues when the reader has freed space.
    func resume() {
        lastSign = .now
        isPaused = false
        easy.resume()
    }

    /// How much longer the server may be silent; nil: no limit.
    func patience(at now: ContinuousClock.Instant) -> Duration? {
        guard let limit = transfer.request.idleTimeout, !isPaused else { return nil }
        return limit - (now - lastSign)
    }

    var silence: HTTPError {
        .timedOut("the server was silent for \(transfer.request.idleTimeout ?? .zero)")
    }

    func end(_ code: CURLcode) -> Transfer.End {
        if isHeaderTooLarge { return .failed(.tooLarge(limit: Self.headerLimit)) }
        return code == CURLE_OK ? .whole : .failed(easy.error(code, transfer.request))
    }
}
