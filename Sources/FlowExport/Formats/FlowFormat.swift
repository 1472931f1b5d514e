/// The output format of flow records.
package enum FlowFormat: String, Sendable, CaseIterable {
    case table, csv, json, zeek, eve, ipfix
}
