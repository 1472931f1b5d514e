/// Where a monitor keeps the packets that it sees, and in how many bytes.
public struct RecordingOptions: Sendable, Equatable {
    /// The pcapng file; nil: packets are not kept.
    public var path: String?
    /// Bytes that a file does not outgrow: then it becomes `FILE.1`.
    public var size = 1 << 30
    /// How many old files stay.
    public var kept = 3

    public init() {}
}
