import FeatureExtraction

/// Windows that are longer than the training.
extension Detector {
    /// The values of a window as they are compared with the baseline.
    ///
    /// After a training of two minutes, no clean window has the traffic of ten: amounts that grow
    /// with time are reduced to the training's length.
    func comparable(_ window: Window) -> [Float] {
        let seconds = min(window.ageSeconds, window.scale.seconds)
        guard trainedSeconds > 0, trainedSeconds < seconds else { return window.values }
        var values = window.values
        let share = Float(trainedSeconds) / Float(seconds)
        for feature in Feature.allCases where feature.growsWithTime {
            values[feature.rawValue] *= share
        }
        return values
    }
}

extension Feature {
    /// Whether ordinary traffic has more of it in a longer window.
    fileprivate var growsWithTime: Bool {
        switch self {
        case .served, .bytesOutside, .icmpPackets: true
        default: followsDemand
        }
    }
}
