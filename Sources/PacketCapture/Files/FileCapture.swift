import Timestamps

/// Frames of one capture file, or of several merged by time.
///
/// Each file keeps its order; between files, the earlier frame comes first, and with equal times
/// that of the file named first. A file whose times go backwards is not sorted.
@safe
public final class FileCapture {
    private let readers: [SavefileReader]
    private var finished: [Bool]
    private let ports = RecordedPorts()
    private let filter: PacketFilter?
    private let shouldStop: @Sendable () -> Bool
    private var counters = CaptureStatistics()
    /// The batch from which `next` returns frames, the place in it, and what `hasNews` and
    /// `hasNotes` return. Who calls one calls the others: a check of exclusive access at run time
    /// would cost as much as the rest of them.
    @exclusivity(unchecked) private var batch: UnsafeMutableBufferPointer<CapturedFrame>
    @exclusivity(unchecked) private var position = 0
    @exclusivity(unchecked) private var isNews = false
    @exclusivity(unchecked) private var areNotes = false
    private let merged: UnsafeMutableBufferPointer<CapturedFrame>

    /// Opens all files and reads their headers; `-` is standard input.
    ///
    /// - Throws: the error of the filter or of the first file that cannot be used.
    public init(paths: [String], options: CaptureOptions = CaptureOptions()) throws(CaptureError) {
        shouldStop = options.shouldStop
        filter = options.filter.isEmpty ? nil : try PacketFilter(options.filter)
        var opened: [SavefileReader] = []
        for path in paths {
            opened.append(
                try SavefileReader(
                    path: path, index: Int32(opened.count), options: options, ports: ports))
        }
        readers = opened
        finished = opened.map { _ in false }
        unsafe merged = .allocate(capacity: SavefileReader.batchLimit)
        unsafe batch = UnsafeMutableBufferPointer(start: nil, count: 0)
    }

    // SAFETY: only this object uses the buffer.
    deinit { unsafe merged.deallocate() }

    /// The counters so far.
    public var statistics: CaptureStatistics {
        var all = counters
        for reader in readers {
            all.fileBytes += reader.input.bytesRead
            all.skipped += reader.skipped.values.reduce(0, +)
        }
        return all
    }

    /// The size of all files together in bytes; nil if one is a pipe.
    public var totalBytes: UInt64? {
        var sum: UInt64 = 0
        for reader in readers {
            guard let size = reader.input.size else { return nil }
            sum += size
        }
        return sum
    }

    /// The problems of files whose packets were used; complete after the last batch.
    public var warnings: [CaptureWarning] {
        readers.flatMap { reader in
            reader.warnings
                + reader.skipped.sorted { $0.key < $1.key }.map {
                    CaptureWarning(
                        path: reader.input.path,
                        kind: .skippedLinkType(linkTypeName($0.key), frames: $0.value),
                        packets: reader.packets)
                }
        }
    }

    /// Whether there may be notes or ports to take, for a look after each frame.
    public var hasNews: Bool { unsafe isNews }

    /// Whether there are monitors' notes from name blocks before the frames of the latest batch.
    public var hasNotes: Bool { unsafe areNotes }

    /// Returns the monitors' notes from name blocks before the frames of the latest batch, without
    /// the prefix that marks them; each is returned once.
    public func takeNotes() -> [String] {
        unsafe areNotes = false
        var notes: [String] = []
        for reader in readers where !reader.notes.isEmpty {
            notes += reader.notes.map { String($0.dropFirst(PcapNGBlock.notePrefix.count)) }
            reader.notes = []
            reader.noteBytes = 0
        }
        return notes
    }

    /// The number of notes that were dropped because of `CaptureOptions.noteLimit`.
    public var lostNotes: UInt64 { readers.reduce(0) { $0 + $1.lostNotes } }

    /// Whether ports were described, or are gone, since `takePorts` was called.
    public var hasPorts: Bool { !ports.fresh.isEmpty }

    /// Returns the monitors' descriptions of ports, up to the latest batch; each is returned once.
    ///
    /// Ports of one monitor's files have the same numbers, those of different monitors have
    /// different ones.
    public func takePorts() -> [RecordedPort] { ports.takeFresh() }

    /// Passes the next frames, at most 64, to `body`, and returns false when there are no more.
    ///
    /// The bytes are in the reader's buffers and are valid until `body` returns.
    /// - Throws: `.read` if the system or a decompressor fails; `.unsupportedLinkType` at the end
    ///   of a file that had frames of unsupported types only.
    public func nextBatch(
        _ body: (Span<CapturedFrame>) -> Void
    ) throws(CaptureError) -> Bool {
        guard let frames = unsafe try readBatch() else { return false }
        unsafe body(UnsafeBufferPointer(frames).span)
        return true
    }

    /// Returns the next frame, or nil when there are no more.
    ///
    /// Its bytes are in the reader's buffers and are valid until the next call.
    /// - Throws: as `nextBatch`.
    public func next() throws(CaptureError) -> CapturedFrame? {
        if unsafe position == batch.count {
            guard let frames = unsafe try readBatch() else { return nil }
            unsafe batch = unsafe frames
            unsafe position = 0
        }
        defer { unsafe position += 1 }
        return unsafe batch[position]
    }

    /// Reads the next frames that the filter accepts, at least one; nil at the end.
    private func readBatch() throws(CaptureError) -> UnsafeMutableBufferPointer<CapturedFrame>? {
        while true {
            let ready = readers.count == 1 ? unsafe try single() : unsafe try merge()
            guard let ready = unsafe ready else { return nil }
            let kept = unsafe try applyFilter(ready)
            guard kept.count > 0 else {
                if shouldStop() { return nil }
                continue
            }
            counters.packets &+= UInt64(kept.count)
            unsafe areNotes = readers.contains { !$0.notes.isEmpty }
            unsafe isNews = hasNotes || hasPorts
            return unsafe kept
        }
    }

    private func single() throws(CaptureError) -> UnsafeMutableBufferPointer<CapturedFrame>? {
        let reader = readers[0]
        guard try advance(0) else { return nil }
        return unsafe UnsafeMutableBufferPointer(rebasing: reader.frames[..<reader.count])
    }

    /// Reads the next batch of one file; returns false when it has no more.
    private func advance(_ index: Int) throws(CaptureError) -> Bool {
        let reader = readers[index]
        guard !finished[index] else { return false }
        if try reader.readBatch() { return true }
        finished[index] = true
        if reader.packets == 0, let type = reader.skipped.keys.min() {
            throw .unsupportedLinkType(path: reader.input.path, name: linkTypeName(type))
        }
        return false
    }

    /// Merges frames in order of time until a file's batch is used up: reading its next batch would
    /// invalidate the bytes.
    private func merge() throws(CaptureError) -> UnsafeMutableBufferPointer<CapturedFrame>? {
        for (index, reader) in readers.enumerated() where reader.next == reader.count {
            _ = try advance(index)
        }
        var count = 0
        while count < SavefileReader.batchLimit {
            var best: SavefileReader?
            var bestTime = Timestamp.distantFuture
            for reader in readers where reader.next < reader.count {
                let time = unsafe reader.frames[reader.next].time
                if best == nil || time < bestTime {
                    best = reader
                    bestTime = time
                }
            }
            guard let best else { break }
            unsafe (merged.baseAddress.unsafelyUnwrapped + count)
                .initialize(to: best.frames[best.next])
            count += 1
            best.next += 1
            if best.next == best.count { break }
        }
        guard count > 0 else { return nil }
        return unsafe UnsafeMutableBufferPointer(rebasing: merged[..<count])
    }

    /// Moves the frames that the filter accepts to the front.
    private func applyFilter(
        _ frames: UnsafeMutableBufferPointer<CapturedFrame>
    ) throws(CaptureError) -> UnsafeMutableBufferPointer<CapturedFrame> {
        guard let filter else { return unsafe frames }
        var kept = 0
        for index in 0..<frames.count {
            guard unsafe try filter.accepts(frames[index]) else { continue }
            unsafe frames[kept] = unsafe frames[index]
            kept += 1
        }
        counters.filtered &+= UInt64(frames.count - kept)
        return unsafe UnsafeMutableBufferPointer(rebasing: frames[..<kept])
    }
}
