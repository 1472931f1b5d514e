import FlowHistory
import FlowMetering
import Foundation
import Logging
import NetworkAddresses
import Timestamps

/// `write DIR COUNT`: writes flows to a history as a monitor does.
/// `send PORT COUNT`: sends the same flows as NetFlow 5 to a collector on this machine, two
/// records for each, one for each direction.
/// `query DIR`: times queries.
@main
struct Bench {
    static func main() throws {
        let words = CommandLine.arguments
        guard words.count >= 3 else { fatalError("write DIR COUNT, send PORT COUNT or query DIR") }
        let count = words.count > 3 ? Int(words[3]) ?? 0 : 0
        switch words[1] {
        case "write": write(words[2], count)
        case "send": try send(UInt16(words[2]) ?? 0, count)
        default: try query(words[2])
        }
    }

    private static func write(_ directory: String, _ count: Int) {
        var options = HistoryOptions()
        options.age = .seconds(400 * 86_400)
        options.bytes = 8 << 30
        let writer = HistoryWriter(
            directory: directory, options: options, logger: Logger(label: "history")
        ) { address, _ in Flows.name(of: address) }
        var flows = Flows(count: count, seed: 1)
        let began = ContinuousClock.now
        var left = count
        while left > 0 {
            let size = min(4096, left)
            let batch = (0..<size).map { _ in flows.next() }
            // Faster than the disk: wait instead of dropping flows, so that all are measured.
            while writer.status.waiting + size > 200_000 { Thread.sleep(forTimeInterval: 0.01) }
            writer.submit(batch)
            left -= size
        }
        writer.stop()
        let seconds = (ContinuousClock.now - began) / .seconds(1)
        var used = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used)
        let cpu = Double(used.tv_sec) + Double(used.tv_nsec) / 1e9
        let status = writer.status
        let bytes =
            (try? FileManager.default.attributesOfItem(atPath: directory + "/flows.db")[.size]
                as? Int) ?? 0
        print(
            "flows \(status.written) lost \(status.lost) seconds \(seconds) per_second",
            Int(Double(status.written) / seconds), "cpu_seconds \(cpu) bytes \(bytes) per_flow",
            Double(bytes) / Double(max(1, status.written)))
    }

    private static func query(_ directory: String) throws {
        let reader = HistoryReader(directory: directory)
        func time(_ name: String, _ query: FlowQuery, limit: Int) throws {
            let began = ContinuousClock.now
            var (found, pages) = (0, 0)
            var before: Int64?
            repeat {
                let page = try reader.page(query, before: before, limit: 1000)
                found += page.rows.count
                pages += 1
                before = page.before
            } while before != nil && found < limit
            let seconds = (ContinuousClock.now - began) / .seconds(1)
            print("\(name): \(found) flows, \(pages) pages, \(seconds) s")
        }
        // By address and time range, by port alone, by peer.
        var query = FlowQuery()
        query.workload = .init("10.0.9.3")
        query.from = Flows.first + .seconds(5 * 86_400 + 15 * 3600)
        query.to = Flows.first + .seconds(5 * 86_400 + 15 * 3600 + 600)
        try time("ten minutes of one address", query, limit: .max)
        query.workload = .init("workload-9")
        try time("ten minutes of one workload", query, limit: .max)
        query.peer = .init("workload-30")
        query.from = nil
        query.to = nil
        try time("two workloads, seven days, the latest 1000", query, limit: 1000)
        query.workload = nil
        query.peer = .init("198.0.0.5")
        try time("one outside address, seven days", query, limit: .max)
        query.peer = .init("198.0.0.0/24")
        try time("one outside network of 24 bits, seven days, the latest 1000", query, limit: 1000)
        query.peer = nil
        query.port = .init("tcp/9")
        try time("a port that no flow has, seven days", query, limit: .max)
        query.port = .init("tcp/5390")
        try time("a port of one flow in 120, seven days, the latest 1000", query, limit: 1000)
        query.peer = .init("10.0.39.9")
        try time("that port, of an address that no flow has", query, limit: .max)
        query.peer = .init("198.0.0.5")
        query.port = .init("tcp/9")
        try time("neither port nor address has a flow", query, limit: .max)
        query.peer = .init("10.0.198.2")
        query.port = .init("tcp/5390")
        try time("that port, of the address with the fewest flows, seven days", query, limit: .max)
    }

    // MARK: - NetFlow 5 (Cisco), 30 records of 48 bytes in a message

    private static func send(_ port: UInt16, _ count: Int) throws {
        let socket = Foundation.socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var flows = Flows(count: count, seed: 1)
        var (sequence, records) = (UInt32(0), [UInt8]())
        func flush(_ now: Timestamp) {
            let size = records.count / 48
            guard size > 0 else { return }
            var message: [UInt8] = []
            message.append(5, 2)
            message.append(UInt64(size), 2)
            message.append(4_000_000, 4)  // Milliseconds since the exporter started.
            message.append(UInt64(now.second), 4)
            message.append(UInt64(now.nanosecondOfSecond), 4)
            message.append(UInt64(sequence), 4)
            message.append(0, 4)
            sequence &+= UInt32(size)
            let bytes = message + records
            _ = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    sendto(
                        socket, bytes, bytes.count, 0, $0,
                        socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            records = []
            // The collector's buffer must not overflow.
            if sequence % 6000 < 30 { usleep(30_000) }
        }
        for _ in 0..<count {
            let flow = flows.next()
            for isForward in [true, false] {
                records.append(
                    flow, isForward: isForward, now: flow.end, boot: 4_000_000)
            }
            if records.count >= 28 * 48 { flush(flow.end) }
        }
        flush(Flows.first + .seconds(7 * 86_400))
    }
}

extension [UInt8] {
    fileprivate mutating func append(_ value: UInt64, _ width: Int) {
        for index in (0..<width).reversed() {
            append(UInt8(truncatingIfNeeded: value >> (8 * UInt64(index))))
        }
    }

    fileprivate mutating func append(
        _ flow: FlowEntry, isForward: Bool, now: Timestamp, boot: Int64
    ) {
        func age(_ time: Timestamp) -> UInt64 {
            UInt64(Swift.max(0, boot - (now - time).wholeMilliseconds))
        }
        append(UInt64((isForward ? flow.originator : flow.responder).v4), 4)
        append(UInt64((isForward ? flow.responder : flow.originator).v4), 4)
        append(0, 8)
        append(isForward ? flow.originatorPackets : flow.responderPackets, 4)
        append(isForward ? flow.originatorBytes : flow.responderBytes, 4)
        append(age(flow.start), 4)
        append(age(flow.end), 4)
        append(UInt64(isForward ? flow.originatorPort : flow.responderPort), 2)
        append(UInt64(isForward ? flow.responderPort : flow.originatorPort), 2)
        append(0, 1)
        append(0x1B, 1)
        append(UInt64(flow.ipProtocol), 1)
        append(0, 9)
    }
}
