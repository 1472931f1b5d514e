internal import Synchronization

extension MonitorHub {
    /// Why lines are not taken.
    public enum RuntimeEventRefusal: Error, Sendable, CustomStringConvertible {
        case notRunning, full

        public var description: String {
            switch self {
            case .notRunning: "the monitor is not running"
            case .full: "too many requests wait; send it again"
            }
        }
    }

    func connect(_ watch: RuntimeEventWatch) { runtimeEvents.withLock { $0 = watch } }

    /// Takes in lines of Falco, Tetragon or auditd; they are read a moment later.
    public func submit(runtimeEvents text: [UInt8]) throws(RuntimeEventRefusal) {
        guard let watch = runtimeEvents.withLock({ $0 }) else { throw .notRunning }
        guard watch.submit(text) else { throw .full }
    }
}
