internal import Logging
internal import EventDelivery
internal import Glibc
internal import NetworkAddresses
internal import PacketCapture
internal import SystemPackage
internal import SystemSupport
internal import Synchronization
internal import TextFormats
internal import Workloads
internal import Timestamps

/// The thread that writes a recording. Each file is a pcapng section of its own, which starts with
/// all known names.
package final class RecordingThread: Sendable {
    /// How long packets wait, so that their senders' names precede them in the file.
    private static let hold = Interval.milliseconds(250)
    /// If fewer chunks than this are free, packets are written at once.
    private static let leastFree = 8

    private let options: RecordingOptions
    private let path: String
    private let queue: RecordingQueue
    private let logger: Logger
    private let ended = Signal()
    private let written = Atomic<UInt64>(0)
    private let waiting = Atomic<Int>(0)
    private let trouble = Mutex<String?>(nil)

    init(
        _ options: RecordingOptions, path: String, queue: RecordingQueue,
        logger: Logger
    ) throws(IOError) {
        self.options = options
        self.path = path
        self.queue = queue
        self.logger = logger
        let file = Mutex<File?>(try File(path, options))
        startThread { [self] in
            if let file = file.withLock({ $0.take() }) { work(file) }
            ended.raise()
        }
    }

    /// The prefix of the sink's name.
    package static let label = "packets to "

    var status: SinkStatus {
        SinkStatus(
            name: Self.label + path, written: written.load(ordering: .relaxed),
            dropped: queue.lost, waiting: waiting.load(ordering: .relaxed), lagSeconds: 0,
            trouble: trouble.withLock { $0 })
    }

    func stop() {
        queue.add(.stop)
        ended.wait(until: Clock.monotonic() + .seconds(5))
    }

    private struct Chunk {
        var bytes: [UInt8]
        var count: UInt64
        var interfaces: Int
        var time: Instant
    }

    private func work(_ file: consuming File) {
        var file = file
        var held: [Chunk] = []
        var isStopping = false
        while !isStopping {
            let (items, free) = queue.take(within: .milliseconds(50))
            for item in items {
                switch item {
                case .packets(let bytes, let count, let interfaces, let time):
                    held.append(
                        Chunk(bytes: bytes, count: count, interfaces: interfaces, time: time))
                // These may fit where packets do not: only packets show that the disk works.
                case .names(let change): if let failure = file.write(change) { log(failure) }
                case .note(let text):
                    if let failure = file.append(PcapNGBlock.names([], note: text)) {
                        log(failure)
                    }
                case .reopen: if let failure = file.reopenIfMoved() { log(failure) }
                case .stop: isStopping = true
                }
            }
            let now = Clock.monotonic()
            while let time = held.first?.time,
                isStopping || free < Self.leastFree || now - time >= Self.hold
            {
                var chunk = held.removeFirst()
                let failure = file.write(chunk.bytes, chunk.interfaces, queue)
                if failure == nil {
                    written.wrappingAdd(chunk.count, ordering: .relaxed)
                } else {
                    queue.noteLost(chunk.count)
                }
                log(failure)
                let bytes = chunk.bytes
                chunk.bytes = []
                queue.giveBack(bytes)
            }
            waiting.store(held.count, ordering: .relaxed)
        }
    }

    /// Logs a failure when it first occurs.
    private func log(_ failure: String?) {
        let isNew = trouble.withLock { trouble in
            defer { trouble = failure }
            return failure != nil && trouble == nil
        }
        if isNew, let failure {
            logger.error("\(path): \(failure); packets are not kept meanwhile")
        }
    }

    /// The current file, and the names with which the next one has to start.
    private struct File: ~Copyable {
        private let path: String
        private let options: RecordingOptions
        private var file: Descriptor?
        private var size = 0
        private var identity: (device: DeviceID, inode: Inode)?
        private var described = 0
        private var known = WorkloadChange()

        init(_ path: String, _ options: RecordingOptions) throws(IOError) {
            self.path = path
            self.options = options
            if let failure = begin() { throw .output(path: path, reason: failure) }
        }

        /// Writes whole blocks; starts a new file if this one would exceed its size.
        mutating func write(_ blocks: [UInt8], _ interfaces: Int, _ queue: RecordingQueue)
            -> String?
        {
            if size + blocks.count > options.size || file == nil, let failure = begin() {
                return failure
            }
            for block in queue.descriptions(described..<max(described, interfaces)) {
                if let failure = append(block) { return failure }
                described += 1
            }
            return append(blocks)
        }

        mutating func write(_ change: WorkloadChange) -> String? {
            for (address, holder) in change.holders {
                known.holders[address] = holder.map { .some($0) }
                known.times[address] = holder == nil ? nil : change.times[address]
            }
            if let networks = change.networks { known.networks = networks }
            return append(change)
        }

        private mutating func append(_ change: WorkloadChange) -> String? {
            for note in change.notes(limit: PcapNGBlock.noteLimit) {
                let told = WorkloadChange(note: note)
                let records = (told?.holders ?? [:]).sorted { $0.key < $1.key }.compactMap {
                    address, holder in holder.map { (address.bytes, $0.workload) }
                }
                if let failure = append(PcapNGBlock.names(records, note: note)) { return failure }
            }
            return nil
        }

        mutating func reopenIfMoved() -> String? {
            guard let facts = try? Files.status(path), let identity,
                (facts.deviceID, facts.inode) == identity
            else { return begin() }
            return nil
        }

        /// Starts a file. The existing one is rotated after the new one's header has been written.
        private mutating func begin() -> String? {
            if let found = try? Files.status(path, followsLink: false), found.type != .regular {
                return "is no plain file; name one"
            }
            // A deleted file frees its disk space only when it is closed.
            file = nil
            let part = path + ".part"
            try? Files.remove(part)
            do {
                file = Descriptor(
                    try OpenFile(
                        part, .writeOnly, [.create, .exclusiveCreate, .noFollow, .append]))
            } catch { return "\(error)" }
            size = 0
            described = 0
            let header = PcapNGBlock.section(
                application: "lazaret \(Version.text)",
                comment: "packets as lazaret monitor saw them, with the names of workloads")
            if let failure = append(header) ?? append(known) ?? move(part) {
                file = nil
                try? Files.remove(part)
                return failure
            }
            identity = (try? file?.file.status()).map { ($0.deviceID, $0.inode) }
            return nil
        }

        /// Renames `part` to the first name, after rotating old files up to the first unused name.
        private func move(_ part: String) -> String? {
            func name(_ number: Int) -> String { number == 0 ? path : "\(path).\(number)" }
            let free = (0..<options.kept).first { !Files.exists(name($0)) }
            for number in (0..<(free ?? options.kept)).reversed() {
                do { try Files.rename(name(number), to: name(number + 1)) } catch {
                    return "cannot be moved: \(error)"
                }
            }
            do { try Files.rename(part, to: path) } catch { return "\(error)" }
            return nil
        }

        /// Writes all of it or nothing.
        mutating func append(_ bytes: [UInt8]) -> String? {
            guard let file else { return "is not open" }
            let (count, failure) = file.file.writeAll(bytes.span)
            if let failure {
                // A partial block would make the rest of the file unreadable.
                if count > 0 { try? file.file.resize(to: size) }
                return "\(failure)"
            }
            size += count
            return nil
        }
    }
}
