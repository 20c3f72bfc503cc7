// One number for all that is built from this repository.

/// What pages, metrics, `--version` and `User-Agent` say.
public enum ProgramVersion {
    /// The version of both daemons (https://semver.org).
    public static let text = "0.1.0"
}
