import FeatureExtraction

/// The windows of captures, kept until all were read; none if there are more than `limit`.
struct KeptWindows {
    /// In order, `partSize` of them in each part but the last.
    private(set) var parts: [[Window]] = []
    /// Whether all windows are kept.
    private(set) var isComplete = true
    private let limit: Int

    /// The number of windows that are ranked together.
    static let partSize = 6 * 1024

    init(limit: Int) { self.limit = limit }

    private var count: Int {
        parts.isEmpty ? 0 : (parts.count - 1) * Self.partSize + parts[parts.count - 1].count
    }

    mutating func append(_ window: Window) {
        guard isComplete else { return }
        guard count < limit else {
            isComplete = false
            parts = []
            return
        }
        if count.isMultiple(of: Self.partSize) {
            parts.append([])
            parts[parts.count - 1].reserveCapacity(min(Self.partSize, limit))
        }
        parts[parts.count - 1].append(window)
    }
}
