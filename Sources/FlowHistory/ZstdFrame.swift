internal import CCompression

/// Bytes compressed as one zstd frame with its checksum (RFC 8878).
enum ZstdFrame {
    /// A fast level: higher ones save a few percent at several times the cost.
    private static let level: Int32 = 3

    /// The frame of `bytes`; nil where there is no memory.
    static func compressed(_ bytes: [UInt8]) -> [UInt8]? {
        guard let context = unsafe ZSTD_createCCtx() else { return nil }
        // SAFETY: only this function has the context.
        defer { unsafe _ = ZSTD_freeCCtx(context) }
        unsafe _ = ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)
        unsafe _ = ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
        let capacity = ZSTD_compressBound(bytes.count)
        var isMade = false
        let frame = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { room, count in
            // SAFETY: both buffers are valid for the call, which is given their sizes.
            let size = unsafe bytes.withUnsafeBytes {
                unsafe ZSTD_compress2(context, room.baseAddress, capacity, $0.baseAddress, $0.count)
            }
            isMade = ZSTD_isError(size) == 0
            count = isMade ? size : 0
        }
        return isMade ? frame : nil
    }

    /// The content of a frame; nil if the frame is damaged or its content has another size.
    static func content(of frame: [UInt8], size: Int) -> [UInt8]? {
        var isWhole = false
        let content = unsafe [UInt8](unsafeUninitializedCapacity: size) { room, count in
            // SAFETY: both buffers are valid for the call, which is given their sizes.
            let found = unsafe frame.withUnsafeBytes {
                unsafe ZSTD_decompress(room.baseAddress, size, $0.baseAddress, $0.count)
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
