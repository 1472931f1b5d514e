/// How flow records are written.
package enum FlowFormat: String, Sendable, CaseIterable {
    case table, csv, json, zeek, eve, ipfix
}
