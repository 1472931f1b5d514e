public import SenderAttribution

extension Window {
    /// The evidence that the subject sent the packets of the window.
    public var attribution: Attribution {
        Attribution(
            evidence: evidence, portName: portName.isEmpty ? nil : portName,
            handshakes: handshakeCount, forgedFrames: forgedCount, resets: resetCount)
    }
}
