import BaselineGraph
import FlowMetering
import NetworkAddresses
import PacketDecoding
import Workloads
import Timestamps

/// Logins: what the protocol says about them in clear, and otherwise the connections to services
/// that ask for one.
extension WindowTracker {
    /// The most seconds that a connection lasts which the server closes because of a refusal.
    private static let mostSeconds: Int64 = 60
    /// How soon a server ends a connection that it does not want: it has too many, or is a proxy
    /// without a target.
    private static let mostUntilEnd = Interval.seconds(10)
    static let loginEvents: FlowUpdate.Events = [
        .established, .closing, .loginRefused, .loginGranted,
    ]

    /// Counts a login that was granted or refused, or the begin or end of a connection.
    mutating func noteLogin(
        _ packet: Packet, _ update: FlowUpdate, _ slot: Int, _ now: inout Counters
    ) {
        let isFromClient = update.events.contains(.fromOriginator)
        let server = isFromClient ? packet.destination : packet.source
        let service = Service(
            ipProtocol: packet.ipProtocol,
            port: isFromClient ? packet.destinationPort : packet.sourcePort)
        let isNew = update.tag & Self.newEdgeBit != 0
        if update.events.contains(.loginGranted) {
            now[.served] &+= Counters.high
            _ = responders.takeAttempt(on: update.flow)
        }
        // Who tries again what was refused guesses nothing: an expired token, an old password.
        if update.events.contains(.loginRefused),
            !hosts[slot].refusedCredentials.note(responders.takeAttempt(on: update.flow))
        {
            now[.accepted] &+= Counters.high
            count(service, server, packet, slot, isNew: isNew, isRefused: true, &now)
        }
        if update.events.contains(.established), service.hidesLogins {
            count(service, server, packet, slot, isNew: isNew, isRefused: false, &now)
        }
        guard update.events.contains(.closing) else { return }
        if !isFromClient, update.sent == 0 || update.fetched == 0,
            packet.time - update.start < Self.mostUntilEnd
        {
            now[.bytesOut] &+= 1 << Counters.amountBits
            // It was counted when it began.
            if service.hidesLogins, update.fetched == 0 {
                now[.bytesIn] &+= 1 << Counters.amountBits
            }
        }
        guard update.isShortConversation else { return }
        // Answers in clear to requests without a password say nothing about passwords.
        let isPage = update.events.contains([.loginDecided, .loginAsked])
        if !isPage, hosts[slot].conversations.note(update.sent, update.fetched) {
            now[.packetsOut] &+= Counters.high
        }
        guard service.asksForLogin, !service.hidesLogins,
            !update.events.contains(.loginDecided)
        else { return }
        // A database ends a connection after its refusal, or after its client has said goodbye.
        let isRefused =
            service.closesOnRefusal && !isFromClient && !update.events.contains(.loginAsked)
            && packet.time - update.start < .seconds(Self.mostSeconds)
        guard isRefused || isNew && !service.isDatabase || service.isOnlyForLogins else {
            return
        }
        if isRefused { now[.accepted] &+= Counters.high }
        count(service, server, packet, slot, isNew: isNew, isRefused: isRefused, &now)
    }

    /// The contact of a flow, by a packet of either end.
    func contact(with server: IPAddress, _ packet: Packet) -> Contact {
        var contact = Contact(to: packet, second: second)
        if packet.destination != server {
            contact.address = server
            swap(&contact.sourcePort, &contact.port)
        }
        return contact
    }

    private mutating func count(
        _ service: Service, _ server: IPAddress, _ packet: Packet, _ slot: Int, isNew: Bool,
        isRefused: Bool, _ now: inout Counters
    ) {
        hosts[slot].loginContact = contact(with: server, packet)
        now[.dnsQueries] &+= Counters.high
        if isNew { now[.flows] &+= Counters.high }
        let client = hosts[slot].address
        noteLogin(of: client, at: server)
        guard isRefused, !isNew, hasGraph, hosts[slot].resolved.place != .outside else {
            return
        }
        // Clients of a server that refuses several of them have done nothing: it lost their
        // passwords, or is starting.
        let who = hosts[slot].port != 0 ? UInt64(hosts[slot].port) : client.high ^ client.low
        let isDown = refusals.note(server, port: service.port, client: who, second: second).isDown
        if isDown { now[.logins] &+= Counters.high }
    }
}

extension FlowUpdate {
    /// Whether a closing connection carried a request and an answer, and no more than an attempt
    /// to log in has, with a handshake of TLS or SSH.
    fileprivate var isShortConversation: Bool {
        sent > 0 && sent < 6000 && fetched > 0 && fetched < 12_000
    }
}

/// The sizes of a host's last four short conversations: each try of somebody who guesses passwords
/// has the size of one of those before it.
struct RecentSizes: Sendable {
    private var sizes: [4 of (UInt16, UInt16)] = .init(repeating: (0, 0))
    private var next: UInt8 = 0

    /// Adds a conversation, and returns whether one of the last four was about as large.
    mutating func note(_ sent: UInt32, _ fetched: UInt32) -> Bool {
        let (sent, fetched) = (UInt16(clamping: sent), UInt16(clamping: fetched))
        for place in 0..<4
        where Self.isClose(sizes[place].0, sent) && Self.isClose(sizes[place].1, fetched) {
            return true
        }
        sizes[Int(next)] = (sent, fetched)
        next = (next + 1) & 3
        return false
    }

    /// Passwords differ in length.
    private static func isClose(_ one: UInt16, _ other: UInt16) -> Bool {
        max(one, other) - min(one, other) <= 12 + max(one, other) / 16
    }
}

/// The digests of a host's last eight different attempts to log in that were refused.
struct RecentCredentials: Sendable {
    private var digests: [8 of UInt32] = .init(repeating: 0)
    private var next = 0

    /// Adds an attempt, and returns whether it is one of them; false for one without a digest.
    mutating func note(_ digest: UInt32) -> Bool {
        guard digest != 0 else { return false }
        for place in 0..<8 where digests[place] == digest { return true }
        digests[next] = digest
        next = (next + 1) & 7
        return false
    }
}
