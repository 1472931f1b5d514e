/// The families of tables in use, by their numbers in linux/netfilter.h.
package enum NftFamily: UInt8, Sendable, CaseIterable {
    case inet = 1
    case bridge = 7

    /// Its name in nft(8).
    package var word: String { self == .inet ? "inet" : "bridge" }
}
