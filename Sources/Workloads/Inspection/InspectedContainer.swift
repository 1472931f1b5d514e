/// A container as `docker inspect`, `podman inspect` and the engines' interface describe it
/// (`GET /containers/ID/json`): the fields that are used here, for its settings and its image.
package struct InspectedContainer: Decodable {
    package struct Configuration: Decodable {
        package var Image: String?
        package var User: String?
        package var Env: [String]?
        package var Labels: [String: String]?
    }

    struct Condition: Decodable {
        var Running: Bool?
    }

    package struct Host: Decodable {
        package var Privileged: Bool?
        package var CapAdd: [String]?
        package var CapDrop: [String]?
        package var SecurityOpt: [String]?
        package var NetworkMode: String?
        package var PidMode: String?
        package var IpcMode: String?
        package var UsernsMode: String?
        package var Devices: [Device]?
    }

    package struct Device: Decodable {
        package var PathOnHost: String?
    }

    package struct Mount: Decodable {
        package var `Type`: String?
        package var Source: String?
        package var Destination: String?
        package var RW: Bool?
    }

    package struct Networking: Decodable {
        package struct Endpoint: Decodable {}

        package var Networks: [String: Endpoint?]?
        /// By port and protocol, such as `80/tcp`; nil: not published.
        package var Ports: [String: [Binding]?]?
    }

    package struct Binding: Decodable {
        package var HostIp: String?
        package var HostPort: String?
    }

    package var Id: String
    package var Name: String?
    /// The digest of its image.
    package var Image: String?
    /// The digest of the image's manifest (`podman inspect`, and Docker with containerd's images).
    var ImageDigest: String?
    var ImageManifestDescriptor: EngineContainer.Descriptor?
    var State: Condition?
    /// The image's reference (`podman inspect`).
    package var ImageName: String?
    /// The runtime (`podman inspect`); nil in Docker's answers.
    package var OCIRuntime: String?
    package var AppArmorProfile: String?
    /// All capabilities (`podman inspect`); nil in Docker's answers.
    package var EffectiveCaps: [String]?
    package var Config: Configuration?
    package var HostConfig: Host
    package var Mounts: [Mount]?
    package var NetworkSettings: Networking?

    package var name: String { String((Name ?? Id).drop { $0 == "/" }) }
    package var reference: String { Config?.Image ?? ImageName ?? "" }
    /// Whether it runs, as far as it is said.
    var isRunning: Bool { State?.Running != false }
    /// The container whose network it uses, by identifier or name; nil: none.
    package var sharesNetworkOf: String? {
        let mode = HostConfig.NetworkMode ?? ""
        return mode.hasPrefix("container:") ? String(mode.dropFirst("container:".count)) : nil
    }

    /// The name of its workload.
    ///
    /// - Parameter imageLabels: those that it has from its image; nil: unknown.
    package func workload(
        _ naming: WorkloadNaming, imageLabels: [String: String]? = nil
    ) -> String {
        naming.workload(
            ofContainer: Id, name: name, image: reference, labels: Config?.Labels ?? [:],
            imageLabels: imageLabels)
    }

    /// The options of `SecurityOpt`, old forms with `:` included, without inline profiles.
    package var options: [String: String] {
        var options: [String: String] = [:]
        for option in HostConfig.SecurityOpt ?? [] {
            let end = option.firstIndex { $0 == "=" || $0 == ":" } ?? option.endIndex
            options[String(option[..<end])] = String(option[end...].dropFirst())
        }
        return options
    }

    /// Names of capabilities as the kernel has them, without `CAP_`.
    package static func names(_ capabilities: [String]?) -> [String] {
        (capabilities ?? []).map {
            let name = $0.uppercased()
            return name.hasPrefix("CAP_") ? String(name.dropFirst(4)) : name
        }
    }
}
