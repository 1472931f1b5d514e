import ControlServer
import EventStore
import Monitor
import Settings

/// Where incidents and events are read: by the running monitor, or in the state directory.
struct StoredInput {
    private let client: ControlClient?
    /// The directory that is read if no monitor answers.
    private let directory: String?

    /// - Parameter state: the state directory to read; nil: the monitor is asked, and the directory
    ///   of the configuration is read if none runs.
    init(_ control: ControlInput, state: String?) throws {
        if let state {
            client = nil
            directory = state
            return
        }
        guard control.socket == nil else {
            client = try control.client()
            directory = nil
            return
        }
        let settings = try control.file.read()
        client = settings.control.socket == nil ? nil : try control.client()
        directory = settings.monitor.stateDirectory
    }

    /// The answer of the monitor, or that of the store.
    ///
    /// - Throws: the monitor's error where there is no store, either.
    func answer<T>(
        _ ask: (ControlClient) async throws -> T, orRead read: (StoredLists) throws -> T
    ) async throws -> T {
        guard let client else { return try read(StoredLists(directory: directory ?? "")) }
        do { return try await ask(client) } catch let error as ControlError {
            guard case .unreachable = error, let directory else { throw error }
            let lists: StoredLists
            do { lists = try StoredLists(directory: directory) } catch EventStoreError.missing {
                throw error
            }
            return try read(lists)
        }
    }
}
