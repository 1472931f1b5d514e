import Indicators
import NetworkAddresses
import SystemSupport

/// Reads one file into a table's builder.
struct ListReader: ~Copyable {
    static let longestLine = 4096
    /// The most bytes of a list; JSON takes more memory.
    static let mostBytes: Int64 = 256 << 20
    private static let mostBytesOfJSON: Int64 = 32 << 20
    private static let chunkSize = 1 << 18

    private(set) var report: ListReport
    private let source: UInt16
    private let confidence: UInt8
    private var file: InputFile
    /// The listing of a plain list's entries.
    private var listing: Listing
    /// Whether lines of a hosts file were read.
    private var hasHosts = false
    private var addressCount: UInt64 = 0

    /// A sixteenth of the IPv4 addresses, which is the most that a list may cover.
    private static let mostAddresses: UInt64 = 1 << 28

    init(_ report: ListReport, file: consuming InputFile, source: UInt16, confidence: Int) {
        self.report = report
        self.source = source
        self.confidence = UInt8(clamping: min(max(confidence, 0), 100))
        listing = Listing(source: source, confidence: self.confidence, last: file.modified)
        self.file = file
    }

    /// Reads the file.
    ///
    /// - Throws: where the file as a whole cannot be used; entries of it may have been added.
    mutating func read(into builder: inout IndicatorTableBuilder) throws(IOError) {
        var buffer = [UInt8](repeating: 0, count: Self.chunkSize)
        var count = try file.read(into: &buffer)
        // Editors on Windows begin a text with a mark of UTF-8, which is no part of its first line.
        if buffer[..<count].starts(with: [0xEF, 0xBB, 0xBF]) {
            buffer.removeFirst(3)
            count -= 3
        }
        let first = buffer[..<count].first { !Self.isBlank($0) && $0 != 10 && $0 != 13 }
        if first == UInt8(ascii: "{") || first == UInt8(ascii: "[") {
            return try readJSON(buffer[..<count], &builder)
        }
        report.format = "list"
        var rest: [UInt8] = []
        var isTooLong = false
        while count > 0 {
            var start = 0
            while let end = buffer[start..<count].firstIndex(of: 10) {
                if isTooLong {
                    report.refuse(.tooLong, [])
                } else if rest.isEmpty {
                    try line(buffer[start..<end], &builder)
                } else {
                    rest += buffer[start..<end]
                    try line(rest[...], &builder)
                }
                rest.removeAll(keepingCapacity: true)
                isTooLong = false
                start = end + 1
            }
            rest += buffer[start..<count]
            if rest.count > Self.longestLine {
                isTooLong = true
                rest.removeAll(keepingCapacity: true)
            }
            count = try file.read(into: &buffer)
        }
        guard rest.isEmpty, !isTooLong else {
            throw broken("ends in the middle of a line; a list ends with the end of a line")
        }
        try checkWhole(atEnd: true)
        if hasHosts { report.format = "hosts file" }
    }

    /// The seconds since 1970 at which the file was written.
    var modified: UInt32 { file.modified }

    func broken(_ reason: String) -> IOError { .input(path: file.path, reason: reason) }

    /// A text of another kind has some words that look like names.
    private func checkWhole(atEnd: Bool) throws(IOError) {
        let bad = report.refused[.unreadable] ?? 0
        guard bad > (atEnd ? 0 : 1000), bad > report.loaded else { return }
        throw broken(
            "is no list of addresses and names: of its entries, \(bad) are unreadable, such as "
                + "'\(report.examples.first ?? "")'")
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 }

    // MARK: - Lines

    private mutating func line(
        _ whole: ArraySlice<UInt8>, _ builder: inout IndicatorTableBuilder
    ) throws(IOError) {
        guard whole.count <= Self.longestLine else { return report.refuse(.tooLong, []) }
        var text = whole
        if let comment = text.firstIndex(where: {
            $0 == UInt8(ascii: "#") || $0 == UInt8(ascii: ";")
        }) {
            text = text[..<comment]
        }
        while let last = text.last, Self.isBlank(last) || last == 13 { text.removeLast() }
        while let first = text.first, Self.isBlank(first) { text.removeFirst() }
        guard !text.isEmpty else { return }
        if builder.isFull {
            throw broken("is beyond the \(IndicatorTableBuilder.mostEntries) entries of all lists")
        }
        if let end = text.firstIndex(where: Self.isBlank) {
            hosts(text[..<end], text[end...], &builder)
        } else if let prefix = AddressText.prefix(text) {
            try add(prefix, text, &builder)
        } else if let dash = text.firstIndex(of: UInt8(ascii: "-")),
            let range = AddressText.range(text[..<dash], text[(dash + 1)...])
        {
            for prefix in range { try add(prefix, text, &builder) }
        } else {
            report.count(builder.add(name: text, listing), text)
        }
        if report.refusedCount & 0x3FF == 0x3FF { try checkWhole(atEnd: false) }
    }

    private mutating func add(
        _ prefix: IPPrefix, _ text: ArraySlice<UInt8>, _ builder: inout IndicatorTableBuilder
    ) throws(IOError) {
        try add(prefix, text, listing, &builder)
    }

    mutating func add(
        _ prefix: IPPrefix, _ text: ArraySlice<UInt8>, _ listing: Listing,
        _ builder: inout IndicatorTableBuilder
    ) throws(IOError) {
        let refusal = builder.add(prefix, listing)
        report.count(refusal, text)
        guard refusal == nil, prefix.address.isIPv4 else { return }
        addressCount += 1 << UInt64(32 - prefix.length)
        guard addressCount <= Self.mostAddresses else {
            throw broken("covers more than a sixteenth of all IPv4 addresses")
        }
    }

    /// A line of a hosts file: an address that leads nowhere, then names.
    private mutating func hosts(
        _ address: ArraySlice<UInt8>, _ names: ArraySlice<UInt8>,
        _ builder: inout IndicatorTableBuilder
    ) {
        guard Self.sinks.contains(where: { address.elementsEqual($0.utf8) }) else {
            return report.refuse(.unreadable, address)
        }
        hasHosts = true
        for name in names.split(whereSeparator: Self.isBlank) where !Self.isLocal(name) {
            report.count(builder.add(name: name, listing), name)
        }
    }

    private static let sinks = [
        "0.0.0.0", "127.0.0.1", "::", "::1", "255.255.255.255", "fe80::1%lo0", "ff00::0", "ff02::1",
        "ff02::2", "ff02::3",
    ]

    /// The names that every hosts file has for the machine itself.
    private static func isLocal(_ name: ArraySlice<UInt8>) -> Bool {
        name.starts(with: "ip6-".utf8)
            || ["localhost", "localhost.localdomain", "local", "broadcasthost", "0.0.0.0"]
                .contains { name.elementsEqual($0.utf8) }
    }

    // MARK: - JSON

    private mutating func readJSON(
        _ begin: ArraySlice<UInt8>, _ builder: inout IndicatorTableBuilder
    ) throws(IOError) {
        guard file.version.size <= Self.mostBytesOfJSON else {
            throw broken(
                "has \(file.version.size) bytes; JSON has at most "
                    + "\(Self.mostBytesOfJSON >> 20) MiB")
        }
        let bytes = try file.readToEnd(after: begin)
        let document: IndicatorDocument
        do throws(DocumentError) { document = try IndicatorDocument(bytes) } catch {
            throw broken(error.reason)
        }
        report.format = document.format
        for entry in document.entries {
            if builder.isFull {
                throw broken(
                    "is beyond the \(IndicatorTableBuilder.mostEntries) entries of all lists")
            }
            try add(entry, &builder)
        }
    }

    private mutating func add(
        _ entry: IndicatorDocument.Entry, _ builder: inout IndicatorTableBuilder
    ) throws(IOError) {
        let text = Array(entry.value.utf8.prefix(Self.longestLine))[...]
        if let refusal = entry.refusal { return report.refuse(refusal, text) }
        let listing = Listing(
            source: source,
            confidence: entry.confidence.map { UInt8(clamping: min(max($0, 0), 100)) }
                ?? confidence,
            first: entry.first,
            // A time in the future would never be old.
            last: entry.last == 0 ? file.modified : min(entry.last, file.modified),
            until: entry.until)
        switch entry.kind {
        case .address:
            guard let prefix = AddressText.prefix(text) else {
                return report.refuse(.unreadable, text)
            }
            try add(prefix, text, listing, &builder)
        case .name: report.count(builder.add(name: text, listing), text)
        }
    }
}
