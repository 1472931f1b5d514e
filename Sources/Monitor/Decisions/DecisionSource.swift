internal import CrowdSec
internal import SystemSupport
internal import TextFormats
public import Timestamps

/// Another program whose decisions become rules: one entry of `quarantine.decisions_from`.
public struct DecisionSource: Sendable, Equatable {
    /// Unique among the entries; rules name it.
    public var name = ""
    /// Of CrowdSec's Local API, without `/v1`.
    public var url = ""
    /// A file with a bouncer's key.
    public var keyFile = ""
    /// A file with the only authorities to trust (PEM).
    public var authoritiesFile: String?
    /// The origins of decisions that count; empty: all but Lazaret's own.
    public var origins: [String] = []
    /// How often it is asked.
    public var interval = Interval.seconds(10)
    /// The most rules at a time.
    public var most = 1000
    /// The longest rule; it is extended while the decision holds.
    public var longest = Interval.seconds(86_400)

    public init() {}

    /// The greatest number of entries.
    public static let countLimit = 8

    /// What is wrong with the entries, each as one line.
    public static func faults(in sources: [DecisionSource]) -> [String] {
        EntryNames.faults(in: sources.map(\.name), limit: countLimit)
            + sources.flatMap { source in
                source.faults.map { "'\(source.name.printable)': \($0)" }
            }
    }

    private var faults: [String] {
        var faults: [String] = []
        if name.contains(":") { faults.append("'name' must have no colon") }
        if let fault = LocalAPI.fault(of: url) { faults.append("'url': \(fault)") }
        for path in [keyFile, authoritiesFile ?? "/"] where !path.hasPrefix("/") {
            faults.append("\(path): not an absolute path")
        }
        if !origins.allSatisfy(Self.isWord) {
            faults.append("'origins' must be words, such as cscli")
        }
        if origins.contains(Ban.origin) {
            faults.append(
                "'origins': '\(Ban.origin)' is what Lazaret itself has pushed to CrowdSec")
        }
        return faults
    }

    /// Whether it can be part of a list in a URL.
    private static func isWord(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x5F: true
                default: false
                }
            }
    }

    /// Reads the files that it names.
    ///
    /// - Throws: the file and what is wrong with it.
    public func checkFiles() throws {
        _ = try LocalAPI.secret(in: keyFile)
        if let authoritiesFile, !Files.exists(authoritiesFile) {
            throw CrowdSecError.unusable("\(authoritiesFile): cannot be read")
        }
    }

    /// Asks the source whether it answers and accepts the key. No decision is taken from it.
    ///
    /// - Returns: why it cannot be followed at the moment; nil if it can.
    public func trouble() async -> String? {
        do throws(CrowdSecError) {
            try await bouncer.check()
            return nil
        } catch { return "\(error)" }
    }

    var bouncer: Bouncer {
        var api = LocalAPI(url: url)
        api.authoritiesFile = authoritiesFile
        return Bouncer(api: api, keyFile: keyFile, origins: origins)
    }
}
