internal import MailClient
internal import SystemSupport
internal import Timestamps

/// Sends a test message by one entry.
public enum NotifyTest {
    /// The result for one way, such as a recipient of mail.
    public struct Result: Sendable, Equatable {
        /// `chat (slack)`, `mail (email) to ops@example.org`.
        public var name: String
        /// Why it was not sent; nil: it was. No text has a secret.
        public var failure: String?
    }

    /// Sends a message to everybody whom the entry names; to each recipient of mail on its own, so
    /// that one who is not known is found.
    public static func send(by entry: NotifyEntry) async -> [Result] {
        let sender = NotifySender(entry)
        let name = "\(entry.name) (\(entry.kind.rawValue))"
        let (node, time) = (HostName.text, Clock.now())
        guard entry.kind == .email else {
            let body =
                entry.kind == .alertmanager
                ? AlertBoard.test(node: node, time: time)
                : ChatMessage.json(.test(node: node), for: entry.kind)
            return [Result(name: name, failure: failure(await sender.attempt(.json(body))))]
        }
        var results: [Result] = []
        for (index, recipient) in entry.recipients.enumerated() {
            let mail = MailText(
                from: entry.from ?? "", recipients: [recipient], node: node, time: time,
                identifier: "test.\(time.nanoseconds).\(index)")
            let outcome = await sender.attempt(
                .mail(mail.message(.test(node: node)), recipients: [recipient]))
            results.append(Result(name: "\(name) to \(recipient)", failure: failure(outcome)))
        }
        return results
    }

    private static func failure(_ outcome: NotifyOutcome) -> String? {
        switch outcome {
        case .sent: nil
        case .refused(let reason), .failed(let reason): reason
        }
    }
}
