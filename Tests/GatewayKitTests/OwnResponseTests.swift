// What the gateway itself has to say to a visitor, when nothing goes wrong.

import HTTPCodec
import MachineCore
import RPCCore
import Testing
import TunnelLink

@testable import GatewayKit

@Suite struct OwnResponseTests {
    @Test func healthAndReadinessAreForEverybody() throws {
        let fixture = GatewayFixture {
            $0.statusPage.authTokens = ["t"]
            $0.statusPage.isEnabled = false
        }
        #expect(try fixture.get("/healthz").text == "ok\n")
        let ready = try fixture.get("/readyz")
        #expect(ready.status == 200 && ready.text == "ready\n")
        #expect(ready.fields[.date] == "Fri, 10 Apr 2026 05:21:22 GMT")
        #expect(ready.fields[.cacheControl] == "no-store")
        #expect(ready.errorCode == nil)
        let id = fixture.connect()
        fixture.send(id, "GET /slow")  // so that the drain is not over at once
        fixture.tell(.drain(within: .seconds(5)))
        let draining = try fixture.get("/readyz")
        #expect(draining.status == 503 && draining.text == "draining\n")
        #expect(try fixture.get("/healthz").status == 200)
        fixture.end()
    }

    @Test func theStatusPageCountsAndListsAgents() throws {
        let fixture = GatewayFixture { $0.publicURL = "https://gw.example" }
        let empty = try fixture.get("/")
        #expect(empty.status == 200)
        #expect(empty.fields[.contentType] == "text/html; charset=utf-8")
        #expect(empty.fields["content-security-policy"]?.contains("default-src 'none'") == true)
        #expect(empty.text.contains("<span id=\"connected\">0</span>") && !empty.text.contains("<bdi>pi</bdi>"))
        let pi = fixture.dial(query: "agentId=pi")
        pi.register(
            AgentDescription(agentID: "pi", type: "pi-coding", host: "VM-0-17-ubuntu", model: "minimax-cn/MiniMax-M2.7"))
        let off = fixture.dial(query: "agentId=off")
        off.register(AgentDescription(agentID: "off", type: "opencode", status: "busy", servesWeb: false))
        let gone = fixture.agent("gone")
        fixture.leave(gone.id)
        let page = try fixture.get("/").text
        for part in [
            "https://gw.example", "id=\"connected\">2<", "id=\"known\">3<", "id=\"webServices\">1<", "<bdi>pi</bdi>",
            "pi-coding", "VM-0-17-ubuntu", "minimax-cn/MiniMax-M2.7", "/web/pi/",
            "2026-04-10T05:21:22Z", ">busy<", ">offline<",
        ] {
            #expect(page.contains(part), "\(part)")
        }
        #expect(!page.contains("/web/off/") && !page.contains("/web/gone/"))
        fixture.end()
    }

    @Test func nothingThatAnAgentSaysRunsOrRearrangesThePage() throws {
        let attack = "\"><script>alert('x')</script><!--\u{202e}"
        let fixture = GatewayFixture()
        let agent = fixture.dial(query: "agentId=a")
        agent.register(
            AgentDescription(
                agentID: "a", type: attack, host: attack, model: attack, status: attack, version: attack, servesWeb: true))
        let host = "gw.example"
        let page = try fixture.get("/", host: host).text
        #expect(!page.contains("<script>alert") && !page.contains("<!--") && !page.contains("\u{202e}"))
        #expect(page.components("&lt;script&gt;") == 4, "status, type, host and model")
        agent.session.update(StatusUpdate(status: "<u>", model: "<s>"))
        agent.flush()
        let updated = try fixture.get("/").text
        #expect(updated.contains("&lt;u&gt;") && updated.contains("&lt;s&gt;") && !updated.contains("<u>"))
        fixture.end()
    }

    @Test func programsGetTheAgentsAsJSON() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent("a")
        agent.session.update(StatusUpdate(status: "say \"hi\"\n", servesWeb: false))
        agent.flush()
        let other = fixture.agent("b")
        fixture.leave(other.id)
        let response = try fixture.get("/.miagent/agents")
        #expect(response.fields[.contentType] == "application/json")
        let list = try JSONValue(decoding: response.body[...])
        #expect(list["connected"] == 1)
        #expect(list["webServices"] == 0)
        guard case .array(let agents)? = list["agents"] else {
            Issue.record("\(response.text)")
            return
        }
        #expect(agents.map { $0["agentId"] } == ["a", "b"])
        #expect(agents[0]["status"] == .string("say \"hi\"\n"))
        #expect(agents[0]["online"] == true && agents[0]["webEntry"] == .null && agents[0]["lastSeen"] == .null)
        #expect(agents[0]["remoteAddress"] == "198.51.100.7")
        #expect(agents[0]["connectedAt"] == "2026-04-10T05:21:22Z")
        #expect(
            agents[1]["status"] == "offline" && agents[1]["online"] == false && agents[1]["lastSeen"] == "2026-04-10T05:21:22Z")
        #expect(!response.text.contains("token"))
        fixture.end()
    }

    @Test func theStatusPageMayNeedATokenOrBeOff() throws {
        let fixture = GatewayFixture { $0.statusPage.authTokens = ["t", "u"] }
        for target in ["/", "/.miagent/agents", "/api/agents"] {
            #expect(try fixture.get(target).status == 401)
            #expect(try fixture.get(target, "Authorization: Bearer x\r\n").errorCode == "unauthorized")
            #expect(try fixture.get(target, "Authorization: Bearer u\r\n").status == 200)
        }
        fixture.end()
        let closed = GatewayFixture { $0.statusPage.isEnabled = false }
        for target in ["/", "/.miagent/agents", "/api/agents"] { #expect(try closed.get(target).errorCode == "not-found") }
        closed.end()
    }

    @Test func formerAddressesRespondStill() throws {
        let fixture = GatewayFixture()
        _ = fixture.agent()
        for name in ["agents", "series", "openapi.json"] {
            let (now, former) = (try fixture.get("/.miagent/\(name)"), try fixture.get("/api/\(name)"))
            #expect(now.status == 200 && former.status == 200 && now.body == former.body, "\(name)")
        }
        #expect(try fixture.get("/help", "Accept: text/html\r\n").status == 200)
        #expect(try fixture.get("/inspect/a").errorCode == "inspector-off")
        #expect(try fixture.get("/logout").fields[.allow] == "POST")
        fixture.end()
    }

    @Test func everyAddressThatIsDescribedIsOurs() throws {
        let fixture = GatewayFixture()
        let document = try fixture.json("/.miagent/openapi.json")
        guard case .object(let paths)? = document["paths"] else {
            Issue.record("no paths")
            return
        }
        for path in paths.map(\.name) {
            let target = path.replacing("{id}", with: "pi").replacing("{number}", with: "7")
            #expect(OwnRoute.at(Array(target.utf8)[...])?.isFormer == false, "\(path)")
        }
        fixture.end()
    }

    @Test func ownPagesRespondToGETAndHEADOnly() throws {
        let fixture = GatewayFixture()
        for target in ["/", "/healthz", "/readyz", "/.miagent/agents"] {
            let page = try fixture.get(target)
            let head = try fixture.get(target, method: "HEAD")
            #expect(head.status == 200 && head.body.isEmpty)
            #expect(head.fields[.contentLength] == "\(page.body.count)")
            for method in ["POST", "PUT", "OPTIONS", "get", "BREW"] {
                let refused = try fixture.get(target, method: method)
                #expect(refused.status == 405 && refused.errorCode == "method-not-allowed", "\(method) \(target)")
                #expect(refused.fields[.allow] == "GET, HEAD")
            }
        }
        fixture.end()
    }

    @Test func aMissingSlashIsAddedByARedirectThatKeepsTheQuery() throws {
        let fixture = GatewayFixture()
        _ = fixture.agent("a")
        for (target, location) in [("/web/a", "/web/a/"), ("/web/a?x=%2F&y", "/web/a/?x=%2F&y"), ("/web/a?", "/web/a/?")] {
            let response = try fixture.get(target)
            #expect(response.status == 308)
            #expect(response.fields[.location] == location)
        }
        let posted = try fixture.get("/web/nobody", method: "POST")
        #expect(posted.status == 308)
        #expect(posted.fields[.location] == "/web/nobody/")
        fixture.end()
    }

    @Test func pagesTellTheAddressThatTheVisitorUsed() throws {
        let fixture = GatewayFixture()
        _ = fixture.agent("a")
        let list = try fixture.get("/.miagent/agents", host: "10.0.0.1:3000").text
        #expect(list.contains(#""webUrl":"http://10.0.0.1:3000/web/a/""#))
        #expect(try fixture.get("/", host: "10.0.0.1:3000").text.contains("http://10.0.0.1:3000<"))
        fixture.end()
        let named = GatewayFixture {
            $0.publicURL = "https://gw.example:8443"
            $0.web.subdomainHost = "apps.example"
        }
        let agent = named.agent("My-Agent")
        #expect(
            agent.events.contains {
                if case .welcome(let welcome) = $0 { welcome.webURL == "https://my-agent.apps.example:8443/" } else { false }
            })
        #expect(try named.get("/").text.contains("https://my-agent.apps.example:8443/"))
        named.end()
    }
}

extension String {
    /// How often `part` occurs.
    fileprivate func components(_ part: String) -> Int {
        var count = 0
        var rest = utf8[...]
        while !rest.isEmpty {
            if rest.starts(with: part.utf8) { count += 1 }
            rest = rest.dropFirst()
        }
        return count
    }
}
