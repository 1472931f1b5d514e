import FuzzSupport
import Timestamps

@testable import ImageReports

/// A report that every reading of the other lists has beside it.
private let report = MemoryFile(
    text: """
        {"SchemaVersion":2,"ArtifactName":"web:2.4","ArtifactType":"container_image","Results":[{\
        "Target":"web","Vulnerabilities":[{"VulnerabilityID":"CVE-2024-9143","PkgName":"openssl",\
        "InstalledVersion":"3","Severity":"HIGH"}]}]}
        """)

/// The first byte says what the rest is: a report of Trivy, Grype, CycloneDX or SARIF, CISA's list
/// or the scores of EPSS. What is not used is one line.
@c(LLVMFuzzerTestOneInput)
public func fuzzImages(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let start, count > 1, let file = MemoryFile(start + 1, count - 1) else { return 0 }
    var options = ImageReportOptions()
    options.paths = [report.path]
    switch start[0] % 4 {
    case 0, 1: options.paths.append(file.path)
    case 2: options.knownExploited = file.path
    default: options.epss = file.path
    }
    var files = ImageReportFiles()
    guard let outcome = files.read(options, now: Timestamp(second: 1_800_000_000)) else {
        fatalError("a first reading is always one")
    }
    precondition(outcome.notices.first?.isFailure == false)
    for notice in outcome.notices { precondition(isOneLine(notice.text), notice.text) }
    // Nothing has changed, so nothing is read.
    precondition(files.read(options, now: Timestamp(second: 1_800_000_001)) == nil)
    return 0
}

extension MemoryFile {
    fileprivate init(text: String) {
        var bytes = Array(text.utf8)
        guard let file = MemoryFile(&bytes, bytes.count) else { fatalError("no /dev/shm") }
        self = file
    }
}
