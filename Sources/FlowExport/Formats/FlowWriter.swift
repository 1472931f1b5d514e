package import FlowMetering
package import NetworkAddresses
internal import TextFormats

/// Formats flow records in a buffer that its owner flushes.
package struct FlowWriter: ~Copyable {
    private let format: FlowFormat
    private let width: Int
    private let isColoured: Bool
    private var ipfix: FlowIPFIX
    private var identifier: UInt64 = 0
    private var text = FlowText()
    private let workload: ((IPAddress) -> String?)?
    private let isIdentified: Bool

    /// - Parameters:
    ///   - width: the width of a table in characters.
    ///   - datagrams: whether every IPFIX message must fit in a datagram.
    ///   - isIdentified: whether CSV has the Community ID, which takes as long as the rest of a
    ///     short flow. JSON, EVE and Zeek always have it.
    ///   - workload: names the workload of an address, for tables, CSV and JSON.
    package init(
        format: FlowFormat, width: Int = 120, isColoured: Bool = false, datagrams: Bool = false,
        isIdentified: Bool = false, workload: ((IPAddress) -> String?)? = nil
    ) {
        self.workload = workload
        self.isIdentified = isIdentified
        self.format = format
        self.width = width
        self.isColoured = isColoured
        ipfix =
            datagrams
            ? FlowIPFIX(messageLimit: 1400, templateInterval: 20) : FlowIPFIX()
        switch format {
        case .table: text.addTableHeader(width: width)
        case .csv: text.addCSVHeader(isNamed: workload != nil, isIdentified: isIdentified)
        case .zeek: text.addZeekHeader()
        case .json, .eve, .ipfix: break
        }
        if workload != nil, format == .table { text.addToLine("  WORKLOADS") }
    }

    /// The number of buffered bytes.
    package var count: Int { text.count }

    package mutating func add(_ flow: borrowing FlowRecord) {
        identifier &+= 1
        let key = flow.key
        let names = workload.map { ($0(key.originator), $0(key.responder)) }
        switch format {
        case .table:
            text.addTable(flow, width: width, isColoured: isColoured)
            if let names { text.addToLine("  \(names.0 ?? "-") > \(names.1 ?? "-")") }
        case .csv: text.addCSV(flow, names: names, isIdentified: isIdentified)
        case .json:
            text.addJSON(flow)
            guard let names else { return }
            var members = ""
            if let name = names.0 { members += ",\"orig_workload\":\(JSONObject.quoted(name))" }
            if let name = names.1 { members += ",\"resp_workload\":\(JSONObject.quoted(name))" }
            text.addToLine(members + "}", replacing: 1)
        case .zeek: text.addZeek(flow, flowIdentifier: identifier)
        case .eve: text.addEVE(flow, flowIdentifier: identifier)
        case .ipfix: ipfix.add(flow, to: &text)
        }
    }

    /// Passes the buffered bytes to `write` and clears the buffer. An open IPFIX message is closed
    /// first.
    package mutating func flush<Failure: Error>(
        _ write: (UnsafeRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        ipfix.close(&text)
        guard text.count > 0 else { return }
        unsafe try text.withBytes(write)
        text.removeAll()
    }

    /// Adds the format's footer.
    package mutating func finish() {
        if format == .zeek { text.addZeekFooter() }
    }
}
