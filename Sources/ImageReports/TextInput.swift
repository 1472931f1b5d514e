internal import CCompression
import SystemSupport

/// The text of a file that may be compressed by gzip, in parts.
@safe
final class TextInput {
    private var file: InputFile
    /// What of the file is not unpacked yet.
    private var packed: [UInt8] = []
    private var isPacked = false
    private var hasEnded = false
    /// Whether the last call filled its output: there may be more without further input.
    private var mayHoldMore = false
    private var stream: z_stream = unsafe z_stream()

    static let partSize = 1 << 16

    init(_ path: String, limit: Int64) throws(IOError) {
        file = try InputFile(path, limit: limit)
        guard try refill(), packed.starts(with: [0x1F, 0x8B]) else { return }
        guard unsafe lazaret_gunzip_init(&stream) == Z_OK else {
            throw fail("zlib could not be started")
        }
        isPacked = true
    }

    // SAFETY: the stream is this object's alone.
    deinit { if isPacked { unsafe _ = inflateEnd(&stream) } }

    func fail(_ reason: String) -> IOError { .input(path: file.path, reason: reason) }

    /// The next bytes; empty at the end.
    func next() throws(IOError) -> [UInt8] {
        guard isPacked else {
            if packed.isEmpty { return try refill() ? take() : [] }
            return take()
        }
        var output = [UInt8](repeating: 0, count: Self.partSize)
        while !hasEnded {
            if packed.isEmpty, !mayHoldMore {
                guard try refill() else { throw fail("is cut off: its gzip data have no end") }
            }
            let count = try inflate(into: &output)
            if count > 0 { return Array(output[..<count]) }
        }
        if try refill() { throw fail("has more after its gzip data") }
        return []
    }

    private func take() -> [UInt8] {
        defer { packed = [] }
        return packed
    }

    private func refill() throws(IOError) -> Bool {
        guard packed.isEmpty else { return true }
        var buffer = [UInt8](repeating: 0, count: Self.partSize)
        let count = try file.read(into: &buffer)
        buffer.removeLast(buffer.count - count)
        packed = buffer
        return count > 0
    }

    private func inflate(into output: inout [UInt8]) throws(IOError) -> Int {
        var (left, written, code) = (0, 0, Z_OK)
        // SAFETY: both buffers are valid for the call, and zlib stays within the counts.
        unsafe packed.withUnsafeMutableBufferPointer { input in
            unsafe output.withUnsafeMutableBufferPointer { room in
                unsafe stream.next_in = input.baseAddress
                unsafe stream.avail_in = UInt32(input.count)
                unsafe stream.next_out = room.baseAddress
                unsafe stream.avail_out = UInt32(room.count)
                code = unsafe CCompression.inflate(&stream, Z_NO_FLUSH)
                left = unsafe Int(stream.avail_in)
                written = unsafe room.count - Int(stream.avail_out)
            }
        }
        packed.removeFirst(packed.count - left)
        mayHoldMore = written == output.count
        switch code {
        case Z_OK, Z_BUF_ERROR: break
        case Z_STREAM_END: hasEnded = true
        default: throw fail("has damaged gzip data")
        }
        return written
    }
}
