import AnomalyDetection
public import AnomalyModel
import SystemPackage
import SystemSupport
public import Workloads

/// Reads and writes model files; they are written atomically.
public enum ModelStore {
    /// Writes the model to a temporary file and renames it.
    ///
    /// - Returns: the model with the identifier of the file.
    @discardableResult
    public static func write(_ model: Model, to path: String) throws -> Model {
        let bytes = model.encoded()
        try OutputFile.replace(path, with: bytes, access: .everybody)
        return model.identified(by: bytes)
    }

    /// Reads a model with its feedback, for judging traffic.
    ///
    /// - Parameters:
    ///   - inventory: names of workloads; nil: those stored in the model.
    ///   - isLearned: whether a monitor has learned it by itself, and learns again without it.
    public static func readForJudging(
        _ path: String, inventory: Inventory?, isLearned: Bool = false
    ) throws -> Model {
        var model = try read(path, isLearned: isLearned)
        model.apply(try FeedbackFile.read(path), inventory: inventory)
        return model
    }

    /// Reads a model and verifies all of it.
    public static func read(_ path: String, isLearned: Bool = false) throws -> Model {
        let bytes: [UInt8]
        do throws(IOError) {
            bytes = try InputFile.bytes(of: path, limit: Int64(Model.largestFile))
        } catch {
            let remedy = Files.exists(path) ? "" : "; 'lazaret train' makes one"
            throw IOError.input(path: path, reason: error.reason + remedy)
        }
        do { return try Model(decoding: bytes) } catch {
            let remedy = isLearned ? "; or delete \(path): the monitor then learns again" : ""
            throw IOError.input(path: path, reason: "\(error)\(remedy)")
        }
    }
}
