import FuzzSupport
import Indicators
import NetworkAddresses

@testable import IndicatorFiles

/// Reads the input as a list of indicators: addresses, hosts file, STIX or MISP. What is loaded is
/// found, and a file that is not used says why in one line.
@c(LLVMFuzzerTestOneInput)
public func fuzzIndicators(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let start, count > 0, let file = MemoryFile(start, count) else { return 0 }
    var lists = IndicatorLists(key: 1)
    let entry = IndicatorEntry(name: "list", path: file.path)
    guard let outcome = lists.read([entry], exempt: [IPPrefix("10.0.0.0/8")!]) else {
        fatalError("a first reading is always one")
    }
    precondition(outcome.reports.count == 1)
    for report in outcome.reports {
        precondition(isOneLine(report.text(at: .epoch)))
        for example in report.examples { precondition(isOneLine(example)) }
        if report.failure != nil { precondition(outcome.table.isEmpty) }
    }
    let table = outcome.table
    precondition(table.hit(IPAddress("10.1.2.3")!, at: 0) == nil, "an exempt address is listed")
    // The input's own bytes as a name of a DNS message, and as text.
    let bytes = Array(UnsafeBufferPointer(start: start, count: min(count, 255)))
    let number = table.names.find(bytes.span)
    if number != 0 { _ = table.hit(name: number, at: 0) }
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
        if let hit = table.hit(name: String(line), at: 0) { precondition(isOneLine(hit.value)) }
        if let address = IPAddress(String(line)) { _ = table.hit(address, at: 0) }
    }
    return 0
}
