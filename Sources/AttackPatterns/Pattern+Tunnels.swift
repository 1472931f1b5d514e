import FeatureExtraction

/// Data in the names of DNS questions.
extension Pattern {
    /// Bytes of unknown names beyond ordinary lengths, in ten seconds, that are a tunnel's.
    private static let nameData: Float = 400
    /// Bytes beyond an ordinary length from which a name is a tunnel's. Names of balancers and
    /// content networks are a little longer than ordinary ones.
    private static let longName: Float = 10

    /// A tunnel's names are long or look random. Their mean says so from few questions on, but
    /// whoever asks short questions in between lowers it: what the long ones carry stays.
    func dnsTunnel(_ window: Window, _ isAnomalous: (Feature) -> Bool) -> Float {
        guard isAnomalous(.dnsNewNames) || isAnomalous(.dnsNameLength) || isAnomalous(.dnsQueries)
        else { return 0 }
        let length = (Float(window.scale.seconds) / 10).squareRoot()
        let beyond = window[.dnsNameLength] - Feature.dnsNameLength.ordinary
        let oddness =
            window[.dnsNameEntropy] > Feature.dnsNameEntropy.ordinary
            ? 1 : min(max(beyond / Self.longName, 0), 1)
        return max(
            oddness * window[.dnsQueries] / (10 * length),
            Float(window.nameExcess) / (Self.nameData * length))
    }
}
