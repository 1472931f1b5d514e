// Writes lists with COUNT entries to FOLDER, reads them, and measures time, memory and look-ups:
//     swift run -c release --package-path Benchmarks/indicators indicators-bench 1000000 /tmp/lists

import Foundation
import IndicatorFiles
import Indicators
import NetworkAddresses

/// xorshift64*: the same lists in each run.
struct Numbers {
    var state: UInt64
    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 2_685_821_657_736_338_717
    }
}

func megabytes(_ key: String) -> Int {
    let text = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix(key) } ?? ""
    return (Int(line.split(separator: " ").dropFirst().first ?? "") ?? 0) / 1024
}

/// 45 % IPv4 addresses, 15 % IPv4 networks, 5 % IPv6 networks, 35 % names.
func write(_ count: Int, to folder: String) throws {
    var numbers = Numbers(state: 42)
    func file(_ name: String, _ share: Int, _ line: (UInt64, Int) -> String) throws {
        var text = ""
        for index in 0..<(count * share / 100) { text += line(numbers.next(), index) + "\n" }
        try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/" + name))
    }
    func v4(_ value: UInt64) -> String { "\(IPAddress(v4: 0x2000_0000 | UInt32(value >> 35)))" }
    try file("addresses.ipset", 45) { value, _ in v4(value) }
    try file("networks.netset", 15) { value, _ in "\(v4(value))/\(22 + value % 10)" }
    try file("networks6.netset", 5) { value, _ in
        "\(IPAddress(high: 0x2A00_0000_0000_0000 | value >> 8, low: 0))/\(32 + value % 33)"
    }
    try file("hosts", 35) { value, index in
        "0.0.0.0 " + String(value, radix: 36)
            + ".d\(index % 5000).example.\(index % 3 == 0 ? "net" : "org")"
    }
}

/// The processor's time, so that other programs on the machine count little.
func nanoseconds(_ body: () -> Void) -> Double {
    func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
    }
    let start = now()
    body()
    return now() - start
}

let count = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 1_000_000
let folder = CommandLine.arguments.dropFirst(2).first ?? NSTemporaryDirectory() + "indicators"
try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
if !FileManager.default.fileExists(atPath: folder + "/hosts") {
    // In a process of its own, so that the lists' text is not in this one's memory.
    if CommandLine.arguments.contains("--write") {
        try write(count, to: folder)
        exit(0)
    }
    let writer = Process()
    writer.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    writer.arguments = ["\(count)", folder, "--write"]
    try writer.run()
    writer.waitUntilExit()
}

let before = megabytes("VmRSS")
var lists = IndicatorLists(key: 1)
var outcome: IndicatorLists.Outcome?
let load = nanoseconds {
    outcome = lists.read([IndicatorEntry(name: "bench", path: folder)], exempt: [])
}
guard let table = outcome?.table, let reports = outcome?.reports else { fatalError("no table") }
for report in outcome?.failures ?? [] { fatalError("\(report.name): \(report.failure ?? "")") }
let loaded = reports.reduce(0) { $0 + $1.loaded }
print("\(loaded) entries loaded, \(reports.reduce(0) { $0 + $1.refusedCount }) refused")
print(
    "load \(load / 1e9) s, process \(before) MB before, \(megabytes("VmRSS")) MB after, "
        + "\(megabytes("VmHWM")) MB at most; tables \(table.byteCount / 1_000_000) MB")

var numbers = Numbers(state: 7)
let probes = 1_000_000
let addresses = (0..<probes).map { _ in IPAddress(v4: UInt32(truncatingIfNeeded: numbers.next())) }
let addresses6 = (0..<probes).map { _ in
    IPAddress(high: 0x2A00_0000_0000_0000 | numbers.next() >> 8, low: numbers.next())
}
/// Half of the names are below a listed domain's siblings, so that most suffixes differ late.
let names = (0..<probes / 10).map { index in
    let labels = [
        "www", String(numbers.next() >> 20, radix: 36), "d\(index % 5000)", "example", "org",
    ]
    return labels.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
}
for round in 1...3 {
    var hits = (0, 0, 0)
    let v4 = nanoseconds {
        for address in addresses where table.set(of: address) != 0 { hits.0 += 1 }
    }
    let v6 = nanoseconds {
        for address in addresses6 where table.set(of: address) != 0 { hits.1 += 1 }
    }
    let name = nanoseconds {
        for name in names where table.names.find(name.span) != 0 { hits.2 += 1 }
    }
    print(
        "round \(round): IPv4 \(Int(v4) / probes) ns, IPv6 \(Int(v6) / probes) ns, "
            + "names of five labels \(Int(name) / names.count) ns; hits \(hits)")
}
