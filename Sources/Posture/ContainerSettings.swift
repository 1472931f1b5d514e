internal import FoundationEssentials

/// The settings of a container as `docker inspect`, `podman inspect` and the engines' interface
/// describe it (`GET /containers/ID/json`): the fields that are assessed here.
struct ContainerSettings: Decodable {
    struct Configuration: Decodable {
        var Image: String?
        var User: String?
        var Env: [String]?
        var Labels: [String: String]?
    }

    struct Host: Decodable {
        var Privileged: Bool?
        var CapAdd: [String]?
        var CapDrop: [String]?
        var SecurityOpt: [String]?
        var NetworkMode: String?
        var PidMode: String?
        var IpcMode: String?
        var UsernsMode: String?
        var Devices: [Device]?
    }

    struct Device: Decodable {
        var PathOnHost: String?
    }

    struct Mount: Decodable {
        var `Type`: String?
        var Source: String?
        var Destination: String?
        var RW: Bool?
    }

    struct Networking: Decodable {
        struct Endpoint: Decodable {}

        var Networks: [String: Endpoint?]?
        /// By port and protocol, such as `80/tcp`; nil: not published.
        var Ports: [String: [Binding]?]?
    }

    struct Binding: Decodable {
        var HostIp: String?
        var HostPort: String?
    }

    var Id: String
    var Name: String?
    /// The digest of its image.
    var Image: String?
    /// The image's reference (`podman inspect`).
    var ImageName: String?
    /// The runtime (`podman inspect`); nil in Docker's answers.
    var OCIRuntime: String?
    var AppArmorProfile: String?
    /// All capabilities (`podman inspect`); nil in Docker's answers.
    var EffectiveCaps: [String]?
    var Config: Configuration?
    var HostConfig: Host
    var Mounts: [Mount]?
    var NetworkSettings: Networking?

    var name: String { String((Name ?? Id).drop { $0 == "/" }) }
    var reference: String { Config?.Image ?? ImageName ?? "" }
    /// The container whose network it uses, by identifier or name; nil: none.
    var sharesNetworkOf: String? {
        let mode = HostConfig.NetworkMode ?? ""
        return mode.hasPrefix("container:") ? String(mode.dropFirst("container:".count)) : nil
    }

    /// The options of `SecurityOpt`, old forms with `:` included, without inline profiles.
    var options: [String: String] {
        var options: [String: String] = [:]
        for option in HostConfig.SecurityOpt ?? [] {
            let end = option.firstIndex { $0 == "=" || $0 == ":" } ?? option.endIndex
            options[String(option[..<end])] = String(option[end...].dropFirst())
        }
        return options
    }

    /// Names of capabilities as the kernel has them, without `CAP_`.
    static func names(_ capabilities: [String]?) -> [String] {
        (capabilities ?? []).map {
            let name = $0.uppercased()
            return name.hasPrefix("CAP_") ? String(name.dropFirst(4)) : name
        }
    }
}

/// What is known about an engine.
struct EngineSettings {
    var isPodman: Bool
    /// Whether containers have a user namespace unless they refuse it; nil: unknown.
    var hasUserNamespaces: Bool?
    /// The path of its socket; nil: unknown.
    var socket: String?
}
