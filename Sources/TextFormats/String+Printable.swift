extension String {
    /// The text without what would steer the reader's terminal, or show it in another order than it
    /// is: names and reasons come from packets, labels and other people.
    package var printable: String {
        String(
            String.UnicodeScalarView(
                unicodeScalars.map { scalar in
                    switch scalar.value {
                    case 0..<0x20, 0x7F..<0xA0, 0x2028...0x202E, 0x2066...0x2069: "?"
                    default: scalar
                    }
                }))
    }
}
