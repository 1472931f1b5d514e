/// The program's version, as every output shows it.
public enum Version {
    public static let text = "0.1.0"
}
