internal import FoundationEssentials

/// What a response keeps in the ledger between its steps, as JSON with sorted keys.
protocol LedgerPlan: Codable, Sendable {}

extension LedgerPlan {
    /// - Throws: `.changed` if the record was damaged.
    init(_ record: ResponseRecord) throws(ResponseError) {
        do { self = try JSONDecoder().decode(Self.self, from: Data(record.undo.utf8)) } catch {
            throw .changed("the ledger's record of it is damaged")
        }
    }

    var text: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
}
