public import Workloads

extension ContainerIndex {
    /// The workload that an event is about.
    ///
    /// The first place that is known decides: identifiers come before names, which whoever starts
    /// a container chooses.
    ///
    /// - Parameter hasIdentifiers: whether the identifiers of all containers are known, so that the
    ///   name of one whose identifier is unknown is another's; false for an inventory file, which
    ///   has names only.
    public func workload(of event: ReportedEvent, hasIdentifiers: Bool) -> Match {
        var isIdentified = false
        for place in event.places {
            var match = Match.unknown
            switch place {
            case .container(let id):
                match = container(id)
                isIdentified = isIdentified || hasIdentifiers
            case .podUID(let uid): match = pod(uid: uid)
            case .pod(let namespace, let name):
                match = named("\(namespace)/\(name)")
                if match == .unknown, !hasIdentifiers {
                    match = named("\(namespace)/\(WorkloadNaming.owner(ofPod: name))")
                }
            case .name(let name): if !isIdentified { match = named(name) }
            // Only the table of processes leads on from there.
            case .process: break
            }
            if match != .unknown { return match }
        }
        return .unknown
    }
}
