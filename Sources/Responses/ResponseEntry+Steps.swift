internal import Timestamps

extension ResponseEntry {
    init(_ action: Action) {
        self.init()
        self.action = action
    }

    /// The steps of the entry's action.
    ///
    /// - Parameters:
    ///   - cluster: the cluster that the node belongs to; nil: none.
    ///   - folder: where evidence is kept.
    ///   - clock: the time by which the ledger counts.
    /// - Throws: `.failed` if the action needs a cluster and there is none.
    func steps(
        cluster: ClusterAddress?, evidence folder: String,
        clock: @escaping @Sendable () -> Timestamp = { Clock.now() }
    ) throws(ResponseError) -> any ResponseAction {
        switch action {
        case .evidence:
            return EvidenceAction(
                folder: folder, commits: commits ?? false,
                seconds: Int64((timeout ?? .seconds(120)).wholeSeconds), kept: kept ?? 20)
        case .disconnect: return DisconnectAction(exile: network)
        case .pause: return PauseAction()
        case .stop: return StopAction(grace: graceSeconds)
        case .request: return RequestAction()
        case .exec: return ExecAction()
        case .wireguard: return WireGuardAction()
        case .crowdsec: return CrowdSecAction(clock: clock)
        case .networkPolicy: return NetworkPolicyAction(cluster: try known(cluster))
        case .evict: return EvictAction(cluster: try known(cluster))
        case .cordon: return CordonAction(cluster: try known(cluster))
        case .scale: return ScaleAction(cluster: try known(cluster))
        case .revoke: return RevokeAction(cluster: try known(cluster))
        }
    }

    private func known(_ cluster: ClusterAddress?) throws(ResponseError) -> ClusterAddress {
        guard let cluster else {
            throw .failed("no cluster: 'workloads.kubernetes' says where its API is")
        }
        return cluster
    }
}
