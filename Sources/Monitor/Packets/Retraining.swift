import AnomalyModel
internal import Logging
import AnomalyDetection
import ModelFiles
internal import SystemPackage
import SystemSupport
import Synchronization
import Timestamps

/// Trains a new model at intervals while a monitor runs, on a thread of its own.
///
/// Every model is written to the state directory under its time of creation, so that the operator
/// can return to it: `lazaret monitor -m STATE/models/…`.
final class Retraining: Sendable {
    private struct State {
        var due: Instant
        var isBusy = false
        var made: Result<Model, ModelError>?
        /// The model in use; nil: the given one.
        var current: Model?
    }

    private let interval: Interval
    private let directory: String
    private let state: Mutex<State>

    init(every interval: Interval, directory: String) {
        self.interval = interval
        self.directory = directory + "/models"
        state = Mutex(State(due: Clock.monotonic() + interval))
    }

    /// `anchor`'s graph and feedback with the newest model's ranges.
    func followed(_ anchor: Model) -> Model {
        state.withLock { state in
            guard var model = state.current else { return anchor }
            model.inherit(from: anchor)
            state.current = model
            return model
        }
    }

    /// Starts the training of a model when it is due.
    ///
    /// - Returns: a model that has been completed, to judge by from now on.
    func step(
        now: Timestamp, logger: Logger, _ retrainer: () -> Retrainer?
    ) -> Model? {
        let (made, begins) = state.withLock { state in
            // Not by the time of day, which may be set.
            let begins = !state.isBusy && Clock.monotonic() >= state.due
            if begins {
                state.isBusy = true
                state.due = Clock.monotonic() + interval
            }
            defer { state.made = nil }
            return (state.made, begins)
        }
        if begins, let retrainer = retrainer() { begin(retrainer, now, logger) }
        switch made {
        case nil: return nil
        case .failure(let error):
            logger.warning("no new model: \(error)")
            return nil
        case .success(let model):
            state.withLock { $0.current = model }
            return model
        }
    }

    private func begin(_ retrainer: Retrainer, _ now: Timestamp, _ logger: Logger) {
        startThread { [self] in
            let made = Result { () throws(ModelError) in
                try retrainer.model(last: now)
            }
            // Not on the packet thread, which must not wait for the disk.
            if case .success(let model) = made { keep(model, now, retrainer, logger) }
            state.withLock { state in
                state.made = made
                state.isBusy = false
            }
        }
    }

    private func keep(
        _ model: Model, _ now: Timestamp, _ retrainer: Retrainer, _ logger: Logger
    ) {
        let path = "\(directory)/\(now.second).model"
        var place = "kept as \(path)"
        do {
            try Files.makeFolders(directory, permissions: .ownerReadWriteExecute)
            try ModelStore.write(model, to: path)
        } catch {
            place = "not kept: \(error)"
        }
        logger.info(
            """
            model \(model.identifier.prefix(12)) made of \(retrainer.learnedCount) windows, \
            \(retrainer.leftOutCount) left out; \(place)
            """)
    }
}
