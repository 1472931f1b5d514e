import PacketCapture
import SystemSupport

/// A batch that can be made empty, to be filled.
protocol EmptyBatch: Sendable {
    init()
}

/// Fills batches, one after the other.
protocol BatchSource: ~Copyable, SendableMetatype {
    associatedtype Batch: EmptyBatch
    /// What is known at the end.
    associatedtype Summary: Sendable

    /// Replaces what is in a batch.
    ///
    /// - Returns: false if it is the last one.
    mutating func fill(_ batch: inout Batch) throws(CaptureError) -> Bool

    var summary: Summary { get }
}

/// A source of batches with a thread of its own, which is a few batches ahead.
final class BatchThread<Batch: EmptyBatch, Summary: Sendable>: Sendable {
    private enum Message: Sendable {
        case opened
        case batch(Batch)
        case ended(Batch, Summary)
        case failed(CaptureError)
    }

    private let full = BatchQueue<Message>(capacity: 16)
    private let used = Pool<Batch>(capacity: 16)

    /// Starts the thread, which makes the source and fills batches.
    ///
    /// - Throws: what `make` throws.
    init<Source: BatchSource & ~Copyable>(
        _ make: @escaping @Sendable () throws(CaptureError) -> Source
    ) throws(CaptureError) where Source.Batch == Batch, Source.Summary == Summary {
        startThread { [full, used] in
            do throws(CaptureError) {
                var source = try make()
                guard full.put(.opened) else { return }
                while true {
                    var batch = used.take() ?? Batch()
                    guard try source.fill(&batch) else {
                        full.put(.ended(batch, source.summary))
                        return
                    }
                    guard full.put(.batch(batch)) else { return }
                }
            } catch {
                full.put(.failed(error))
            }
        }
        if case .failed(let error) = full.take() { throw error }
    }

    deinit { full.cancel() }

    /// Replaces a used batch by the next one.
    ///
    /// - Returns: the summary, with the last batch.
    func next(_ batch: inout Batch) throws(CaptureError) -> Summary? {
        switch full.take() {
        case .batch(let next):
            replace(&batch, next)
            return nil
        case .ended(let next, let summary):
            replace(&batch, next)
            return summary
        case .failed(let error): throw error
        case .opened, nil: fatalError("the thread ends with a summary or an error")
        }
    }

    private func replace(_ batch: inout Batch, _ next: Batch) {
        let last = batch
        batch = next
        used.put(last)
    }
}

/// A source of batches on this thread, or on one of its own.
struct Batches<Source: BatchSource & ~Copyable>: ~Copyable {
    private final class Here {
        var source: Source

        init(_ source: consuming Source) { self.source = source }
    }

    private enum Way {
        case here(Here)
        case thread(BatchThread<Source.Batch, Source.Summary>)
    }

    private(set) var current = Source.Batch()
    /// Set with the last batch.
    private(set) var summary: Source.Summary?
    private let way: Way

    /// - Parameter isThread: whether the source gets a thread of its own.
    init(
        isThread: Bool, _ make: @escaping @Sendable () throws(CaptureError) -> Source
    ) throws(CaptureError) {
        way = isThread ? .thread(try BatchThread(make)) : .here(Here(try make()))
    }

    /// Replaces the current batch by the next one.
    ///
    /// - Returns: false if it was the last one.
    mutating func advance() throws(CaptureError) -> Bool {
        guard summary == nil else { return false }
        switch way {
        case .thread(let thread): summary = try thread.next(&current)
        case .here(let here):
            if try !here.source.fill(&current) { summary = here.source.summary }
        }
        return true
    }
}
