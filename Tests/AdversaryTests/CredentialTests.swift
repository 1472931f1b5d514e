import TestKit
import Testing

/// A token that is over or an old password is refused again and again, and is no guess; nobody
/// hides guesses behind it.
struct CredentialTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    private static let app = Member.app.at("veth-app")
    private static let store = Member.store.at("veth-store")
    private static let accomplice = Member.bystander.at("veth-bystander")

    private static func get(_ token: String, path: String = "/") -> String {
        "GET \(path) HTTP/1.1\r\nHost: s\r\nAuthorization: Bearer \(token)\r\nAccept: */*\r\n\r\n"
    }

    private static func form(_ token: String, _ body: String, length: Int? = nil) -> String {
        "POST /v1/push HTTP/1.1\r\nHost: s\r\nAuthorization: Bearer \(token)\r\n"
            + "Content-Length: \(length ?? body.utf8.count)\r\n\r\n\(body)"
    }

    private static func redis(_ password: String) -> String {
        "*2\r\n$4\r\nAUTH\r\n$\(password.utf8.count)\r\n\(password)\r\n"
    }

    private static let unauthorized = Line.down("HTTP/1.1 401 Words\r\nContent-Length: 0\r\n\r\n")

    /// Requests, each refused on a connection of its own.
    private static func refused(
        _ to: Member = store, port: UInt16 = 80, rate: Double, seconds: Double,
        by answer: Line = unauthorized, in attack: inout Attack,
        _ request: (Int) -> [String]
    ) {
        for number in 0..<Int(rate * seconds) {
            attack.talk(
                at: Double(number) / rate, app, to, UInt16(20_000 + number), port,
                request(number).map { Line.up($0) } + [answer])
        }
    }

    private static func refusedByRedis(in attack: inout Attack, _ request: (Int) -> [String]) {
        refused(
            port: 6379, rate: 5, seconds: 40, by: .down("-WRONGPASS invalid password\r\n"),
            in: &attack, request)
    }

    private static func introduced() -> Attack {
        var attack = Attack()
        attack.introduce(app, store, accomplice)
        return attack
    }

    private func expectUnfenced(
        _ traffic: Attack, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let outcome = try bench.judge(traffic)
        #expect(outcome.fenced.isEmpty, "\(outcome)", sourceLocation: sourceLocation)
    }

    private func expectFenced(
        _ attack: Attack, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let outcome = try bench.judge(attack)
        #expect(
            outcome.fenced.subtracting([Member.app.address]) == ["port:veth-app"], "\(outcome)",
            sourceLocation: sourceLocation)
    }

    // MARK: - Innocent

    /// An old token, in requests for several pages, or with the same data.
    @Test(arguments: [1.0, 5.0, 10.0], [true, false])
    func anOldTokenIsNoGuess(rate: Double, isForm: Bool) throws {
        var traffic = Self.introduced()
        Self.refused(rate: rate, seconds: 40, in: &traffic) {
            [isForm ? Self.form("old", "{}") : Self.get("old", path: "/v1/\($0)")]
        }
        try expectUnfenced(traffic)
    }

    /// Clients of a database whose password has changed.
    @Test func anOldPasswordIsNoGuess() throws {
        var traffic = Self.introduced()
        Self.refusedByRedis(in: &traffic) { _ in [Self.redis("old")] }
        try expectUnfenced(traffic)
    }

    // MARK: - Guesses

    @Test(arguments: [true, false]) func otherTokensAreGuesses(isForm: Bool) throws {
        var attack = Self.introduced()
        Self.refused(rate: 5, seconds: 40, in: &attack) {
            [isForm ? Self.form("old", "{\"p\":\($0)}") : Self.get("guess\($0)")]
        }
        try expectFenced(attack)
    }

    @Test func otherPasswordsAreGuesses() throws {
        var attack = Self.introduced()
        Self.refusedByRedis(in: &attack) { [Self.redis("guess\($0)")] }
        try expectFenced(attack)
    }

    enum Disguise: CaseIterable {
        /// A second request behind the first one, in the same segment.
        case pipelined
        /// The form's data in a segment of its own.
        case later
        /// A length that leaves room for a second request.
        case short
        /// Two headers with credentials.
        case twice
        /// A header that continues on the next line.
        case folded
        /// A length behind a tab, and the form's data in a segment of its own.
        case tabbed
        /// A request with an old token in a segment of its own, behind the guess.
        case followed
    }

    /// Guesses behind a request that stays the same.
    @Test(arguments: Disguise.allCases) func aConstantPartHidesNoGuess(disguise: Disguise) throws {
        var attack = Self.introduced()
        Self.refused(rate: 5, seconds: 40, in: &attack) { number in
            switch disguise {
            case .pipelined: [Self.get("old") + Self.get("guess\(number)")]
            case .later:
                [Self.form("old", "", length: 12), "password=" + String(100 + number)]
            case .short: [Self.form("old", "{}", length: 0) + Self.get("guess\(number)")]
            case .folded:
                [Self.get("old").replacing("Bearer old", with: "Basic\r\n\tguess\(number)")]
            case .tabbed:
                [
                    Self.form("old", "", length: 12).replacing("Length: ", with: "Length:\t"),
                    "password=" + String(100 + number),
                ]
            case .followed: [Self.get("guess\(number)"), Self.get("old")]
            case .twice:
                [
                    Self.get("old").replacing(
                        "Accept", with: "Proxy-Authorization: Bearer guess\(number)\r\nAccept")
                ]
            }
        }
        try expectFenced(attack)
    }

    /// The words come in two segments, of which the first is always the same.
    @Test func aPartOfAnArrayHidesNoGuess() throws {
        var attack = Self.introduced()
        Self.refusedByRedis(in: &attack) { ["*2\r\n$4\r\nAUTH\r\n", "$5\r\n\(10_000 + $0)\r\n"] }
        try expectFenced(attack)
    }

    /// The same password at many servers.
    @Test func onePasswordAtManyServersIsAGuessAtEach() throws {
        var attack = Self.introduced()
        for number in 0..<80 {
            attack.talk(
                at: Double(number) / 5, Self.app,
                Member("10.60.2.\(60 + number)", port: "v\(number)"),
                UInt16(20_000 + number), 80, [.up(Self.get("old")), Self.unauthorized])
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.alerts.contains { $0.pattern == "password_guessing" }, "\(outcome)")
    }

    /// Tries of an old token elsewhere do not excuse guesses here.
    @Test(arguments: [true, false]) func anAccompliceHidesNoGuess(isRefused: Bool) throws {
        var attack = Self.introduced()
        Self.refused(rate: 5, seconds: 40, in: &attack) { [Self.get("guess\($0)")] }
        for number in 0..<400 {
            attack.talk(
                at: 0.05 + Double(number) / 10, Self.app, Self.accomplice, UInt16(40_000 + number),
                8080, [.up(Self.get("old"))] + (isRefused ? [Self.unauthorized] : []))
        }
        try expectFenced(attack)
    }

    /// Each guess is sent twice, as one segment that is repeated, or first over a connection that
    /// is cut before the answer.
    @Test(arguments: [true, false]) func aGuessSentTwiceIsAGuess(isRepeated: Bool) throws {
        var attack = Self.introduced()
        for number in 0..<200 {
            let (time, guess) = (Double(number) / 5, Self.get("guess\(number)"))
            let source = UInt16(20_000 + 2 * number)
            if isRepeated {
                attack.talk(
                    at: time, Self.app, Self.store, source, 80, [.up(guess), Self.unauthorized])
                // The request again, before its answer.
                attack.say(
                    at: time + 0.003_5, Self.app, Self.store,
                    Frame.tcp(
                        source, 80, flags: 0x18, sequence: 1001, acknowledgment: 501,
                        payload: Array(guess.utf8)))
                continue
            }
            attack.talk(
                at: time, Self.app, Self.store, source, 80, [.up(guess)], closedBy: .nobody)
            attack.tcp(
                at: time + 0.01, Self.app, Self.store, source, 80, flags: 0x14,
                sequence: 1001 + UInt32(guess.utf8.count), acknowledgment: 501)
            attack.talk(
                at: time + 0.05, Self.app, Self.store, source + 1, 80,
                [.up(guess), Self.unauthorized])
        }
        try expectFenced(attack)
    }

    /// An old token that does not arrive, and a guess with the same numbers, which does.
    @Test func aDecoyHidesNoGuess() throws {
        var attack = Self.introduced()
        for number in 0..<200 {
            let (time, source) = (Double(number) / 5, UInt16(20_000 + number))
            attack.talk(
                at: time, Self.app, Self.store, source, 80,
                [.up(Self.get("old\(1000)")), Self.unauthorized])
            // The server's answer follows 4 ms after the first SYN.
            attack.say(
                at: time + 0.003_5, Self.app, Self.store,
                Frame.tcp(
                    source, 80, flags: 0x18, sequence: 1001, acknowledgment: 501,
                    payload: Array(Self.get("gue\(1000 + number)").utf8)))
        }
        try expectFenced(attack)
    }
}
