import NetworkAddresses
import Quarantine
import Testing

struct RailTests {
    @Test(arguments: [
        ("0.0.0.0/0", "covers 127.0.0.0/8"), ("0.0.0.0/1", "covers 127.0.0.0/8"),
        ("128.0.0.0/1", "covers 224.0.0.0/4"), ("128.0.0.0/2", "wider than /8"),
        ("10.0.0.0/7", "wider than /8"), ("::/0", "covers ::1"), ("8000::/1", "covers ff00::/8"),
        ("2000::/3", "wider than /16"), ("2000::/15", "wider than /16"),
        ("127.0.0.1", "loopback"), ("127.0.0.0/8", "loopback"), ("::1", "loopback"),
        ("0.0.0.0", "this network"), ("::", "no address"), ("224.0.0.1", "multicast"),
        ("239.1.0.0/16", "multicast"), ("ff02::1", "multicast"), ("255.255.255.255", "broadcast"),
        ("00:00:00:00:00:00", "not a network card's"),
        ("ff:ff:ff:ff:ff:ff", "not a network card's"),
        ("01:00:5e:00:00:01", "not a network card's"),
    ])
    func nobodyMayFenceThis(text: String, why: String) throws {
        let target = try #require(QuarantineTarget(text))
        let objection = try #require(ProtectedSet.finalObjection(to: target), "\(text)")
        #expect(objection.contains(why), "\(objection)")
        #expect(ProtectedSet().objection(to: target) != nil)
    }

    @Test(arguments: [
        "10.0.0.0/8", "126.0.0.0/8", "128.0.0.0/8", "223.0.0.0/8", "255.255.255.254", "1.0.0.0",
        "2000::/16", "::2", "fd00::/16", "feff::/16", "02:00:00:00:00:01",
    ])
    func somebodyMayFenceThis(text: String) throws {
        let target = try #require(QuarantineTarget(text))
        #expect(ProtectedSet.finalObjection(to: target) == nil)
        #expect(ProtectedSet().objection(to: target) == nil)
    }
}
