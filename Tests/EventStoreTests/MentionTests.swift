import Testing

@testable import EventStore

/// An address in a text is found as a whole.
struct MentionTests {
    @Test(arguments: [
        (#""src_ip":"10.0.0.1""#, "10.0.0.1", true), ("to 10.0.0.1:80", "10.0.0.1", true),
        ("from 10.0.0.1.", "10.0.0.1", true), ("10.0.0.12", "10.0.0.1", false),
        ("110.0.0.1", "10.0.0.1", false), ("10.0.0.1.5", "10.0.0.1", false),
        ("4.10.0.0.1", "10.0.0.1", false), ("10.0.0.12, 10.0.0.1", "10.0.0.1", true),
        ("[fe80::1]:80", "fe80::1", true), ("fe80::12", "fe80::1", false),
        ("fe80::1:2", "fe80::1", false), ("1:fe80::1", "fe80::1", false), ("", "::1", false),
        ("2001:db8::1", "db8::1", false), ("fd00::1", "::1", false), ("(::1)", "::1", true),
    ]) func addresses(text: String, address: String, isFound: Bool) {
        #expect(text.mentions(address) == isFound)
    }
}
