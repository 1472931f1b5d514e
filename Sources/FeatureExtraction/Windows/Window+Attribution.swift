public import SenderAttribution

extension Window {
    public var attribution: Attribution {
        Attribution(
            evidence: evidence, portName: portName.isEmpty ? nil : portName,
            handshakes: handshakeCount, forgedFrames: forgedCount, resets: resetCount)
    }
}
