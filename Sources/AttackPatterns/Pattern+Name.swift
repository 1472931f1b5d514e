extension Pattern {
    /// The pattern with this name: as JSON has it, its title, or the name in files that versions
    /// before the first release wrote.
    public init?(named name: String) {
        let text = name.lowercased()
        let found =
            Self(rawValue: text)
            ?? Self.allCases.first { $0.title.lowercased() == text || "\($0)" == name }
        guard let found else { return nil }
        self = found
    }
}
