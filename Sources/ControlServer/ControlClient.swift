internal import AsyncHTTPClient
internal import Foundation
public import Monitor
internal import NIOCore
internal import NIOHTTP1

/// Why a running monitor could not be asked.
public enum ControlError: Error, Sendable, CustomStringConvertible {
    /// Nobody answers on the socket.
    case unreachable(socket: String, reason: String)
    /// Whoever asks may not.
    case notPermitted(socket: String)
    /// It answers, but does not do it.
    case refused(String)

    public var description: String {
        switch self {
        case .unreachable(let socket, let reason):
            "\(socket): \(reason); is 'lazaret monitor' running, with this control.socket?"
        case .notPermitted(let socket):
            "\(socket): permission denied; root and the members of the socket's group may ask the monitor"
        case .refused(let why): why
        }
    }
}

/// Asks a running monitor by its Unix socket: what the command line uses.
public struct ControlClient: Sendable {
    public let socket: String

    public init(socket: String) { self.socket = socket }

    /// What the monitor has seen, lost and done.
    public func status() async throws -> MonitorStatus {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(MonitorStatus.self, from: Data(try await get("/api/v1/status")))
    }

    /// Any page's text.
    public func get(_ path: String) async throws -> [UInt8] {
        let response = try await answer(path)
        do {
            return Array(buffer: try await response.body.collect(upTo: 256 << 20))
        } catch {
            throw ControlError.unreachable(socket: socket, reason: "the answer broke off")
        }
    }

    /// Events as they come, one EVE line each, until the monitor ends.
    public func follow(_ body: (String) throws -> Void) async throws {
        let response = try await answer("/api/v1/events/stream", seconds: nil)
        var rest: [UInt8] = []
        for try await buffer in response.body {
            rest += Array(buffer: buffer)
            while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: rest[..<end], as: UTF8.self)
                rest.removeSubrange(...end)
                if line.hasPrefix("data: ") { try body(String(line.dropFirst(6))) }
            }
        }
    }

    /// Lives as long as the program. Where no monitor runs, it says so at once.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(configuration: configuration)
    }()

    private func answer(_ path: String, seconds: Int64? = 10) async throws -> HTTPClientResponse {
        // http+unix: the socket's path is the host (async-http-client).
        guard let url = URL(httpURLWithSocketPath: socket, uri: path) else {
            throw ControlError.unreachable(socket: socket, reason: "no path of a socket")
        }
        let response: HTTPClientResponse
        do {
            response = try await Self.client.execute(
                HTTPClientRequest(url: url.absoluteString),
                timeout: seconds.map { .seconds($0) } ?? .hours(24 * 365))
        } catch {
            throw why(error)
        }
        guard response.status.code < 300 else {
            let bytes = Array(buffer: try await response.body.collect(upTo: 1 << 20))
            struct Problem: Decodable { var detail: String }
            let problem = try? JSONDecoder().decode(Problem.self, from: Data(bytes))
            throw ControlError.refused(problem?.detail ?? "the monitor answers \(response.status)")
        }
        return response
    }

    private func why(_ error: any Error) -> ControlError {
        // SAFETY: the path is lent for the call.
        guard unsafe access(socket, R_OK | W_OK) != 0 else {
            return .unreachable(socket: socket, reason: "nobody answers")
        }
        let code = errno
        if code == EACCES || code == EPERM { return .notPermitted(socket: socket) }
        // SAFETY: the text is copied at once.
        return .unreachable(socket: socket, reason: unsafe String(cString: strerror(code)))
    }
}
