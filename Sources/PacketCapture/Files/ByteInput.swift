internal import CCompression
internal import Glibc
internal import SystemSupport

/// The bytes of a file or of standard input, decompressed if they are gzip or zstd.
///
/// The first four bytes decide the format (RFC 1952, RFC 8878), not the file's name.
@safe
final class ByteInput {
    let path: String
    private let descriptor: Int32
    private let shouldStop: @Sendable () -> Bool
    /// Bytes read from the descriptor.
    private(set) var bytesRead: UInt64 = 0
    /// The size of the file; nil for a pipe.
    let size: UInt64?
    private var packed = Packed.plain
    /// Compressed bytes that are not yet decompressed, or the first bytes of a plain file.
    private var pending: UnsafeMutableRawBufferPointer
    private var pendingAt = 0
    private var pendingEnd = 0
    private var atEnd = false
    private var stream: z_stream = unsafe z_stream()
    private var decompressor: OpaquePointer?
    /// Whether the compressed bytes read so far end inside of what they are a part of.
    private(set) var isCut = false
    /// Whether the last call filled its output: then there may be more without further input.
    private var mayHoldMore = false

    private enum Packed { case plain, gzip, zstd }

    /// Opens `path`; `-` is standard input.
    init(
        path: String, shouldStop: @escaping @Sendable () -> Bool = { false }
    ) throws(CaptureError) {
        self.shouldStop = shouldStop
        self.path = path == "-" ? "standard input" : path
        // A pipe is opened before its writer has come, and waited for afterwards.
        let opened = path == "-" ? dup(0) : unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard opened >= 0 else { throw .open(path: path, reason: Self.errorText()) }
        var status = stat()
        let isKnown = unsafe fstat(opened, &status) == 0
        descriptor = opened
        size = isKnown && status.st_mode & S_IFMT == S_IFREG ? UInt64(status.st_size) : nil
        unsafe pending = .allocate(byteCount: 256 << 10, alignment: 16)
        if isKnown, status.st_mode & S_IFMT == S_IFDIR {
            throw .isDirectory(path: path)
        }
        try recognise()
    }

    // SAFETY: only this object uses each resource, and releases it once.
    deinit {
        close(descriptor)
        unsafe pending.deallocate()
        if packed == .gzip { unsafe inflateEnd(&stream) }
        if let decompressor = unsafe decompressor { unsafe ZSTD_freeDCtx(decompressor) }
    }

    private func recognise() throws(CaptureError) {
        while pendingEnd < 4, try refill() {}
        // SAFETY: the buffer is larger than four bytes.
        let magic = unsafe pending.loadUnaligned(as: UInt32.self).littleEndian
        guard pendingEnd >= 4 else { return }
        if magic & 0xFFFF == 0x8B1F {
            guard unsafe lazaret_gunzip_init(&stream) == Z_OK else {
                throw .read(path: path, reason: "zlib could not be started")
            }
            packed = .gzip
        } else if magic == 0xFD2F_B528 || magic & 0xFFFF_FFF0 == 0x184D_2A50 {
            unsafe decompressor = ZSTD_createDCtx()
            packed = .zstd
        }
    }

    /// Reads more compressed bytes after the pending ones; returns false at the end.
    private func refill() throws(CaptureError) -> Bool {
        if pendingAt == pendingEnd {
            pendingAt = 0
            pendingEnd = 0
        }
        let room = unsafe UnsafeMutableRawBufferPointer(rebasing: pending[pendingEnd...])
        let got = unsafe try readDescriptor(room)
        pendingEnd += got
        return got > 0
    }

    /// One `read(2)`, repeated when a signal interrupts it. What is no file is waited for.
    private func readDescriptor(_ room: UnsafeMutableRawBufferPointer) throws(CaptureError) -> Int {
        guard room.count > 0, !atEnd else { return 0 }
        while true {
            if size == nil, !waitForInput(descriptor, shouldStop: shouldStop) {
                atEnd = true
                return 0
            }
            let got = unsafe Glibc.read(descriptor, room.baseAddress, room.count)
            if got < 0 {
                if errno == EINTR || errno == EAGAIN { continue }
                throw .read(path: path, reason: Self.errorText())
            }
            if got == 0 { atEnd = true }
            bytesRead += UInt64(got)
            return got
        }
    }

    /// Reads at least one byte into the start of `room`; returns 0 at the end.
    @unsafe
    func read(into room: UnsafeMutableRawBufferPointer) throws(CaptureError) -> Int {
        switch packed {
        case .plain:
            let waiting = min(pendingEnd - pendingAt, room.count)
            guard waiting > 0 else { return unsafe try readDescriptor(room) }
            unsafe room.copyMemory(
                from: UnsafeRawBufferPointer(
                    rebasing: pending[pendingAt..<pendingAt + waiting]))
            pendingAt += waiting
            return waiting
        case .gzip: return unsafe try inflateSome(room)
        case .zstd: return unsafe try decompressSome(room)
        }
    }

    private func inflateSome(_ room: UnsafeMutableRawBufferPointer) throws(CaptureError) -> Int {
        while true {
            // Between members there may be zeros, as gzip(1) pads with.
            while !isCut, pendingAt < pendingEnd, unsafe pending[pendingAt] == 0 { pendingAt += 1 }
            if pendingAt == pendingEnd, !mayHoldMore {
                guard try refill() else { return 0 }
                continue
            }
            if pendingAt < pendingEnd { isCut = true }
            // SAFETY: both ranges are inside their buffers, and zlib stays within the counts.
            unsafe stream.next_in = pending.baseAddress?.advanced(by: pendingAt)
                .assumingMemoryBound(to: UInt8.self)
            unsafe stream.avail_in = UInt32(pendingEnd - pendingAt)
            unsafe stream.next_out = room.baseAddress?.assumingMemoryBound(to: UInt8.self)
            unsafe stream.avail_out = UInt32(clamping: room.count)
            let code = unsafe inflate(&stream, Z_NO_FLUSH)
            pendingAt = unsafe pendingEnd - Int(stream.avail_in)
            let got = unsafe min(room.count, Int(UInt32.max)) - Int(stream.avail_out)
            switch code {
            case Z_OK, Z_BUF_ERROR: break
            // Members may follow one another (RFC 1952, 2.2).
            case Z_STREAM_END:
                unsafe inflateReset(&stream)
                isCut = false
            default: throw .read(path: path, reason: "the gzip data are damaged")
            }
            mayHoldMore = got == room.count
            if got > 0 { return got }
        }
    }

    private func decompressSome(_ room: UnsafeMutableRawBufferPointer) throws(CaptureError) -> Int {
        while true {
            if pendingAt == pendingEnd, !mayHoldMore {
                guard try refill() else { return 0 }
            }
            // SAFETY: both ranges are inside their buffers, and zstd stays within the counts.
            var input = unsafe ZSTD_inBuffer(
                src: pending.baseAddress, size: pendingEnd, pos: pendingAt)
            var output = unsafe ZSTD_outBuffer(dst: room.baseAddress, size: room.count, pos: 0)
            let code = unsafe ZSTD_decompressStream(decompressor, &output, &input)
            guard ZSTD_isError(code) == 0 else {
                throw .read(path: path, reason: "the zstd data are damaged")
            }
            // 0 at the end of a frame (RFC 8878); others may follow.
            if unsafe input.pos > pendingAt || output.pos > 0 { isCut = code != 0 }
            pendingAt = unsafe input.pos
            mayHoldMore = unsafe output.pos == room.count
            if unsafe output.pos > 0 { return unsafe output.pos }
        }
    }

    /// The system's text for `errno`.
    static func errorText() -> String {
        guard let text = unsafe strerror(errno) else { return "error" }
        return unsafe String(cString: text)
    }
}
