import FeatureExtraction

/// Data in the names of DNS questions.
extension Pattern {
    /// Bytes of unknown names beyond ordinary lengths, in ten seconds, that are a tunnel's.
    private static let nameData: Float = 400

    /// A tunnel's names are long or look random. Their mean says so from few questions on, but
    /// whoever asks short questions in between lowers it: what the long ones carry stays.
    func dnsTunnel(_ window: Window, _ isAnomalous: (Feature) -> Bool) -> Float {
        guard isAnomalous(.dnsNewNames) || isAnomalous(.dnsNameLength) || isAnomalous(.dnsQueries)
        else { return 0 }
        let length = (Float(window.scale.seconds) / 10).squareRoot()
        let isOddOnAverage =
            window[.dnsNameLength] > Feature.dnsNameLength.ordinary
            || window[.dnsNameEntropy] > Feature.dnsNameEntropy.ordinary
        return max(
            isOddOnAverage ? window[.dnsQueries] / (10 * length) : 0,
            Float(window.nameExcess) / (Self.nameData * length))
    }
}
