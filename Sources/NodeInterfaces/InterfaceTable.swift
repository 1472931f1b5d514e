public import Timestamps

/// The interfaces of a network namespace, with numbers that are never used again.
///
/// The kernel's index identifies an interface only while it exists. A frame that was captured
/// before a change and is processed after it must not be attributed to a later interface:
/// `port(of:at:)` answers by the frame's time.
public struct InterfaceTable: Sendable {
    private struct Place: Sendable {
        var interface: NodeInterface
        /// When the interface was first known to have the index; nil: no other interface had it
        /// before.
        var since: Timestamp?
        /// When the interface was known to be gone; nil: it exists.
        var goneAt: Timestamp?
    }

    private var places: [UInt32: Place] = [:]
    private var lastPort: UInt32 = 0
    /// Increases with every change.
    public private(set) var version: UInt64 = 0

    /// How long interfaces that are gone are remembered, for the frames that are still in the ring.
    private static let memory = Interval.seconds(60)

    public init() {}

    /// The interfaces that exist, by the kernel's index.
    public var interfaces: [NodeInterface] {
        places.values.filter { $0.goneAt == nil }.map(\.interface)
            .sorted { $0.index < $1.index }
    }

    /// The interface that has an index now.
    public subscript(index: UInt32) -> NodeInterface? {
        guard let place = places[index], place.goneAt == nil else { return nil }
        return place.interface
    }

    /// The interface that a frame came by.
    ///
    /// - Parameter time: when the frame was captured.
    /// - Returns: nil where the interface is unknown, or was not known yet at that time and the
    ///   index may have been another's.
    public func interface(of index: UInt32, at time: Timestamp) -> NodeInterface? {
        guard let place = places[index] else { return nil }
        if let since = place.since, time < since { return nil }
        return place.interface
    }

    /// The time from which on frames with this index belong to the interface that has it now;
    /// `.distantPast`: all of them.
    public func knownSince(_ index: UInt32) -> Timestamp {
        places[index]?.since ?? .distantPast
    }

    /// The interface with a number of this table, even shortly after it is gone.
    public func interface(port: UInt32) -> NodeInterface? {
        places.values.first { $0.interface.port == port }?.interface
    }

    /// Adds or updates an interface.
    ///
    /// - Parameters:
    ///   - time: when the change was received.
    ///   - isComplete: whether every change since the last was received; if not, the index may have
    ///     been reused.
    /// - Returns: whether anything has changed.
    @discardableResult
    public mutating func note(
        _ given: NodeInterface, at time: Timestamp, isComplete: Bool = true
    ) -> Bool {
        var interface = given
        let before = places[given.index]
        if let before, before.goneAt == nil, isComplete || before.interface.isSame(as: given) {
            interface.port = before.interface.port
            guard interface != before.interface else { return false }
            places[given.index]?.interface = interface
        } else {
            lastPort += 1
            interface.port = lastPort
            places[given.index] = Place(
                interface: interface, since: before == nil ? nil : time, goneAt: nil)
        }
        version += 1
        return true
    }

    /// Removes an interface that is gone.
    @discardableResult
    public mutating func remove(_ index: UInt32, at time: Timestamp) -> Bool {
        guard let place = places[index], place.goneAt == nil else { return false }
        places[index]?.goneAt = time
        version += 1
        forget(before: time - Self.memory)
        return true
    }

    /// Applies the whole list, after changes were missed.
    @discardableResult
    public mutating func replace(with list: [NodeInterface], at time: Timestamp) -> Bool {
        let present = Set(list.map(\.index))
        var isNew = false
        for (index, place) in places where place.goneAt == nil && !present.contains(index) {
            if remove(index, at: time) { isNew = true }
        }
        for interface in list where note(interface, at: time, isComplete: false) { isNew = true }
        return isNew
    }

    private mutating func forget(before time: Timestamp) {
        guard places.values.contains(where: { $0.goneAt.map { $0 < time } ?? false }) else {
            return
        }
        places = places.filter { $0.value.goneAt.map { $0 >= time } ?? true }
    }
}
