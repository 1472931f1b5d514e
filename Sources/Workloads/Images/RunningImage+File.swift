internal import FoundationEssentials
public import SystemSupport

/// What a file describes: the output of `docker inspect` or `podman inspect` of containers and
/// images, or of `kubectl get pods -A -o json`.
private struct ImageDocument: Decodable {
    struct Unknown: Error {
        var reason: String
    }

    /// A container, or an image: the latter has a list of layers.
    struct Element: Decodable {
        struct Configuration: Decodable {
            var Image: String?
            var Labels: [String: String]?
        }

        struct State: Decodable {
            var Running: Bool?
        }

        var Id: String
        var Name: String?
        var Image: String?
        /// Of `podman inspect`.
        var ImageName: String?
        var ImageDigest: String?
        var ImageManifestDescriptor: EngineContainer.Descriptor?
        var State: State?
        var Config: Configuration?

        var name: String { String((Name ?? Id).drop { $0 == "/" }) }
        var reference: String { Config?.Image ?? ImageName ?? "" }
    }

    private enum Keys: String, CodingKey { case kind, items }
    private enum ImageKeys: String, CodingKey { case rootFS = "RootFS" }

    var containers: [Element] = []
    var images: [EngineImage] = []
    var pods: [KubernetesObject] = []

    init(from decoder: any Decoder) throws {
        if var list = try? decoder.unkeyedContainer() {
            while !list.isAtEnd { try add(list.currentIndex + 1, list.superDecoder()) }
            return
        }
        guard let values = try? decoder.container(keyedBy: Keys.self),
            let kind = try? values.decode(String.self, forKey: .kind)
        else { throw Unknown(reason: "it has neither a list of containers nor a 'kind'") }
        guard kind != "Pod" else {
            pods = [try KubernetesObject(from: decoder)]
            return
        }
        guard kind == "List" || kind == "PodList", values.contains(.items) else {
            throw Unknown(reason: "kind '\(WorkloadNaming.printable(kind))' has no images")
        }
        var items = try values.nestedUnkeyedContainer(forKey: .items)
        while !items.isAtEnd {
            let item = try items.superDecoder()
            let own = try? item.container(keyedBy: Keys.self).decode(String.self, forKey: .kind)
            if (own ?? "Pod") == "Pod" { pods.append(try KubernetesObject(from: item)) }
        }
    }

    private mutating func add(_ number: Int, _ decoder: any Decoder) throws {
        guard let keys = try? decoder.container(keyedBy: ImageKeys.self) else {
            throw Unknown(reason: "element \(number) does not describe a container or image")
        }
        if keys.contains(.rootFS), let image = try? EngineImage(from: decoder) {
            images.append(image)
        } else if let container = try? Element(from: decoder), container.Config != nil {
            containers.append(container)
        } else {
            throw Unknown(reason: "element \(number) does not describe a container or image")
        }
    }
}

extension RunningImage {
    /// The greatest number of bytes of a file.
    private static let fileLimit: Int64 = 64 << 20

    /// The containers that a file describes; those that do not run are left out.
    ///
    /// - Throws: where it is no output of `docker inspect`, `podman inspect` or `kubectl get pods`.
    public static func all(
        inFile path: String, naming: WorkloadNaming
    ) throws(IOError) -> [RunningImage] {
        var file = try InputFile(path, limit: fileLimit)
        let bytes = try file.readToEnd()
        let document: ImageDocument
        do {
            document = try JSONDecoder().decode(ImageDocument.self, from: Data(bytes))
        } catch let error as ImageDocument.Unknown {
            throw .input(
                path: path,
                reason: error.reason + "; give the output of 'docker inspect', 'podman inspect' "
                    + "or 'kubectl get pods -A -o json'")
        } catch {
            throw .input(path: path, reason: "it is not whole JSON")
        }
        let images = document.images.map(\.identity)
        let containers = document.containers.filter { $0.State?.Running != false }.map { one in
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
            let workload = naming.workload(
                ofContainer: one.Id, name: one.name, image: one.reference,
                labels: one.Config?.Labels ?? [:], imageLabels: nil)
            return RunningImage(
                workload: workload, container: one.name, source: path, reference: one.reference,
                identity: identity)
        }
        return containers + document.pods.flatMap { $0.runningImages(naming, source: path) }
    }
}
