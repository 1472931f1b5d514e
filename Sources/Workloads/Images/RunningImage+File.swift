public import SystemSupport

/// A pod in a file, for the images of its containers.
private struct InspectedPod: InspectedObject {
    static let command = "kubectl get pods -A -o json"

    var pod: KubernetesObject

    init?(kind: String, number: Int, from decoder: any Decoder) throws {
        guard kind == "Pod" else { return nil }
        pod = try KubernetesObject(from: decoder)
    }
}

extension RunningImage {
    /// The containers that a file describes; those that do not run are left out.
    ///
    /// - Throws: where it is no output of `docker inspect`, `podman inspect` or `kubectl get pods`.
    public static func all(
        inFile path: String, naming: WorkloadNaming
    ) throws(IOError) -> [RunningImage] {
        let found = try Inspection<InspectedPod>(file: path)
        let images = found.images.map(\.identity)
        let containers = found.containers.filter(\.isRunning).map { one in
            var identity = ImageIdentity()
            identity.add(digest: one.Image)
            identity.add(digest: one.ImageDigest)
            identity.add(digest: one.ImageManifestDescriptor?.digest)
            identity.add(reference: one.reference)
            if let id = one.Image.flatMap(ImageIdentity.digest),
                let image = images.first(where: { $0.digests.contains(id) })
            {
                identity.add(image)
            }
            return RunningImage(
                workload: one.workload(naming), container: one.name, source: path,
                reference: one.reference, identity: identity)
        }
        return containers + found.objects.flatMap { $0.pod.runningImages(naming, source: path) }
    }
}
