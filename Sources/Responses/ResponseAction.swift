internal import NetworkAddresses
internal import Quarantine
internal import Timestamps

/// One kind of response. Each step may be repeated: a restart does not know whether it was done.
protocol ResponseAction: Sendable {
    /// Looks the object up, checks that it may be acted on, and returns what undo needs, as JSON.
    ///
    /// - Throws: `.notNeeded` if nothing is to be done.
    func prepare(
        _ record: ResponseRecord, _ rails: ResponseRails
    ) async throws(ResponseError) -> String
    /// Acts.
    ///
    /// - Returns: what undo needs, if that has changed.
    func apply(_ record: ResponseRecord) async throws(ResponseError) -> String?
    /// How much of it is in effect.
    ///
    /// - Throws: `.gone` if the object does not exist any more.
    func effect(of record: ResponseRecord) async throws(ResponseError) -> ResponseEffect
    /// Restores what `apply` has changed.
    ///
    /// - Returns: what is to be known about the result; nil: nothing.
    /// - Throws: `.changed` if somebody else has changed the object.
    func undo(_ record: ResponseRecord) async throws(ResponseError) -> String?
    /// Whether a response that is no longer in effect is applied again; otherwise somebody has
    /// changed the object, and it is left as it is.
    var isRenewed: Bool { get }
    /// What is to be known about a response in effect; nil: nothing.
    func remark(on record: ResponseRecord) async -> String?
}

extension ResponseAction {
    func remark(on record: ResponseRecord) async -> String? { nil }
}

/// How much of a response is in effect.
enum ResponseEffect: Sendable { case whole, part, none }

/// The limits that are checked for an object before anything is done to it.
struct ResponseRails: Sendable {
    /// When the evidence against the offender was gathered.
    var evidence: Timestamp
    var protected: ProtectedSet
    var allowlist: [AllowEntry]
    var now: Timestamp
    /// Whether a response of this program has paused the container.
    var isPausedHere = false

    /// Why a host with this address is not acted on; nil if it is.
    func objection(to address: IPAddress) -> String? { objection(to: IPPrefix(host: address)) }

    /// Why no host of this prefix is acted on; nil if they are.
    func objection(to prefix: IPPrefix) -> String? {
        if let why = protected.objection(to: .prefix(prefix)) { return why }
        let entry = allowlist.first { entry in
            entry.prefix.overlaps(prefix) && entry.expires.map { now < $0 } ?? true
        }
        return entry.map { "allowlisted: \($0.prefix), \($0.reason)" }
    }
}
