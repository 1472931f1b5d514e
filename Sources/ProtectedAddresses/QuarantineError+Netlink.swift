package import Nftables
package import NodeInterfaces
internal import Quarantine

extension QuarantineError {
    package init(_ error: NetlinkError) {
        self =
            switch error {
            case .kernel(let operation, let code, let words):
                .kernel(operation: operation, code: code, words: words)
            case .notPermitted(let operation): .notPermitted(operation: operation)
            case .malformedAnswer(let what): .malformedAnswer(what)
            }
    }

    package init(_ error: InterfaceError) {
        self =
            switch error {
            case .kernel(let operation, let code, let reason):
                .kernel(operation: operation, code: code, words: reason)
            case .malformedAnswer(let operation): .malformedAnswer(operation)
            }
    }
}
