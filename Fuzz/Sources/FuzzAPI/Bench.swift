import Foundation
import Logging
import Timestamps

@testable import ControlServer
@testable import Decisions
@testable import Enforcement
@testable import EventDelivery
@testable import EventStore
@testable import HTTPServer
@testable import Monitor
@testable import Quarantine

/// The routes of a monitor that enforces, with its real store, quarantine and decisions; only the
/// kernel's last call is left out.
final class Bench: Sendable {
    private let socket: Router<Caller>
    private let port: Router<Caller>

    /// Callers: root, an operator, one who may force, one who may only look.
    private static let users: [UInt32] = [0, 1001, 1002, 1003]
    static let token = "token-of-the-fuzzer"

    init() throws {
        let hub = MonitorHub()
        let directory = NSTemporaryDirectory() + "lazaret-fuzz-\(getpid())"
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true)
        let store = try EventStore(directory: directory)
        let options = QuarantineService.Options()
        let quarantine = try QuarantineService(
            policy: QuarantinePolicy(), ledger: store, options: options, clock: { Clock.now() }
        ) { _ in }
        let logger = Logger(label: "fuzzer") { _ in SwiftLogNoOpLogHandler() }
        let dispatcher = try EventDispatcher(
            path: "/dev/null", options: DeliveryOptions(), stateDirectory: directory,
            logger: logger)
        let decider = LiveDecider(quarantine: quarantine, isEnforcing: false, logger: logger)
        let decisions = DecisionThread(
            alerts: AlertPipeline(
                modelID: "", origin: nil, decider: decider, openLimit: 100),
            dispatcher: dispatcher, hub: hub, recorder: nil, logger: logger)
        hub.connect(quarantine, decisions, store)
        var status = MonitorStatus()
        status.isEnforcing = true
        status.updated = Clock.now()
        hub.publish(status)
        socket = ControlRoutes.router(
            hub, AuthenticationMiddleware(entry: .socket([1001], forcing: [1002])))
        port = ControlRoutes.router(hub, AuthenticationMiddleware(entry: .token(Self.token)))
    }

    /// Answers a request that came by one of the entrances.
    ///
    /// - Parameter caller: chooses the entrance and the user.
    func answer(_ request: Request, caller: UInt8) async -> Response {
        var request = request
        let user = Self.users[Int(caller & 3)]
        request.user = user
        guard caller & 4 != 0 else {
            request.peer = Peer(pid: 1, uid: user, gid: user)
            return await socket.respond(to: request)
        }
        return await port.respond(to: request)
    }
}
