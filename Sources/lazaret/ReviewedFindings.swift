import AnomalyModel
import BaselineGraph
import FoundationEssentials
import NetworkAddresses
import Offline
import PacketCapture
import PacketDecoding
import SystemPackage
import SystemSupport
import Workloads

/// Findings of `lazaret check --format json` that a review accepts.
struct ReviewedFindings {
    private struct Report: Decodable {
        var model: String
        var findings: [Finding]
    }

    private struct Finding: Decodable {
        var kind: String
        var contacts: [Contact]?
        var names: [Name]?
    }

    private struct Contact: Decodable {
        var workload: String
        var addresses: [String]
        var peer: String
        var peerAddresses: [String]
        var transport: String
        var port: UInt16?

        enum CodingKeys: String, CodingKey {
            case workload, addresses, peer, transport, port
            case peerAddresses = "peer_addresses"
        }
    }

    private struct Name: Decodable { var name: String }

    /// The greatest size of a file in bytes: that of the most contacts and names that are listed.
    private static let largestFile = 64 << 20

    private let path: String
    private let report: Report

    /// - Throws: `.input` if the file is no report of findings.
    init(path: String) throws {
        self.path = path
        let bytes: [UInt8]
        do { bytes = try Files.read(path, limit: Self.largestFile) } catch {
            guard error != .interrupted else { throw CaptureError.interrupted }
            throw IOError.input(path: path, reason: "\(error)")
        }
        guard let report = try? JSONDecoder().decode(Report.self, from: Data(bytes)) else {
            throw IOError.input(
                path: path, reason: "is not a report; 'lazaret check --format json' writes one")
        }
        self.report = report
    }

    /// The volumes, which cannot be accepted.
    var volumeCount: Int {
        report.findings.count { $0.kind == BaselineCheck.Kind.volume.rawValue }
    }

    /// Adds the contacts and names to a model.
    ///
    /// - Returns: the model, and a line for each contact and name.
    /// - Throws: `.input` if the findings are of another model, or the inventory names an address
    ///   otherwise than the report.
    func added(to model: Model, inventory: Inventory) throws -> (Model, accepted: [String]) {
        guard report.model == model.identifier else {
            throw fail("has findings of model \(report.model), not of \(model.identifier)")
        }
        let identities = IdentityMap(inventory: inventory)
        var approved = model
        var accepted: [String] = []
        for finding in report.findings {
            for contact in finding.contacts ?? [] {
                let service = try service(contact)
                let sources = try addresses(contact.addresses, of: contact.workload, identities)
                for peer in try addresses(contact.peerAddresses, of: contact.peer, identities) {
                    approved.accept(from: sources[0], to: peer, service, inventory: inventory)
                }
                let place =
                    contact.peer == IdentityMap.outside
                    ? " (\(contact.peerAddresses.joined(separator: ", ")))" : ""
                accepted.append("\(contact.workload) -> \(contact.peer)\(place) \(service)")
            }
            for name in finding.names ?? [] {
                guard let digest = NameDigest(ofName: name.name) else {
                    throw fail("'\(name.name)' is no DNS name")
                }
                approved.accept(digest)
                accepted.append("name \(name.name)")
            }
        }
        guard !accepted.isEmpty else { throw fail("has no contact and no name to accept") }
        return (approved, accepted)
    }

    private func fail(_ reason: String) -> IOError { IOError.input(path: path, reason: reason) }

    private func service(_ contact: Contact) throws -> Service {
        guard let number = Service.protocolNumber(contact.transport),
            !Service.hasPorts(number) || contact.port != nil
        else { throw fail("'\(contact.transport)' is no protocol, or has no port") }
        return Service(ipProtocol: number, port: contact.port ?? 0)
    }

    /// At least one address, each of which the inventory names as the report does.
    private func addresses(
        _ texts: [String], of name: String, _ identities: IdentityMap
    ) throws -> [IPAddress] {
        guard !texts.isEmpty else { throw fail("has no address of '\(name)'") }
        return try texts.map { text in
            guard let address = IPAddress(text) else { throw fail("'\(text)' is no address") }
            let known = identities.identity(of: address).name
            guard known == name else {
                throw fail(
                    "has '\(name)' at \(address), which the inventory names '\(known)'; give the "
                        + "inventory of the check with --inventory")
            }
            return address
        }
    }
}
