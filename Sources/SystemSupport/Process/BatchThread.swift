internal import SystemPackage

/// A batch that can be made empty, to be filled.
package protocol EmptyBatch: Sendable {
    init()
}

/// Fills batches, one after the other.
package protocol BatchSource: ~Copyable, SendableMetatype {
    associatedtype Batch: EmptyBatch
    /// What is known at the end.
    associatedtype Summary: Sendable
    associatedtype Failure: Error

    /// Replaces what is in a batch.
    ///
    /// - Returns: false if it is the last one.
    mutating func fill(_ batch: inout Batch) throws(Failure) -> Bool

    var summary: Summary { get }
}

/// A source of batches with a thread of its own, which is a few batches ahead.
package final class BatchThread<Batch: EmptyBatch, Summary: Sendable, Failure: Error>: Sendable {
    private enum Message: Sendable {
        case opened
        case batch(Batch)
        case ended(Batch, Summary)
        case failed(Failure)
    }

    private let full: BatchQueue<Message>
    private let used: Pool<Batch>

    /// Starts the thread, which makes the source and fills batches; nil if the system allows no
    /// more threads.
    ///
    /// - Parameter capacity: the number of batches that it may be ahead.
    /// - Throws: what `make` throws.
    package init?<Source: BatchSource & ~Copyable>(
        capacity: Int, _ make: @escaping @Sendable () throws(Failure) -> Source
    ) throws(Failure)
    where Source.Batch == Batch, Source.Summary == Summary, Source.Failure == Failure {
        full = BatchQueue(capacity: capacity)
        used = Pool(capacity: capacity)
        let work: @Sendable () -> Void = { [full, used] in
            do throws(Failure) {
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
        do throws(Errno) { try makeThread(work) } catch { return nil }
        if case .failed(let error) = full.take() { throw error }
    }

    deinit { full.cancel() }

    /// Replaces a used batch by the next one.
    ///
    /// - Returns: the summary, with the last batch.
    package func next(_ batch: inout Batch) throws(Failure) -> Summary? {
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
