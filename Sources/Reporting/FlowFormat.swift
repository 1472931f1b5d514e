/// How flow records are written.
public enum FlowFormat: String, Sendable, CaseIterable {
    case table, csv, json, zeek, eve, ipfix
}
