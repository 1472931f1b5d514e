/// The program's version, as shown in every output.
public enum Version {
    public static let text = "0.1.0"
}
