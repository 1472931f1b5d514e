/// A large value in a box that copies share; a changed one gets a box of its own.
@propertyWrapper
public struct Boxed<Value: Sendable>: Sendable {
    private final class Box: Sendable {
        let value: Value

        init(_ value: Value) { self.value = value }
    }

    private var box: Box

    /// Puts a value into a box.
    public init(wrappedValue: Value) { box = Box(wrappedValue) }

    /// The value, read in place.
    public var wrappedValue: Value {
        _read { yield box.value }
        set { box = Box(newValue) }
    }
}
