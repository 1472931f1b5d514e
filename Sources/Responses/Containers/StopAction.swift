internal import NetworkAddresses

/// Stops a container; undo starts it.
struct StopAction: ResponseAction {
    /// How long the container may take to end by itself, in seconds.
    var grace: Int64 = 10
    let isRenewed = false

    func prepare(
        _ record: ResponseRecord, _ rails: ResponseRails
    ) async throws(ResponseError) -> String {
        let container = try await InspectedContainer(record.object, of: record.engine)
        try container.check(record, rails)
        guard !container.isPaused || rails.isPausedHere else {
            throw .notNeeded("\(container.name) was paused by somebody else")
        }
        var undo = ContainerUndo(startedAt: container.startedAt)
        undo.restart = container.restartPolicy
        undo.networks = container.networks
        undo.grace = grace
        return undo.text
    }

    func apply(_ record: ResponseRecord) async throws(ResponseError) -> String? {
        let container = try await InspectedContainer(record.object, of: record.engine)
        let undo = try ContainerUndo(record)
        try container.demandSameRun(undo)
        guard container.isRunning else { return nil }
        do throws(ResponseError) { try await stop(record, undo) } catch .failed
            where container.isPaused
        {
            // Podman does not stop a paused container.
            try await EngineConnection.to(record.engine).send(
                "POST", "/containers/\(record.object)/unpause", seconds: 30)
            try await stop(record, undo)
        } catch { throw error }
        return nil
    }

    private func stop(
        _ record: ResponseRecord, _ undo: ContainerUndo
    ) async throws(ResponseError) {
        let grace = undo.grace ?? grace
        // 304: it does not run.
        try await EngineConnection.to(record.engine).send(
            "POST", "/containers/\(record.object)/stop?t=\(grace)", seconds: grace + 30,
            accepting: [304])
    }

    func effect(of record: ResponseRecord) async throws(ResponseError) -> ResponseEffect {
        let container = try await InspectedContainer(record.object, of: record.engine)
        return container.isRunning ? .none : .whole
    }

    func undo(_ record: ResponseRecord) async throws(ResponseError) -> String? {
        let undo = try ContainerUndo(record)
        let container = try await InspectedContainer(record.object, of: record.engine)
        try container.demandSameRun(undo)
        if !container.isRunning {
            try await EngineConnection.to(record.engine).send(
                "POST", "/containers/\(record.object)/start", seconds: 60, accepting: [304])
        }
        let after = try await InspectedContainer(record.object, of: record.engine)
        // A short job may have ended again.
        guard after.isRunning || after.startedAt != undo.startedAt else {
            throw .failed("\(container.name) was not started")
        }
        let before = Set((undo.networks ?? [:]).values.flatMap(\.assigned))
        let lost = before.subtracting(after.addresses)
        guard after.isRunning, !lost.isEmpty else { return nil }
        let list = lost.sorted().map { "\($0)" }.joined(separator: ", ")
        return "the engine gave it another address than \(list)"
    }
}
