/// Linux capabilities (capabilities(7)).
enum Capabilities {
    /// Those that a container gets from Docker or containerd without asking.
    private static let usual: Set = [
        "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD",
        "NET_BIND_SERVICE", "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
    ]

    /// Those of `added` that are more than a container usually has.
    static func dangerous(_ added: [String]) -> [String] {
        Set(added).subtracting(usual).sorted()
    }

    /// Whether a capability alone suffices to control the node.
    static func isLikeRoot(_ name: String) -> Bool {
        [
            "ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO", "DAC_READ_SEARCH", "BPF",
            "SYS_BOOT",
        ].contains(name)
    }
}

/// Paths of the node that a container sees.
enum NodePath {
    private static let sockets: Set = [
        "docker.sock", "podman.sock", "containerd.sock", "crio.sock", "cri-dockerd.sock",
        "buildkitd.sock",
    ]
    /// Folders with a socket of an engine somewhere in them.
    private static let holders: Set = [
        "/", "/run", "/var", "/var/run", "/run/docker", "/run/podman", "/run/containerd",
        "/run/crio", "/var/run/docker", "/var/run/podman", "/var/run/containerd", "/var/run/crio",
    ]
    /// Folders whose change gives control of the node.
    private static let roots = [
        "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/root", "/sbin", "/bin", "/sys",
        "/usr", "/var/lib/docker", "/var/lib/containers", "/var/lib/kubelet", "/var/lib/containerd",
    ]
    /// Files of the node that many containers read, and that tell nothing.
    private static let harmless: Set = ["/etc/localtime", "/etc/timezone"]

    /// - Parameter socket: of the engine, if its path is known.
    static func result(
        _ source: String, isReadOnly: Bool, mend: String, socket: String? = nil
    ) -> PostureResult? {
        let path = normalized(source)
        if harmless.contains(path), isReadOnly { return nil }
        let name = path.split(separator: "/").last.map(String.init) ?? ""
        let own = socket.map(normalized)
        if sockets.contains(name) || own == path {
            // A read-only mount of a socket can still be written to.
            return PostureResult(.engineSocket, path, mend: mend)
        }
        if holders.contains(path) || own?.hasPrefix(path + "/") ?? false {
            return PostureResult(.engineSocket, path + " (contains it)", mend: mend)
        }
        let isOfSystem = roots.contains { path == $0 || path.hasPrefix($0 + "/") }
        return PostureResult(
            .hostPath, path + (isReadOnly ? " (read-only)" : ""), mend: mend,
            severity: isOfSystem ? (isReadOnly ? .medium : .high) : .low)
    }

    /// Without empty parts, `.` and `..`.
    private static func normalized(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }
}

/// Names of variables that hold secrets.
enum SecretName {
    private static let words = [
        "PASSWORD", "PASSWD", "SECRET", "TOKEN", "API_KEY", "APIKEY", "PRIVATE_KEY", "ACCESS_KEY",
        "CREDENTIALS",
    ]

    /// A variable that names a file with the secret is how it should be.
    static func isLikely(_ name: some StringProtocol) -> Bool {
        let name = name.uppercased()
        return words.contains { name.contains($0) }
            && !["_FILE", "_PATH", "_NAME", "_TTL", "_URL"].contains { name.hasSuffix($0) }
    }
}

/// References of images.
enum ImageTag {
    /// Whether a reference means another image when its tag moves: `latest`, or none.
    static func moves(_ reference: String) -> Bool {
        guard !reference.isEmpty, !reference.contains("@") else { return false }
        if reference.count >= 12, reference.allSatisfy(\.isHexDigit) { return false }
        let name = reference.split(separator: "/").last ?? ""
        guard let colon = name.lastIndex(of: ":") else { return true }
        return name[colon...] == ":latest"
    }
}
