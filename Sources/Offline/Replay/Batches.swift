import SystemSupport

/// A source of batches on this thread, or on one of its own.
struct Batches<Source: BatchSource & ~Copyable>: ~Copyable {
    private final class Here {
        var source: Source

        init(_ source: consuming Source) { self.source = source }
    }

    private enum Way {
        case here(Here)
        case thread(BatchThread<Source.Batch, Source.Summary, Source.Failure>)
    }

    private(set) var current = Source.Batch()
    /// Set with the last batch.
    private(set) var summary: Source.Summary?
    private let way: Way

    /// The number of batches that a thread may be ahead.
    private static var mostAhead: Int { 16 }

    /// - Parameter isThread: whether the source gets a thread of its own, if the system allows one.
    init(
        isThread: Bool, _ make: @escaping @Sendable () throws(Source.Failure) -> Source
    ) throws(Source.Failure) {
        if isThread, let thread = try BatchThread(capacity: Self.mostAhead, make) {
            way = .thread(thread)
        } else {
            way = .here(Here(try make()))
        }
    }

    /// Replaces the current batch by the next one.
    ///
    /// - Returns: false if it was the last one.
    mutating func advance() throws(Source.Failure) -> Bool {
        guard summary == nil else { return false }
        switch way {
        case .thread(let thread): summary = try thread.next(&current)
        case .here(let here):
            if try !here.source.fill(&current) { summary = here.source.summary }
        }
        return true
    }
}
