public import Timestamps
public import Workloads

/// The reports of images, found by what the image is.
public struct ImageCatalog: Sendable {
    /// What all reports say of one image.
    public struct Answer: Sendable, Equatable {
        public var join: ImageSummary.Join
        /// What is exploited and can be mended first.
        public var findings: [ImageFinding]
        /// Findings that an analysis (VEX) leaves out.
        public var excludedCount: Int
        public var scanners: [String]
        /// When the image was scanned; of several reports the oldest.
        public var scanned: Timestamp
    }

    private let reports: [ImageReport]
    private let exploited: KnownExploited
    private let scores: ExploitScores
    private var byDigest: [String: [Int]] = [:]
    private var byLayers: [[String]: [Int]] = [:]
    private var byTag: [String: [Int]] = [:]

    /// A catalog without reports.
    public init() { self.init([], exploited: KnownExploited(), scores: ExploitScores()) }

    init(_ reports: [ImageReport], exploited: KnownExploited, scores: ExploitScores) {
        self.reports = reports
        self.exploited = exploited
        self.scores = scores
        for (number, report) in reports.enumerated() {
            for digest in report.image.digests { byDigest[digest, default: []].append(number) }
            for tag in report.image.tags { byTag[tag, default: []].append(number) }
            if !report.image.layers.isEmpty {
                byLayers[report.image.layers, default: []].append(number)
            }
        }
    }

    public var reportCount: Int { reports.count }

    /// What the reports say of an image; nil: no report is about it.
    ///
    /// A digest decides, then the digests of all layers, then the tag.
    public func answer(_ image: ImageIdentity) -> Answer? {
        let equal = Set(image.digests.flatMap { byDigest[$0] ?? [] })
            .union(byLayers[image.layers] ?? []).map { reports[$0] }
            // The images of all platforms have the digest of their index in common.
            .filter {
                $0.image.layers.isEmpty || image.layers.isEmpty
                    || $0.image.layers == image.layers
            }
        if equal.contains(where: \.isScan) { return merged(newest(of: equal), .strong) }
        let named = Set(image.tags.flatMap { byTag[$0] ?? [] }).map { reports[$0] }
        // A tag is given to one image after the other: that of the newest report is taken.
        guard let last = newest(of: named).first(where: \.isScan) else { return nil }
        let same = named.filter {
            $0.image == last.image || !$0.image.digests.isDisjoint(with: last.image.digests)
        }
        return merged(newest(of: same), .weak)
    }

    /// The newest report of each scanner and format.
    private func newest(of reports: [ImageReport]) -> [ImageReport] {
        var seen: Set<String> = []
        return reports.sorted {
            ($1.created ?? .epoch, $0.scanner) < ($0.created ?? .epoch, $1.scanner)
        }.filter { seen.insert("\($0.scanner) \($0.format.rawValue)").inserted }
    }

    private func merged(_ parts: [ImageReport], _ join: ImageSummary.Join) -> Answer {
        var findings: [ImageFinding] = []
        var places: [ImageFinding.Key: Int] = [:]
        var excluded: Set<ImageFinding.Key> = []
        for part in parts {
            for finding in part.findings {
                if parts.contains(where: { $0.excludes(finding) }) {
                    excluded.insert(finding.key)
                    continue
                }
                if let place = places[finding.key] {
                    findings[place].add(finding)
                    if !findings[place].scanners.contains(part.scanner) {
                        findings[place].scanners.append(part.scanner)
                    }
                } else {
                    places[finding.key] = findings.count
                    findings.append(finding)
                }
            }
            excluded.formUnion(part.excluded)
        }
        for place in findings.indices {
            let id = findings[place].id
            if exploited.identifiers.contains(id) { findings[place].isExploited = true }
            if let score = scores.scores[id] { findings[place].epss = score }
        }
        return Answer(
            join: join, findings: findings.sorted(by: ImageFinding.isBefore),
            excludedCount: excluded.count,
            scanners: Set(parts.filter(\.isScan).map(\.scanner)).sorted(),
            scanned: parts.filter(\.isScan).compactMap(\.created).min() ?? .epoch)
    }

    /// The summary of each workload over its different images.
    public func summaries(of running: [RunningImage]) -> [String: ImageSummary] {
        var result: [String: ImageSummary] = [:]
        var seen: [String: [ImageIdentity]] = [:]
        for one in running {
            guard seen[one.workload]?.contains(one.identity) != true else { continue }
            seen[one.workload, default: []].append(one.identity)
            result[one.workload, default: ImageSummary(one)].add(answer(one.identity))
        }
        return result
    }
}

extension ImageSummary {
    /// The summary of a container before its reports are looked for.
    public init(_ running: RunningImage) {
        let id = running.identity.digests.min().map { String($0.prefix(12)) }
        self.init(image: running.reference, imageID: id ?? "")
    }

    /// Adds an image of the workload.
    ///
    /// - Parameter answer: nil: no report is about it.
    public mutating func add(_ answer: ImageCatalog.Answer?) {
        guard let answer else {
            imagesWithoutReport += 1
            return
        }
        if join != .weak { join = answer.join }
        scanned = min(scanned ?? .distantFuture, answer.scanned)
        count(answer.findings)
    }
}
