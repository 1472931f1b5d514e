internal import NetworkAddresses
internal import Glibc
internal import HTTPServer
internal import SystemSupport

extension ControlOptions {
    /// The number of a user; nil: the user does not exist.
    public static func number(ofUser name: String) -> UInt32? {
        // SAFETY: the entry is read before another call could change it.
        guard let entry = unsafe getpwnam(name) else { return nil }
        return unsafe entry.pointee.pw_uid
    }

    /// The numbers of the operators.
    ///
    /// - Throws: if one is no user.
    public func operatorNumbers() throws(ConfigurationError) -> Set<UInt32> {
        try Self.numbers(of: operators, "control.operators")
    }

    /// The numbers of the users that may override protection.
    ///
    /// - Throws: where a user does not exist.
    public func overriderNumbers() throws(ConfigurationError) -> Set<UInt32> {
        try Self.numbers(of: overriders, "control.may_force")
    }

    private static func numbers(
        of names: [String], _ key: String
    ) throws(ConfigurationError) -> Set<UInt32> {
        var numbers: Set<UInt32> = []
        for name in names {
            guard let number = number(ofUser: name) else {
                throw ConfigurationError(path: key, reason: "user '\(name)' does not exist")
            }
            numbers.insert(number)
        }
        return numbers
    }

    /// The token for acting by the port; nil: no file is configured.
    ///
    /// - Throws: if the file cannot be read, is not one word, or is readable by others.
    public func token() throws(ConfigurationError) -> String? {
        try tokenFile.map { path throws(ConfigurationError) in try Self.token(in: path) }
    }

    /// The token for reading by the port; nil: no file is configured.
    ///
    /// - Throws: the same, and if it is the token for acting.
    public func readToken() throws(ConfigurationError) -> String? {
        guard let path = readTokenFile else { return nil }
        let token = try Self.token(in: path)
        guard try token != self.token() else {
            throw ConfigurationError(
                path: path, reason: "holds the token of token_file: whoever reads could act")
        }
        return token
    }

    private static func token(in path: String) throws(ConfigurationError) -> String {
        let hint = "the token cannot be read; make one: umask 077; openssl rand -hex 24 > \(path)"
        let text = try secret(in: path, hint: hint).trimmed
        guard text.count >= 16, !text.contains(where: \.isWhitespace) else {
            throw ConfigurationError(
                path: path, reason: "a token is one word of at least 16 characters")
        }
        return text
    }

    /// The text of a file that others must not be able to read.
    private static func secret(
        in path: String, hint: String
    ) throws(ConfigurationError) -> String {
        do throws(SecretFault) {
            return String(decoding: try Files.readSecret(path), as: UTF8.self)
        } catch {
            throw ConfigurationError(
                path: path, reason: error == .unreadable ? hint : "\(error)")
        }
    }

    /// The port's certificate and its private key as PEM; nil: no TLS.
    ///
    /// - Throws: if one of the files cannot be read, or others can read the key.
    public func identity() throws(ConfigurationError) -> (certificate: String, key: String)? {
        guard let certificateFile, let keyFile else { return nil }
        guard let bytes = try? InputFile.bytes(of: certificateFile, limit: 1 << 20) else {
            throw ConfigurationError(path: certificateFile, reason: "cannot be read")
        }
        let certificate = String(decoding: bytes, as: UTF8.self)
        let key = try Self.secret(in: keyFile, hint: "cannot be read")
        for (path, text, kind) in [
            (certificateFile, certificate, "CERTIFICATE"), (keyFile, key, "PRIVATE KEY"),
        ] where !text.contains("\(kind)-----") || text.utf8.contains(0) {
            throw ConfigurationError(path: path, reason: "holds no \(kind) in PEM")
        }
        guard TLSIdentity(certificate: certificate, key: key).isUsable else {
            throw ConfigurationError(
                path: certificateFile,
                reason: "cannot be read as PEM, or does not belong to the key in \(keyFile)")
        }
        return (certificate, key)
    }

    /// What is wrong with the keys together; nil: nothing.
    var fault: String? {
        if (certificateFile == nil) != (keyFile == nil) {
            return "'certificate' and 'key' need each other"
        }
        guard port != nil else { return nil }
        if tokenFile == nil {
            return "'port' needs a 'token_file': clients must send its token"
        }
        // The Host of requests in clear must be one of these: a page could name another one.
        if certificateFile == nil, !["127.0.0.1", "::1"].contains("\(address)") {
            return "'listen: \(address)' needs 'certificate' and 'key': tokens must not be in clear"
        }
        return nil
    }
}
