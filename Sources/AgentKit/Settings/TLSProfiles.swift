// The names under which the host prepares what TLS takes (`SocketLoop.setTLS(_:for:)`): an agent knows no files.

import MachineCore

extension TLSProfile {
    /// For `wss://` gateways.
    public static let gateway = TLSProfile(rawValue: "gateway")
}
