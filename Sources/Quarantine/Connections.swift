extension Firewall {
    mutating func flushConnections(_ changes: [FenceChange]) throws(QuarantineError) {}
}
