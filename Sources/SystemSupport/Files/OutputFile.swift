import Foundation

/// Files that are whole or not there.
public enum OutputFile {
    /// Puts `data` at `path` in one step; a special file such as /dev/stdout is written as it is.
    public static func replace(_ path: String, with bytes: [UInt8]) throws {
        let url = URL(fileURLWithPath: path)
        let data = Data(bytes)
        do {
            var isDirectory: ObjCBool = false
            // SAFETY: the pointer to the flag is used within the call.
            let exists = unsafe FileManager.default.fileExists(
                atPath: path, isDirectory: &isDirectory)
            if exists && isDirectory.boolValue {
                throw IOError.output(path: path, reason: "is a directory; name a file")
            }
            let kind =
                try? FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType
            if exists, kind != .typeRegular {
                let handle = try FileHandle(forWritingTo: url)
                try handle.write(contentsOf: data)
                return
            }
            let folder = url.deletingLastPathComponent().path
            // SAFETY: the path is lent for the call. Foundation would call a folder that may not be written one that is not there.
            if unsafe access(folder, W_OK) != 0 {
                let reason = Self.reason(NSError(domain: NSPOSIXErrorDomain, code: Int(errno)))
                throw IOError.output(path: path, reason: reason)
            }
            try data.write(to: url, options: .atomic)
        } catch let error as IOError {
            throw error
        } catch {
            throw IOError.output(path: path, reason: Self.reason(error))
        }
    }

    /// The system's words for a Foundation error.
    package static func reason(_ error: any Error) -> String {
        let underlying = (error as NSError).userInfo[NSUnderlyingErrorKey] as? any Error
        let code = (underlying ?? error) as NSError
        if code.domain == NSPOSIXErrorDomain, let text = unsafe strerror(Int32(code.code)) {
            // SAFETY: strerror gives a string that lives until its next call.
            return unsafe String(cString: text)
        }
        return switch CocoaError.Code(rawValue: (error as NSError).code) {
        case .fileReadNoSuchFile, .fileNoSuchFile: "No such file or directory"
        case .fileReadNoPermission, .fileWriteNoPermission: "Permission denied"
        case .fileWriteOutOfSpace: "No space left on device"
        default: error.localizedDescription
        }
    }
}
