internal import Glibc
internal import SystemSupport

/// The destination of flows: a descriptor, or a collector over UDP or TCP.
package final class FlowOutput {
    private let descriptor: Int32
    private let name: String
    private let isOwned: Bool
    /// A plain file, which gets its name when it is complete.
    private let draft: DraftFile?
    /// A pipe or a device.
    private let special: Descriptor?
    /// Whether each write must be one message.
    package let isDatagram: Bool

    /// Standard output.
    package init() {
        descriptor = 1
        name = "standard output"
        isOwned = false
        isDatagram = false
        draft = nil
        special = nil
    }

    /// Opens a file, which is replaced, or `udp://HOST:PORT` or `tcp://HOST:PORT`.
    ///
    /// - Parameter isLive: whether the file has its name from the start, so it can be followed
    ///   while it grows; otherwise it gets it when `finish` is called.
    package init(_ target: String, isLive: Bool) throws(FlowOutputError) {
        name = target
        isDatagram = target.hasPrefix("udp://")
        isOwned = isDatagram || target.hasPrefix("tcp://")
        if isOwned {
            descriptor = try Self.connect(target, isDatagram: isDatagram)
            draft = nil
            special = nil
            return
        }
        do {
            switch try OutputPlace.at(target) {
            case .special(let file):
                descriptor = file.number
                special = file
                draft = nil
            case .file(let existing):
                let made = try DraftFile(target, .owner, replacing: existing)
                if isLive { try made.publish() }
                descriptor = made.number
                draft = made
                special = nil
            }
        } catch {
            throw FlowOutputError("\(error)")
        }
    }

    /// Gives the complete file its name.
    package func finish() throws(FlowOutputError) {
        do { try draft?.publish() } catch { throw FlowOutputError("\(error)") }
    }

    deinit { if isOwned, descriptor >= 0 { close(descriptor) } }

    /// Whether it is a file that gets its name when it is complete.
    package var isDraft: Bool { draft != nil }

    /// Whether the output is a terminal.
    package var isTerminal: Bool { isatty(descriptor) == 1 }

    /// The width of the terminal in columns; nil without one.
    package var columns: Int? { Terminal.size(of: descriptor)?.columns }

    /// Writes all bytes; over UDP, one message at a time.
    @unsafe
    package func write(_ bytes: UnsafeRawBufferPointer) throws(FlowOutputError) {
        var start = 0
        while start < bytes.count {
            var length = bytes.count - start
            // The third and fourth byte of an IPFIX message are its length.
            if isDatagram, length >= 4 {
                let claimed = unsafe Int(bytes[start + 2]) << 8 | Int(bytes[start + 3])
                if claimed >= 16 { length = min(length, claimed) }
            }
            let part = unsafe UnsafeRawBufferPointer(rebasing: bytes[start..<start + length])
            let written = unsafe Glibc.write(descriptor, part.baseAddress, length)
            if written < 0 {
                // If no UDP collector is listening, the next send fails with an error.
                if errno == EINTR || isDatagram && errno == ECONNREFUSED { continue }
                throw failure
            }
            start += isDatagram ? length : written
            // UDP has no flow control, so a burst would overflow the collector's buffer.
            if isDatagram { usleep(20) }
        }
    }

    /// The error of the last write.
    private var failure: FlowOutputError {
        switch errno {
        case EPIPE:
            FlowOutputError("\(name): the reader has gone away", hasNoReader: descriptor == 1)
        case ENOSPC: FlowOutputError("\(name): the disk is full; free some space and run again")
        default: FlowOutputError("\(name): cannot be written: \(Self.errorText())")
        }
    }

    private static func errorText() -> String {
        guard let text = unsafe strerror(errno) else { return "error" }
        return unsafe String(cString: text)
    }

    private static func connect(
        _ target: String, isDatagram: Bool
    ) throws(FlowOutputError) -> Int32 {
        let address = target.dropFirst(6)
        guard let colon = address.lastIndex(of: ":"), colon != address.startIndex else {
            throw FlowOutputError("\(target): has no port; write \(target.prefix(6))HOST:PORT")
        }
        let host = String(address[..<colon].filter { $0 != "[" && $0 != "]" })
        let port = String(address[address.index(after: colon)...])
        // getaddrinfo takes a number modulo 65536.
        guard !port.isEmpty, Int(port).map({ (1...65_535).contains($0) }) ?? true else {
            throw FlowOutputError("\(target): '\(port)' is no port; write a number up to 65535")
        }
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(
            isDatagram ? SOCK_DGRAM.rawValue : SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let code = unsafe getaddrinfo(host, port, &hints, &found)
        guard code == 0, let first = unsafe found else {
            throw unsafe FlowOutputError(
                "\(target): \(String(cString: gai_strerror(code))); check host and port")
        }
        defer { unsafe freeaddrinfo(first) }
        let made = unsafe socket(
            first.pointee.ai_family, first.pointee.ai_socktype, first.pointee.ai_protocol)
        guard made >= 0,
            unsafe Glibc.connect(made, first.pointee.ai_addr, first.pointee.ai_addrlen) == 0
        else {
            let text = errorText()
            if made >= 0 { close(made) }
            throw FlowOutputError("\(target): cannot be reached: \(text); is the collector up?")
        }
        return made
    }
}
