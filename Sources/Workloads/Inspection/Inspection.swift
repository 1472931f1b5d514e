internal import FoundationEssentials
package import SystemSupport

/// What is used of a cluster's objects in a file.
package protocol InspectedObject {
    /// The command whose output has them.
    static var command: String { get }

    /// - Parameters:
    ///   - kind: such as `Pod`.
    ///   - number: the place in the list, counted from 1.
    /// - Returns: nil: the kind is not used.
    /// - Throws: `InspectionFault` where it is not as expected.
    init?(kind: String, number: Int, from decoder: any Decoder) throws
}

/// Why a file is no output of the programs that describe containers.
package struct InspectionFault: Error {
    package var reason: String

    package init(_ reason: String) { self.reason = reason }
}

/// The containers, images and objects in a file: the output of `docker inspect` or
/// `podman inspect`, or of `kubectl get … -o json`.
package struct Inspection<Object: InspectedObject>: Decodable {
    package private(set) var containers: [InspectedContainer] = []
    package private(set) var images: [EngineImage] = []
    package private(set) var objects: [Object] = []
    /// The kinds of objects that it has, or would have if there were any.
    package private(set) var kinds: Set<String> = []

    private enum Keys: String, CodingKey { case kind, items }
    private enum ImageKeys: String, CodingKey { case rootFS = "RootFS" }

    package init(from decoder: any Decoder) throws {
        if var list = try? decoder.unkeyedContainer() {
            while !list.isAtEnd { try add(list.currentIndex + 1, list.superDecoder()) }
            return
        }
        guard let values = try? decoder.container(keyedBy: Keys.self),
            let kind = try? values.decode(String.self, forKey: .kind)
        else { throw InspectionFault("it has neither a list of containers nor a 'kind'") }
        guard values.contains(.items) else {
            guard try add(kind, 1, decoder) else {
                throw InspectionFault("kind '\(WorkloadNaming.printable(kind))' is not used")
            }
            return
        }
        var items = try values.nestedUnkeyedContainer(forKey: .items)
        let itemKind = kind == "List" ? nil : kind.hasSuffix("List") ? kind.dropLast(4) : nil
        if let itemKind { kinds.insert(String(itemKind)) }
        while !items.isAtEnd {
            let number = items.currentIndex + 1
            let item = try items.superDecoder()
            let own = try? item.container(keyedBy: Keys.self).decode(String.self, forKey: .kind)
            _ = try add(own ?? itemKind.map(String.init) ?? "", number, item)
        }
    }

    /// Adds a container, or an image: the latter has a list of layers.
    private mutating func add(_ number: Int, _ decoder: any Decoder) throws {
        let keys = try? decoder.container(keyedBy: ImageKeys.self)
        if keys?.contains(.rootFS) == true, let image = try? EngineImage(from: decoder) {
            images.append(image)
        } else if let container = try? InspectedContainer(from: decoder) {
            containers.append(container)
        } else {
            throw InspectionFault("element \(number) does not describe a container")
        }
    }

    /// - Returns: false for a kind that is not used.
    private mutating func add(_ kind: String, _ number: Int, _ decoder: any Decoder) throws -> Bool
    {
        kinds.insert(kind)
        guard let object = try Object(kind: kind, number: number, from: decoder) else {
            return false
        }
        objects.append(object)
        return true
    }

    /// Reads a file of at most 64 MiB.
    ///
    /// - Throws: in one line what it is instead, and what to give.
    package init(file path: String) throws(IOError) {
        let bytes = try InputFile.bytes(of: path, limit: 64 << 20)
        do {
            self = try JSONDecoder().decode(Self.self, from: Data(bytes))
        } catch let error as InspectionFault {
            throw .input(
                path: path,
                reason: error.reason + "; give the output of 'docker inspect', 'podman inspect' "
                    + "or '\(Object.command)'")
        } catch {
            throw .input(path: path, reason: "it is not whole JSON")
        }
    }
}
