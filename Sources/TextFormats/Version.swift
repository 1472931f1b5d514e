/// The program's version, everywhere it is told.
public enum Version {
    public static let text = "0.1.0"
}
