internal import CrowdSec

extension ResponseEntry {
    /// What is wrong with an entry for CrowdSec.
    var crowdSecFaults: [String] {
        guard let url, let machine, let passwordFile else {
            return ["'url', 'machine' and 'password_file' are needed"]
        }
        var faults: [String] = []
        if let fault = LocalAPI.fault(of: url) { faults.append("'url': \(fault)") }
        let isPlain =
            (1...100).contains(machine.utf8.count)
            && machine.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
        if !isPlain { faults.append("'machine' must be printable ASCII without spaces") }
        for path in [passwordFile, authoritiesFile] {
            if let path, !path.hasPrefix("/") { faults.append("\(path): not an absolute path") }
        }
        return faults
    }

    static func checkPassword(in path: String) throws(ResponseError) {
        do throws(CrowdSecError) { _ = try LocalAPI.secret(in: path) } catch {
            throw .failed("\(error)")
        }
    }
}
