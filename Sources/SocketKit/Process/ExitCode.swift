// The exit codes of the daemons. The numbers are those of <sysexits.h>, which service managers and init scripts
// already know: a wrong option or a wrong settings file is not worth a restart, a failure at run time is
// (systemd: `RestartPreventExitStatus=64 78`).

/// The exit codes of both daemons.
public enum ExitCode {
    /// All went well, or the daemon was asked to stop and did.
    public static let ok: Int32 = 0
    /// It ran, and then something failed for good: starting it again may help.
    public static let runtime: Int32 = 1
    /// The command line was wrong (EX_USAGE).
    public static let usage: Int32 = 64
    /// The settings were wrong (EX_CONFIG): starting it again cannot help.
    public static let configuration: Int32 = 78
}
