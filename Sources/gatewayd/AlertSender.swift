// Carries alerts to the address that the operator named, by curl: it knows TLS, proxies and retrying already.
// One message at a time, on a thread of its own; what comes up meanwhile goes together in the next one.
//
// The address may hold a secret, so it goes through curl's standard input and not on its command line. What does not get
// through is logged and given up.

import Dispatch
import GatewayKit
import MachineCore
import SocketKit
import Synchronization

final class AlertSender: Sendable {
    private let curl: String
    private let log: LogWriter
    private let queue = DispatchQueue(label: "gatewayd.alerts")
    private let waiting = Mutex<[AgentAlert]>([])

    /// A sender that uses the program at `curl`.
    init(curl: String, log: LogWriter) {
        self.curl = curl
        self.log = log
    }

    /// Sends the alert to `url` as soon as those before it are through.
    func send(_ alert: AgentAlert, to url: String, gateway: String?) {
        let isFirst = waiting.withLock { waiting in
            if waiting.count < Self.maximumWaiting { waiting.append(alert) }
            return waiting.count == 1
        }
        if isFirst { queue.async { self.sendWaiting(to: url, gateway) } }
    }

    private func sendWaiting(to url: String, _ gateway: String?) {
        let alerts = waiting.withLock { waiting in
            defer { waiting = [] }
            return waiting
        }
        guard !alerts.isEmpty else { return }
        let message = AgentAlert.message(alerts, gateway: gateway, at: unixNow().seconds)
        let code = runProgram(curl, ["--config", "-"], input: Self.instructions(url, message))
        let fields: [LogRecord.Field] = [
            .init("agents", "\(alerts.count)"), .init("curl", code.map { "\($0)" } ?? "did not run"),
        ]
        log.write(LogRecord(code == 0 ? .info : .error, code == 0 ? "alert.sent" : "alert.failed", fields))
    }

    /// curl's configuration: five more tries over about half a minute, no redirects, no other protocols.
    private static func instructions(_ url: String, _ body: [UInt8]) -> [UInt8] {
        let text = """
            url = "\(quoted(url))"
            header = "Content-Type: application/json"
            user-agent = "miagent-gatewayd"
            data-raw = "\(quoted(String(decoding: body, as: UTF8.self)))"
            proto = "=http,https"
            fail
            silent
            max-time = 10
            retry = 5
            retry-all-errors
            retry-max-time = 60

            """
        return Array(text.utf8)
    }

    /// Inside quotation marks curl knows these escapes; a line ends a value.
    private static func quoted(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static let maximumWaiting = 1_000
}
