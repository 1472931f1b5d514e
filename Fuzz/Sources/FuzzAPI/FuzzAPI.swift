import Dispatch
import Foundation

@testable import HTTPServer

nonisolated(unsafe) private var bench: Bench!

@c(LLVMFuzzerInitialize)
public func prepare(_: UnsafeMutableRawPointer?, _: UnsafeMutableRawPointer?) -> CInt {
    do { bench = try Bench() } catch { fatalError("\(error)") }
    return 0
}

/// A byte for the caller, then a request as HTTP/1.1 writes it, with `\n` for the end of a line.
@c(LLVMFuzzerTestOneInput)
public func fuzzAPI(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let start, count > 1 else { return 0 }
    let bytes = UnsafeBufferPointer(start: start, count: count)
    guard let request = request(Array(bytes.dropFirst())) else { return 0 }
    let caller = bytes[0]
    let isOver = DispatchSemaphore(value: 0)
    Task.detached {
        check(await bench.answer(request, caller: caller))
        isOver.signal()
    }
    isOver.wait()
    return 0
}

/// Nil where the server refuses it before a route is looked for.
private func request(_ bytes: [UInt8]) -> Request? {
    let newline = UInt8(ascii: "\n")
    var lines: [String] = []
    var rest = bytes[...]
    while let end = rest.firstIndex(of: newline) {
        let line = rest[..<end]
        rest = rest[(end + 1)...]
        guard !line.isEmpty else { break }
        lines.append(String(decoding: line, as: UTF8.self))
    }
    let words = (lines.first ?? "").split(separator: " ", maxSplits: 1)
    guard words.count == 2 else { return nil }
    var headers = Headers()
    for line in lines.dropFirst() {
        let pair = line.split(separator: ":", maxSplits: 1)
        guard pair.count == 2 else { continue }
        headers.append(String(pair[0]), pair[1].drop { $0 == " " }.description)
    }
    do {
        try headers.check(bodyBytes: 64 << 10)
        return try Request(
            Method(String(words[0])), String(words[1]), headers: headers, body: Array(rest))
    } catch {
        verify(error.response)
        return nil
    }
}

private func check(_ response: Response) {
    // What a client sends is never the monitor's fault.
    precondition(response.status.code != 500, "\(response)")
    verify(response)
}

/// An answer is what it says it is.
private func verify(_ response: Response) {
    precondition((200..<600).contains(response.status.code))
    guard case .bytes(let bytes) = response.body else {
        precondition(response.status.code == 200)
        return
    }
    for (name, value) in response.headers.fields {
        precondition(!name.isEmpty && value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F })
    }
    let type = response.headers["Content-Type"] ?? ""
    precondition(String(validating: bytes, as: UTF8.self) != nil)
    guard type.contains("json") else { return }
    let json = try? JSONSerialization.jsonObject(
        with: Data(bytes), options: .fragmentsAllowed)
    precondition(json != nil, "\(String(decoding: bytes, as: UTF8.self))")
    if response.status.code >= 400 {
        let problem = json as? [String: Any]
        precondition(type == "application/problem+json")
        precondition(problem?["status"] as? Int == response.status.code)
    }
}
