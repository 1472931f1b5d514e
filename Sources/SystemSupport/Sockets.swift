internal import Glibc
package import SystemPackage

/// Connected sockets with timeouts of five seconds.
package enum Sockets {
    private static let seconds = 5

    /// Sends a datagram to a Unix socket: a path, or an abstract name if it starts with `@`.
    package static func send(_ bytes: [UInt8], toUnix path: String) throws(IOError) {
        let socket = try unixDatagram(path)
        if let failure = send(bytes, by: socket) { throw IOError(output: path, failure) }
    }

    package static func unixDatagram(_ path: String) throws(IOError) -> Descriptor {
        let made = try open(AF_UNIX, SOCK_DGRAM, path)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var name = Array(path.utf8)
        guard name.count < 108 else { throw IOError(output: path, .fileNameTooLong) }
        if name.first == UInt8(ascii: "@") { name[0] = 0 }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + name.count)
        // SAFETY: the name is shorter than the field, and connect reads only `address`.
        let status = unsafe withUnsafeMutableBytes(of: &address) { bytes in
            unsafe bytes.baseAddress.unsafelyUnwrapped.advanced(
                by: MemoryLayout<sa_family_t>.size
            ).copyMemory(from: name, byteCount: name.count)
            return unsafe connect(
                made.number, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress,
                name.first == 0 ? length : length + 1)
        }
        guard status == 0 else { throw IOError(output: path, .last) }
        return made
    }

    /// A socket that is connected to the first address of a host that responds.
    package static func internet(
        _ host: String, _ port: UInt16, isStream: Bool
    ) throws(IOError) -> Descriptor {
        // SAFETY: the structure is local, and zero.
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32((isStream ? SOCK_STREAM : SOCK_DGRAM).rawValue)
        unsafe hints.ai_flags = AI_NUMERICSERV
        // SAFETY: the list belongs to this function, and is freed after use.
        var list: UnsafeMutablePointer<addrinfo>?
        let status = unsafe getaddrinfo(host, "\(port)", &hints, &list)
        guard status == 0 else {
            throw IOError.output(path: host, reason: unsafe String(cString: gai_strerror(status)))
        }
        defer { unsafe freeaddrinfo(list) }
        var failure = IOError.output(path: host, reason: "has no address")
        var next = unsafe list
        while let entry = unsafe next?.pointee {
            do throws(IOError) {
                let made = try open(
                    unsafe entry.ai_family, isStream ? SOCK_STREAM : SOCK_DGRAM, host)
                if isStream { keepAlive(made) }
                if unsafe connect(made.number, entry.ai_addr, entry.ai_addrlen) == 0 {
                    return made
                }
                let last = Errno.last
                failure = IOError(output: host, last == .nowInProgress ? .timedOut : last)
            } catch { failure = error }
            unsafe next = entry.ai_next
        }
        throw failure
    }

    /// SO_SNDTIMEO limits both connect and send.
    private static func open(
        _ family: Int32, _ type: __socket_type, _ name: String
    ) throws(IOError) -> Descriptor {
        let made = socket(family, Int32(type.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard made >= 0 else { throw IOError(output: name, .last) }
        var limit = timeval(tv_sec: seconds, tv_usec: 0)
        // SAFETY: the structure is local and has the size that is passed.
        unsafe setsockopt(
            made, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        return Descriptor(owning: made)
    }

    private static func keepAlive(_ socket: Descriptor) {
        func set(_ level: Int32, _ name: Int32, _ value: Int32) {
            var value = value
            // SAFETY: the number is local and has the size that is passed.
            unsafe setsockopt(socket.number, level, name, &value, 4)
        }
        set(SOL_SOCKET, SO_KEEPALIVE, 1)
        // A peer that has vanished is detected by missing acknowledgements.
        set(Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, Int32(seconds * 2000))
    }

    /// Sends all of the bytes.
    ///
    /// - Returns: the error; nil if all were sent.
    package static func send(_ bytes: [UInt8], by socket: Descriptor) -> Errno? {
        var offset = 0
        while offset < bytes.count {
            // SAFETY: the range is within the array.
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.send(
                    socket.number, buffer.baseAddress.unsafelyUnwrapped + offset,
                    buffer.count - offset, Int32(MSG_NOSIGNAL))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let last = Errno.last
                return last == .wouldBlock ? .timedOut : last
            }
            offset += count
        }
        return nil
    }

    /// Whether the peer has closed a stream, so that further data would be lost.
    package static func isClosed(_ socket: Descriptor) -> Bool {
        var byte: UInt8 = 0
        while true {
            // SAFETY: the byte is valid for the call. Data from the server is ignored.
            let count = unsafe recv(socket.number, &byte, 1, Int32(MSG_DONTWAIT))
            if count > 0 || (count < 0 && errno == EINTR) { continue }
            return count == 0 || errno != EAGAIN
        }
    }
}
