/// Where a monitor records packets, and in how many bytes.
public struct RecordingOptions: Sendable, Equatable {
    /// The path of the pcapng file; nil: packets are not recorded.
    public var path: String?
    /// The most bytes of a file, which is then renamed to `FILE.1`.
    public var size = 1 << 30
    /// How many old files are kept.
    public var kept = 3

    public init() {}
}
