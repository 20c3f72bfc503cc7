// The proxy by way of which the gateway is dialled: what `proxy` says, whatever the environment does, else what that names.

import AgentKit
import SettingsCore

struct AgentProxy: Equatable {
    var url: ProxyURL
    /// What named it: the setting, or a variable.
    var origin: String

    /// What the setting can say.
    private enum Choice {
        case none
        case proxy(ProxyURL)
    }

    /// The proxy for an agent of this configuration; nil: the gateway is dialled directly, or what names one is wrong.
    static func read(
        _ reader: inout SettingsReader, _ environment: [String: String], for agent: AgentConfiguration?
    ) -> AgentProxy? {
        let setting = Setting.text(
            "proxy",
            "An HTTP proxy by way of which the gateway is dialled (CONNECT): `http://user:password@host:port`, or `none`."
        ).defaulting(to: "`HTTPS_PROXY` (for `ws://` `http_proxy`) or `ALL_PROXY`, unless `NO_PROXY` has the gateway")
        let choice = reader.read(setting.parsed(Self.choice).onReload(.nextConnection))
        switch choice {
        case .none?: return nil
        case .proxy(let url)?: return AgentProxy(url: url, origin: "proxy")
        case nil: break
        }
        guard let agent, !reader.exists("proxy") else { return nil }
        let variables = ProxyVariables(environment)
        guard let name = variables.name(for: agent.gateway), let text = variables.value(name) else { return nil }
        do throws(ProxyURLError) {
            return AgentProxy(url: try ProxyURL(text), origin: name)
        } catch {
            reader.problem("proxy", "cannot be taken from \(name): \(error); set it, or none (--proxy none) to dial directly")
            return nil
        }
    }

    private static func choice(_ text: String, _ refuse: (String) -> Void) -> Choice? {
        if text == "none" { return Choice.none }
        do throws(ProxyURLError) {
            return .proxy(try ProxyURL(text))
        } catch {
            refuse("cannot be used: \(error), or be none")
            return nil
        }
    }
}
