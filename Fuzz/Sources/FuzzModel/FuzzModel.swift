import AnomalyModel

/// The input as a model file: as it is, and as the content of one, behind the magic line and before
/// a digest that matches. A model that is taken has to be written as it was read.
@c(LLVMFuzzerTestOneInput)
public func fuzzModel(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    read(bytes)
    read(sealed(bytes))
    return 0
}

private func read(_ bytes: [UInt8]) {
    let model: Model
    do { model = try Model(decoding: bytes) } catch {
        let words = "\(error)"
        precondition(!words.isEmpty && !words.contains("\n"))
        return
    }
    precondition(!model.manifest.isEmpty)
    // The manifest and the order of what has none are free; what was read is not.
    let again = try? Model(decoding: model.encoded())
    precondition(again?.encoded() == model.encoded(), "a model is not written as it was read")
}
