public import ImageReports
internal import Synchronization

/// What the reports of scanners say of the workloads that run.
struct ImageTable {
    /// Whether reports are configured.
    var isUsed = false
    var summaries: [String: ImageSummary] = [:]
}

extension MonitorHub {
    /// What scanners report of the images of each running workload; empty: no reports are
    /// configured.
    public var images: [String: ImageSummary] { imageTable.withLock { $0.summaries } }

    /// The same of one workload; nil: it does not run, or no reports are configured. Cheap.
    package func imageSummary(of workload: String) -> ImageSummary? {
        imageTable.withLock { $0.summaries[workload] }
    }

    /// Whether reports are configured.
    var usesImages: Bool { imageTable.withLock { $0.isUsed } }

    func setUsesImages(_ isUsed: Bool) { imageTable.withLock { $0.isUsed = isUsed } }

    func publish(images: [String: ImageSummary]) {
        imageTable.withLock { $0.summaries = images }
    }
}
