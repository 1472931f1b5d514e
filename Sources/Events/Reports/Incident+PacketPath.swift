package import AnomalyDetection
internal import TextFormats

extension Incident {
    /// The path of the file with its packets: time, workload and first event.
    package func packetPath(in folder: String) -> String {
        let second = Int64(firstSecond)
        let time =
            UTC.date(second).filter { $0 != "-" } + "T" + UTC.clock(second).filter { $0 != ":" }
        // A name from an inventory may contain characters that are special in paths.
        let name = String(
            workload.utf8.prefix(48).map { byte -> Character in
                switch byte {
                case 48...57, 65...90, 97...122, 45, 46: Character(Unicode.Scalar(byte))
                default: "_"
                }
            })
        let whole = folder.hasSuffix("/") ? String(folder.dropLast()) : folder
        return "\(whole)/\(time)Z-\(name)-\(eventID).pcapng"
    }
}
