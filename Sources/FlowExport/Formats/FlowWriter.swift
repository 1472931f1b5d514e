package import FlowMetering

/// Formats flow records in a buffer that its owner flushes.
package struct FlowWriter: ~Copyable {
    private let format: FlowFormat
    private let width: Int
    private let isColoured: Bool
    private var ipfix: FlowIPFIX
    private var identifier: UInt64 = 0
    private var text = FlowText()

    /// - Parameters:
    ///   - width: the width of a table in characters.
    ///   - datagrams: whether every IPFIX message must fit in a datagram.
    package init(
        format: FlowFormat, width: Int = 120, isColoured: Bool = false, datagrams: Bool = false
    ) {
        self.format = format
        self.width = width
        self.isColoured = isColoured
        ipfix =
            datagrams
            ? FlowIPFIX(messageLimit: 1400, templateInterval: 20) : FlowIPFIX()
        switch format {
        case .table: text.addTableHeader(width: width)
        case .csv: text.addCSVHeader()
        case .zeek: text.addZeekHeader()
        case .json, .eve, .ipfix: break
        }
    }

    /// The number of buffered bytes.
    package var count: Int { text.count }

    package mutating func add(_ flow: borrowing FlowRecord) {
        identifier &+= 1
        switch format {
        case .table: text.addTable(flow, width: width, isColoured: isColoured)
        case .csv: text.addCSV(flow)
        case .json: text.addJSON(flow)
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
