internal import TextFormats

extension ClusterPlan {
    /// What is done, how it is undone, and the commands that undo it without a monitor.
    func description(
        of action: ResponseEntry.Action
    ) -> (effect: String, undo: String, commands: [String]) {
        func kubectl(_ words: String...) -> [String] { [Shell.line(["kubectl"] + words)] }
        let deployment = "deployment \(namespace)/\(object)"
        switch action {
        case .networkPolicy:
            let leaves =
                removed.isEmpty
                ? ""
                : "; it leaves its services and its ReplicaSet, which starts another pod (labels "
                    + removed.keys.sorted().joined(separator: ", ") + ")"
            return (
                "isolates pod \(title) by a NetworkPolicy of its own\(leaves)",
                "the policy and the label are removed"
                    + (removed.isEmpty ? "" : ", and its labels are restored"),
                NetworkPolicyAction.commands(self)
            )
        case .evict: return ("evicts pod \(title)", "nothing to undo", [])
        case .cordon:
            return (
                "keeps new pods from node \(object)", "the node takes pods again",
                kubectl("uncordon", object)
            )
        case .scale:
            let count = replicas ?? 1
            return (
                "scales \(deployment) from \(count) to 0: all of its replicas end",
                "it has \(count) replicas again",
                kubectl("-n", namespace, "scale", "deployment", object, "--replicas=\(count)")
            )
        case .revoke:
            return (
                "deletes RoleBinding \(namespace)/\(object)", "it is made again",
                ["kubectl create -f -    # the ledger has the object"]
            )
        case .evidence, .disconnect, .pause, .stop, .request, .exec, .wireguard, .crowdsec:
            return ("", "", [])
        }
    }
}
