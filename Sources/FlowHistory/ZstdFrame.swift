internal import CCompression

/// Bytes compressed as one zstd frame with its checksum (RFC 8878).
enum ZstdFrame {
    /// A fast level: higher ones save a few percent at several times the cost.
    private static let level: Int32 = 3

    /// The frame of `bytes`, or of a part of them; nil where there is no memory.
    static func compressed(_ bytes: [UInt8], part: Range<Int>? = nil) -> [UInt8]? {
        let part = part ?? 0..<bytes.count
        precondition(part.upperBound <= bytes.count)
        guard let context = unsafe ZSTD_createCCtx() else { return nil }
        // SAFETY: only this function has the context.
        defer { unsafe _ = ZSTD_freeCCtx(context) }
        unsafe _ = ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)
        unsafe _ = ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
        let capacity = ZSTD_compressBound(part.count)
        var isMade = false
        let frame = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { room, count in
            // SAFETY: both buffers are valid for the call, which is given their sizes.
            let size = unsafe bytes.withUnsafeBytes {
                unsafe ZSTD_compress2(
                    context, room.baseAddress, capacity,
                    $0.baseAddress.map { unsafe $0 + part.lowerBound }, part.count)
            }
            isMade = ZSTD_isError(size) == 0
            count = isMade ? size : 0
        }
        return isMade ? frame : nil
    }

    /// Where the frames begin and end that follow each other in `bytes`; nil if they are damaged,
    /// or more than `limit`.
    static func frames(in bytes: [UInt8], limit: Int) -> [Range<Int>]? {
        var frames: [Range<Int>] = []
        var start = 0
        while start < bytes.count {
            guard frames.count < limit else { return nil }
            // SAFETY: the buffer is valid for the call, which is given the size of its rest.
            let size = unsafe bytes.withUnsafeBytes {
                unsafe ZSTD_findFrameCompressedSize($0.baseAddress! + start, $0.count - start)
            }
            guard ZSTD_isError(size) == 0, size > 0, size <= bytes.count - start else { return nil }
            frames.append(start..<start + size)
            start += size
        }
        return frames
    }

    /// The content of a frame; nil if the frame is damaged or its content has another size.
    ///
    /// - Parameter part: where the frame is in `frame`; nil: all of it.
    static func content(of frame: [UInt8], part: Range<Int>? = nil, size: Int) -> [UInt8]? {
        let part = part ?? 0..<frame.count
        precondition(part.upperBound <= frame.count)
        var isWhole = false
        let content = unsafe [UInt8](unsafeUninitializedCapacity: size) { room, count in
            // SAFETY: both buffers are valid for the call, which is given their sizes.
            let found = unsafe frame.withUnsafeBytes {
                unsafe ZSTD_decompress(
                    room.baseAddress, size, $0.baseAddress.map { unsafe $0 + part.lowerBound },
                    part.count)
            }
            isWhole = ZSTD_isError(found) == 0 && found == size
            count = isWhole ? size : 0
        }
        return isWhole ? content : nil
    }

    /// The size of a frame's content as its header states it; nil without one.
    static func contentSize(of frame: [UInt8]) -> Int? {
        // SAFETY: the buffer is valid for the call, which is given its size. Its result for an
        // error is beyond Int.
        Int(
            exactly: unsafe frame.withUnsafeBytes {
                unsafe ZSTD_getFrameContentSize($0.baseAddress, $0.count)
            })
    }
}
