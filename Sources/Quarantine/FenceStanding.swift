/// A fence with what the kernel counted.
public struct FenceStanding: Sendable, Equatable {
    public var row: FenceRow
    /// Until the kernel ends it by itself; 0 when it does not hold it.
    public var remainingMilliseconds: Int64
    public var packets: UInt64
    public var bytes: UInt64
    /// Whether the kernel holds it.
    public var isInForce: Bool

    public init(
        row: FenceRow, remainingMilliseconds: Int64, packets: UInt64, bytes: UInt64,
        isInForce: Bool
    ) {
        self.row = row
        self.remainingMilliseconds = remainingMilliseconds
        self.packets = packets
        self.bytes = bytes
        self.isInForce = isInForce
    }
}
