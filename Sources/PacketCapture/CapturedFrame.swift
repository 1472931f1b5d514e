public import Timestamps

/// One captured frame.
///
/// Its bytes are borrowed: they are valid until the call that passed them to a closure returns, or
/// until the next frame is requested.
@safe
public struct CapturedFrame: BitwiseCopyable {
    /// The time of the capture.
    public var time: Timestamp
    /// The length of the frame on the wire in bytes; `bytes.count` of them were captured.
    public var wireLength: UInt32
    /// The LINKTYPE number of the frame's first header.
    public var linkType: Int32
    /// The file or interface that the frame is from, counted from 0 in the given order.
    public var source: Int32
    /// The number of its interface within a pcapng section; 0 elsewhere.
    public var interface: UInt32
    /// The number of the port that the frame came by, unique within the source; 0: unknown.
    public var port: UInt32
    /// The packet type from the kernel (`PACKET_…` of packet(7); 4: outgoing); 255: unknown.
    public var packetType: UInt8
    /// The captured bytes.
    @unsafe public var bytes: UnsafeRawBufferPointer

    /// Creates a frame over `bytes`, which the caller keeps alive.
    public init(
        time: Timestamp, wireLength: UInt32, linkType: Int32, source: Int32,
        interface: UInt32 = 0, port: UInt32 = 0, packetType: UInt8 = 255,
        bytes: UnsafeRawBufferPointer
    ) {
        self.time = time
        self.wireLength = wireLength
        self.linkType = linkType
        self.source = source
        self.interface = interface
        self.port = port
        self.packetType = packetType
        unsafe self.bytes = bytes
    }
}

/// The counters of a source: frames delivered and lost.
public struct CaptureStatistics: Equatable, Sendable {
    /// Frames delivered.
    public var packets: UInt64 = 0
    /// Frames that the filter rejected.
    public var filtered: UInt64 = 0
    /// Frames of an unsupported link type.
    public var skipped: UInt64 = 0
    /// Bytes of the files read so far, before decompression.
    public var fileBytes: UInt64 = 0
    /// Live: frames that the kernel dropped because its buffer was full (`ps_drop`).
    public var kernelDrops: UInt64 = 0
    /// Live: frames that the interface or its driver lost (`ps_ifdrop`).
    public var interfaceDrops: UInt64 = 0
    /// Live: the number of times that a missing interface was opened again.
    public var reopened: UInt64 = 0

    public init() {}
}

/// How packets are captured.
public struct CaptureOptions: Sendable {
    /// Live: the greatest number of bytes captured of each frame.
    public var snapLength = 65_535
    /// Live: the size of the kernel's ring in bytes, per interface.
    public var bufferSize = 16 << 20
    public var isPromiscuous = true
    public var direction = Direction.both
    /// A BPF expression (pcap-filter(7)); empty accepts every frame.
    public var filter = ""
    /// The supported LINKTYPE numbers; empty accepts all.
    public var linkTypes: [Int32] = []
    /// Files: the greatest number of bytes of monitors' notes that wait for `takeNotes`; further
    /// notes are dropped.
    public var noteLimit = 0
    /// Files: called while a pipe is waited for, and between batches that the filter rejects; if it
    /// returns true, the source ends there.
    public var shouldStop: @Sendable () -> Bool = { false }

    public init() {}

    public enum Direction: String, Sendable, CaseIterable {
        case both
        case incoming = "in"
        case outgoing = "out"
    }
}
