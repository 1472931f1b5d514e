public import Timestamps

/// One frame as it was captured.
///
/// Its bytes are lent: they are gone when the call that lent them to a closure returns, or when the
/// source is asked for the next frame.
@safe
public struct CapturedFrame: BitwiseCopyable {
    /// When it was captured.
    public var time: Timestamp
    /// Bytes of the frame on the wire; `bytes.count` of them were captured.
    public var wireLength: UInt32
    /// LINKTYPE number of what the frame begins with.
    public var linkType: Int32
    /// Which of the source's files or interfaces it came from, counted from 0 as they were named.
    public var source: Int32
    /// The number of its interface within a pcapng section; 0 elsewhere.
    public var interface: UInt32
    /// The captured bytes.
    @unsafe public var bytes: UnsafeRawBufferPointer

    /// A frame over `bytes`, which the caller keeps alive.
    public init(
        time: Timestamp, wireLength: UInt32, linkType: Int32, source: Int32,
        interface: UInt32 = 0, bytes: UnsafeRawBufferPointer
    ) {
        self.time = time
        self.wireLength = wireLength
        self.linkType = linkType
        self.source = source
        self.interface = interface
        unsafe self.bytes = bytes
    }
}

/// What a source has seen and what it has lost.
public struct CaptureStatistics: Equatable, Sendable {
    /// Frames handed on.
    public var packets: UInt64 = 0
    /// Frames that the filter left out.
    public var filtered: UInt64 = 0
    /// Frames of a link type that is not supported.
    public var skipped: UInt64 = 0
    /// Bytes of the files read so far, as they lie on the disk.
    public var fileBytes: UInt64 = 0
    /// Live: frames that the kernel had no room for (`ps_drop`).
    public var kernelDrops: UInt64 = 0
    /// Live: frames that the interface or its driver lost (`ps_ifdrop`).
    public var interfaceDrops: UInt64 = 0
    /// Live: how often an interface that had gone was opened again.
    public var reopened: UInt64 = 0

    public init() {}
}

/// How packets are captured.
public struct CaptureOptions: Sendable {
    /// Live: bytes of each frame that are kept.
    public var snapLength = 65_535
    /// Live: bytes of the kernel's ring, per interface.
    public var bufferSize = 16 << 20
    public var isPromiscuous = true
    public var direction = Direction.both
    /// A BPF expression (pcap-filter(7)); empty takes everything.
    public var filter = ""
    /// LINKTYPE numbers that the reader of the frames understands; empty takes all.
    public var linkTypes: [Int32] = []
    /// Files: bytes of monitors' notes that wait for whoever takes them; further ones are left out.
    public var noteLimit = 0
    /// Files: asked when a signal interrupts a read; true ends the source there, as at its end.
    public var shouldStop: @Sendable () -> Bool = { false }

    public init() {}

    public enum Direction: String, Sendable, CaseIterable {
        case both
        case incoming = "in"
        case outgoing = "out"
    }
}
