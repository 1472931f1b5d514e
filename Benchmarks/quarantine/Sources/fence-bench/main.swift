import Enforcement
import Glibc
import NetworkAddresses
import Quarantine
import Timestamps

// Times the actuator in its network namespace; run.sh creates one for it.

func seconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

/// The i-th of many targets that do not overlap, in no particular order.
func target(_ index: Int, isNet: Bool) -> QuarantineTarget {
    let scattered = UInt32((UInt64(index) * 2_654_435_761 & 0xFFFF_FFFF) >> 9 & 0x7F_FFFF)
    let address = IPAddress(v4: 11 << 24 + scattered << 1)
    return .prefix(
        isNet
            ? IPPrefix(IPAddress(v4: 12 << 24 + UInt32(index) << 2), length: 31)
            : IPPrefix(host: address))
}

func rules(_ range: Range<Int>, isNet: Bool) -> [QuarantineRule] {
    range.map { QuarantineRule(target: target($0, isNet: isNet), expires: .epoch + .seconds(3600)) }
}

func milliseconds(_ value: Double) -> String {
    let thousandths = Int((value * 1e6).rounded())
    return "\(thousandths / 1000).\(String(thousandths % 1000 + 1000).dropFirst()) ms"
}

func peakMegabytes() -> Int {
    var usage = rusage()
    getrusage(0, &usage)
    return usage.ru_maxrss / 1024
}

func percentiles(_ values: [Double]) -> String {
    let sorted = values.sorted()
    func at(_ share: Double) -> String {
        milliseconds(sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))])
    }
    return "p50 \(at(0.5)) p99 \(at(0.99)) max \(milliseconds(sorted[sorted.count - 1]))"
}

func run(_ mode: String, _ count: Int, isNet: Bool) throws(QuarantineError) {
    let kind = isNet ? "prefixes" : "hosts"
    var firewall = try Firewall()
    try firewall.install()
    let all = rules(0..<count, isNet: isNet)
    let changes = all.map(FirewallChange.put)
    var start = seconds()
    try firewall.apply(changes, now: .epoch)
    let fill = seconds() - start
    switch mode {
    case "fill":
        print("add \(count) \(kind) at once: \(milliseconds(fill)), peak \(peakMegabytes()) MB")
    case "single":
        var added: [Double] = []
        var removed: [Double] = []
        let rounds = isNet ? 50 : 5000
        for index in 0..<rounds {
            let rule = rules(count + index..<count + index + 1, isNet: isNet)[0]
            start = seconds()
            try firewall.apply([.put(rule)], now: .epoch)
            added.append(seconds() - start)
        }
        for index in 0..<rounds {
            let gone = QuarantineRule.Key(
                target: target(count + index, isNet: isNet), action: .drop)
            start = seconds()
            try firewall.apply([.remove(gone)], now: .epoch)
            removed.append(seconds() - start)
        }
        print("add one of \(kind) to \(count): \(percentiles(added))")
        print("remove one of \(kind) from \(count): \(percentiles(removed))")
    case "restore":
        start = seconds()
        try firewall.rebuild(all, now: .epoch)
        let rebuilt = seconds() - start
        start = seconds()
        let held = try firewall.elements()
        print(
            "restore \(count) \(kind) (new tables, one transaction): \(milliseconds(rebuilt)); "
                + "read back \(held.count): \(milliseconds(seconds() - start)), "
                + "peak \(peakMegabytes()) MB")
    default: print("modes: fill, single, restore")
    }
    try firewall.remove()
}

let words = CommandLine.arguments
guard words.count >= 3, let count = Int(words[2]) else {
    print("usage: fence-bench fill|single|restore COUNT [net]")
    exit(2)
}
do { try run(words[1], count, isNet: words.contains("net")) } catch {
    print("failed: \(error)")
    exit(1)
}
