public import TextFormats
public import Timestamps

/// What scanners report of a workload's images, in a few numbers.
public struct ImageSummary: Sendable, Equatable {
    /// How a report was found to be about an image.
    public enum Join: String, Sendable {
        /// No report is about it.
        case none
        /// By repository and tag alone, which may name another image by now.
        case weak
        /// By a digest, or by the digests of all layers.
        case strong
    }

    /// The image's reference; of several images the first.
    public var image: String
    /// The first 12 digits of a digest of it; empty: unknown.
    public var imageID: String
    /// Of several images the weakest that has a report.
    public var join = Join.none
    /// How many images of the workload have no report.
    public var imagesWithoutReport = 0
    /// The numbers of findings by severity, `unknown` first.
    private var counts = [Int](repeating: 0, count: VulnerabilitySeverity.allCases.count)
    public private(set) var findingCount = 0
    public private(set) var fixableCount = 0
    /// The vulnerabilities that are known to be exploited, in order.
    public private(set) var knownExploited: [String] = []
    public private(set) var highestEPSS: Float?
    /// When the image was scanned; of several reports the oldest. Nil: no report.
    public var scanned: Timestamp?

    public init(image: String, imageID: String) {
        self.image = image
        self.imageID = imageID
    }

    /// The number of findings of a severity.
    public subscript(severity: VulnerabilitySeverity) -> Int { counts[severity.rank] }

    /// The age of the oldest report; nil: no report.
    public func reportAge(at now: Timestamp) -> Interval? { scanned.map { max(now - $0, .zero) } }

    /// Adds the findings of an image; each is counted once.
    mutating func count(_ findings: [ImageFinding]) {
        var exploited = Set(knownExploited)
        for finding in findings {
            counts[finding.severity.rank] += 1
            findingCount += 1
            fixableCount += finding.isFixable ? 1 : 0
            if let score = finding.epss { highestEPSS = max(highestEPSS ?? 0, score) }
            if finding.isExploited { exploited.insert(finding.id) }
        }
        knownExploited = exploited.sorted()
    }
}

extension ImageSummary {
    /// The summary of a workload as JSON.
    public func object(workload: String, at now: Timestamp) -> JSONObject {
        var object = JSONObject()
        object.put("workload", workload)
        object.put("image", image)
        object.put("id", imageID)
        object.put("join", join.rawValue)
        object.put("without_report", imagesWithoutReport)
        object.put("by_severity", bySeverity)
        object.put("fixable", fixableCount)
        object.put("known_exploited", knownExploited)
        object.put("highest_epss", highestEPSS.map(Double.init), digits: 5)
        object.put("report_age_s", reportAge(at: now)?.wholeSeconds)
        return object
    }

    /// The numbers of findings, the worst first.
    private var bySeverity: JSONObject {
        var object = JSONObject()
        for severity in VulnerabilitySeverity.allCases.reversed() {
            object.put(severity.rawValue, self[severity])
        }
        return object
    }
}
