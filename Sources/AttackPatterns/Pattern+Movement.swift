import FeatureExtraction

/// From host to host inside.
extension Pattern {
    /// The services by which people and tools use another host (T1021): SSH, telnet, RPC, SMB,
    /// RDP, VNC, WinRM.
    private static let remoteServices: Set<UInt16> = [
        22, 23, 135, 139, 445, 3389, 5900, 5985, 5986,
    ]

    /// The least number of new contacts that are more than a new release or a test.
    private static let leastMoves: Float = 3

    /// The strength of movement from host to host: several contacts that the baseline never used,
    /// or one with a service of remote use. Fewer others are contacts never seen before.
    func movement(_ window: Window) -> Float {
        let answered = window[.newEdges] - window[.newEdgeFailed]
        guard window[.newOutsidePeers] == 0, answered > 0 else { return 0 }
        let contact = window.newContact
        let isRemoteUse =
            contact.second >= window.startSecond && contact.ipProtocol == 6
            && Self.remoteServices.contains(contact.port)
        return answered >= Self.leastMoves || isRemoteUse ? window[.newEdges] : 0
    }
}
