internal import FoundationEssentials
internal import HTTPClient
internal import MailClient
internal import Synchronization
internal import SystemSupport
internal import Timestamps

/// The result of one attempt to send a message.
enum NotifyOutcome: Equatable, Sendable {
    case sent
    /// Another attempt would be refused, too.
    case refused(String)
    case failed(String)
}

/// A message that is being sent.
struct NotifyFlight: Sendable {
    let answer: NotifyAnswer
    let task: Task<Void, Never>

    var outcome: NotifyOutcome? { answer.now }
}

/// The outcome of a message, once there is one.
final class NotifyAnswer: Sendable {
    private let outcome = Mutex<NotifyOutcome?>(nil)

    var now: NotifyOutcome? { outcome.withLock { $0 } }

    func set(_ outcome: NotifyOutcome) { self.outcome.withLock { $0 = outcome } }
}

/// Sends the messages of one entry. Secrets are read for each attempt, and are in no text.
struct NotifySender: Sendable {
    enum Payload: Sendable {
        /// The body of a POST.
        case json([UInt8])
        case mail([UInt8], recipients: [String])
    }

    let entry: NotifyEntry
    private let executor: SinkExecutor

    init(_ entry: NotifyEntry) {
        self.entry = entry
        executor = SinkExecutor("notify")
    }

    /// Starts an attempt; `wake` is called after it.
    func start(_ payload: Payload, wake: @escaping @Sendable () -> Void) -> NotifyFlight {
        let answer = NotifyAnswer()
        let task = Task.detached(executorPreference: executor) {
            answer.set(await attempt(payload))
            wake()
        }
        return NotifyFlight(answer: answer, task: task)
    }

    /// One attempt; returns after the entry's time limit at the latest.
    func attempt(_ payload: Payload) async -> NotifyOutcome {
        do throws(DeliveryError) {
            switch payload {
            case .json(let body): return await post(try request(body))
            case .mail(let message, let recipients):
                return deliver(try mail(message, to: recipients))
            }
        } catch { return .failed("\(error)") }
    }

    private func request(_ body: [UInt8]) throws(DeliveryError) -> HTTPRequest {
        var url = try entry.target()
        if entry.kind == .alertmanager {
            while url.hasSuffix("/") { url.removeLast() }
            url += "/api/v2/alerts"
        }
        var request = HTTPRequest(url: URL(string: url)?.absoluteString ?? url)
        request.connectTimeout = Duration.nanoseconds(entry.timeout.nanoseconds)
        request.timeout = request.connectTimeout
        request.body = body
        request.headers = [("Content-Type", "application/json"), ("User-Agent", "lazaret")]
        if let user = entry.user, let password = try entry.password() {
            let word = Data("\(user):\(password)".utf8).base64EncodedString()
            request.headers.append(("Authorization", "Basic \(word)"))
        }
        request.tls.authorities = try entry.authorities()
        return request
    }

    private func post(_ request: HTTPRequest) async -> NotifyOutcome {
        let status: Int
        // The answer may quote what was sent.
        do { status = try await request.answer(upTo: 64 << 10).status } catch {
            return .failed("no answer: \(error)")
        }
        switch status {
        case 200..<300: return .sent
        case 400, 413, 422: return .refused("answers \(status)")
        default: return .failed("answers \(status)")
        }
    }

    private func mail(
        _ message: [UInt8], to recipients: [String]
    ) throws(DeliveryError) -> MailRequest {
        var mail = MailRequest(
            server: entry.server ?? "", from: entry.from ?? "", recipients: recipients,
            message: message)
        mail.requiresTLS = entry.requiresTLS
        mail.hello = HostName.text
        mail.authorities = try entry.authorities()
        mail.timeoutMilliseconds = Int(clamping: entry.timeout.wholeMilliseconds)
        if let user = entry.user, let password = try entry.password() {
            mail.login = (user, password)
        }
        return mail
    }

    /// Blocks the sink's own thread.
    private func deliver(_ mail: MailRequest) -> NotifyOutcome {
        do throws(MailError) {
            try mail.send()
            return .sent
        } catch {
            return error.isFinal ? .refused("\(error)") : .failed("\(error)")
        }
    }
}
