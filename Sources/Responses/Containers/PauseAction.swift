/// Freezes a container's processes; undo continues them.
struct PauseAction: ResponseAction {
    let isRenewed = false

    func prepare(
        _ record: ResponseRecord, _ rails: ResponseRails
    ) async throws(ResponseError) -> String {
        let container = try await InspectedContainer(record.object, of: record.engine)
        try container.check(record, rails)
        guard !container.isPaused else { throw .notNeeded("\(container.name) is paused already") }
        return ContainerUndo(startedAt: container.startedAt).text
    }

    func apply(_ record: ResponseRecord) async throws(ResponseError) -> String? {
        let container = try await InspectedContainer(record.object, of: record.engine)
        try container.demandSameRun(ContainerUndo(record))
        guard container.isRunning else { throw .changed("\(container.name) does not run any more") }
        guard !container.isPaused else { return nil }
        try await EngineConnection.to(record.engine).send(
            "POST", "/containers/\(record.object)/pause", seconds: 30)
        return nil
    }

    func effect(of record: ResponseRecord) async throws(ResponseError) -> ResponseEffect {
        let container = try await InspectedContainer(record.object, of: record.engine)
        if container.isPaused { return .whole }
        // One that was stopped since does nothing either.
        let isSame = container.startedAt == (try ContainerUndo(record)).startedAt
        return !container.isRunning && isSame ? .whole : .none
    }

    func undo(_ record: ResponseRecord) async throws(ResponseError) -> String? {
        let container = try await InspectedContainer(record.object, of: record.engine)
        let isSame = container.startedAt == (try ContainerUndo(record)).startedAt
        // A response that had stopped it may have started it again.
        if !isSame, !container.isPaused { return "it was started again since, and is not paused" }
        try container.demandSameRun(ContainerUndo(record))
        guard container.isRunning else {
            throw .changed("\(container.name) was stopped since; it is not started")
        }
        guard container.isPaused else {
            throw .changed("\(container.name) was continued already")
        }
        try await EngineConnection.to(record.engine).send(
            "POST", "/containers/\(record.object)/unpause", seconds: 30)
        let after = try await InspectedContainer(record.object, of: record.engine)
        guard !after.isPaused else { throw .failed("\(container.name) is still paused") }
        return nil
    }
}
