// `webService` in the configuration file: its kinds, alone and as routes, and what is said when they are mixed up.

import MachineCore
import SettingsCore
import Testing

@testable import AgentKit

@Suite struct ServiceSettingsTests {
    private func read(_ service: String, folderProblem: String? = nil) -> (LocalService?, [String]) {
        let text = "{\"agentId\": \"a\", \"gatewayUrl\": \"ws://g\", \"webService\": \(service)}"
        var reader = SettingsReader(file: (name: "agent.json", text: Array(text.utf8)))
        let configuration = AgentConfiguration.read(from: &reader) { _ in folderProblem }
        return (configuration?.service, reader.finish().map(\.description))
    }

    @Test(
        arguments: [
            (#"{"port": 80}"#, .http(LocalHTTPService(port: 80))),
            (
                #"{"url": "http://127.0.0.1:3000"}"#,
                .http(LocalHTTPService(endpoint: .tcp(host: "127.0.0.1", port: 3000), hostField: .text("127.0.0.1:3000")))
            ),
            (
                #"{"url": "HTTP://example.lan/base/", "hostHeader": "x:{port}"}"#,
                .http(
                    LocalHTTPService(
                        endpoint: .tcp(host: "example.lan", port: 80), basePath: "/base/", hostField: .text("x:80")))
            ),
            (
                #"{"url": "http://[::1]/", "pathPrefix": "/p"}"#,
                .http(LocalHTTPService(endpoint: .tcp(host: "::1", port: 80), basePath: "/p", hostField: .text("[::1]")))
            ),
            (
                #"{"unix": "/run/app.sock", "pathPrefix": "/p", "hostHeader": "preserve"}"#,
                .http(LocalHTTPService(endpoint: .unix(path: "/run/app.sock"), basePath: "/p", hostField: .preserve))
            ),
            (
                #"{"url": "h:3000/app"}"#,
                .http(
                    LocalHTTPService(endpoint: .tcp(host: "h", port: 3000), basePath: "/app", hostField: .text("h:3000")))
            ),
            (
                #"{"url": "HTTPS://h"}"#,
                .http(LocalHTTPService(endpoint: .tcp(host: "h", port: 443), hostField: .text("h"), tls: ServiceTLS()))
            ),
            (
                #"{"url": "https://[::1]:8443/app", "tls": {"caFile": "ca.pem", "insecure": false}}"#,
                .http(
                    LocalHTTPService(
                        endpoint: .tcp(host: "::1", port: 8443), basePath: "/app", hostField: .text("[::1]:8443"),
                        tls: ServiceTLS(caFile: "ca.pem")))
            ),
            (
                #"{"url": "https://localhost:80", "tls": {"insecure": true}}"#,
                .http(
                    LocalHTTPService(
                        endpoint: .tcp(host: "localhost", port: 80), hostField: .text("localhost:80"),
                        tls: ServiceTLS(isInsecure: true)))
            ),
            (#"{"unix": "app.sock"}"#, .http(LocalHTTPService(endpoint: .unix(path: "app.sock")))),
            (#"{"directory": "./public"}"#, .folder(StaticFolder(path: "./public"))),
            (#"{"directory": "d", "dotFiles": true}"#, .folder(StaticFolder(path: "d", servesDotFiles: true))),
        ] as [(String, LocalService)])
    func eachKindIsRead(text: String, service: LocalService) {
        let (read, problems) = read(text)
        #expect(problems == [])
        #expect(read == service)
    }

    @Test func routesAreRead() {
        let (service, problems) = read(
            #"{"routes": {"/api": {"port": 4000, "hostHeader": "h"}, "/v1.0/": {"unix": "s"}, "/": {"directory": "d"}}}"#)
        #expect(problems == [])
        #expect(
            service
                == .routes([
                    RouteToService("/api", to: .http(LocalHTTPService(port: 4000, hostField: .text("h")))),
                    RouteToService("/v1.0/", to: .http(LocalHTTPService(endpoint: .unix(path: "s")))),
                    RouteToService("/", to: .folder(StaticFolder(path: "d"))),
                ]))
    }

    @Test(arguments: [
        (#"{"port": 1, "url": "http://h"}"#, "cannot stand beside port"),
        (#"{"unix": "s", "directory": "d"}"#, "exactly one of"),
        (#"{"pathPrefix": "/x"}"#, "needs a port, url, unix or directory"),
        (#"{"directory": "d", "pathPrefix": "/x"}"#, "\"webService.pathPrefix\" is not for a directory"),
        (#"{"directory": "d", "hostHeader": "x"}"#, "\"webService.hostHeader\" is not for a directory"),
        (#"{"directory": ""}"#, "must be the path of a folder"),
        (#"{"port": 1, "dotFiles": false}"#, "\"webService.dotFiles\" is for a directory"),
        (#"{"url": "ftp://h"}"#, "only http:// and https:// are spoken"),
        (#"{"url": "h"}"#, "should look like http://127.0.0.1:3000"), (#"{"url": "h:99999"}"#, "the port is not a number"),
        (#"{"url": "http://h:3000", "tls": {"insecure": true}}"#, "\"webService.tls.insecure\" is for a url that begins with"),
        (#"{"port": 1, "tls": {"caFile": "x"}}"#, "\"webService.tls.caFile\" is for a url that begins with https://"),
        (#"{"directory": "d", "tls": {"insecure": true}}"#, "is for a url that begins with https://"),
        (#"{"url": "https://h", "tls": {"insecure": true, "caFile": "x"}}"#, "cannot stand beside tls.caFile"),
        (
            #"{"routes": {"/a": {"unix": "s", "tls": {"insecure": true}}}}"#,
            "\"webService.routes./a.tls.insecure\" is for a url"
        ),
        (#"{"url": "http://u:hush@h/"}"#, "a user or a password"),
        (#"{"url": "http://h/?x"}"#, "more than a path"), (#"{"url": "http://h:0"}"#, "the port is not a number"),
        (#"{"url": "http://h/a", "pathPrefix": "/b"}"#, "a path of its own"),
        (#"{"unix": ""}"#, "must be the path of a Unix socket"),
        (#"{"unix": "s", "hostHeader": "h:{port}"}"#, "a Unix socket has none"),
        (#"{"routes": {}}"#, "must be an object of routes"), (#"{"routes": []}"#, "must be an object of routes"),
        (#"{"routes": {"/": {"port": 1}}, "port": 2}"#, "cannot stand beside a service"),
        (#"{"routes": {"/": {"port": 1}}, "pathPrefix": "/x"}"#, "cannot stand beside a service"),
        (#"{"routes": {"api": {"port": 1}}}"#, "must be named by a path"),
        (#"{"routes": {"/a": {"port": 1}, "/a/": {"port": 2}}}"#, "is there twice"),
        (#"{"routes": {"/a": {}}}"#, "\"webService.routes./a\" needs a port"),
        (#"{"routes": {"/a": {"port": 1, "unix": "s"}}}"#, "\"webService.routes./a.unix\" cannot stand beside port"),
        (#"{"routes": {"/a": {"routes": {}}}}"#, "needs a port"), (#"{"prot": 1}"#, "did you mean"),
    ])
    func whatIsWrongIsNamed(text: String, part: String) {
        let (_, problems) = read(text)
        #expect(problems.contains { $0.contains(part) }, "\(problems)")
        #expect(!problems.contains { $0.contains("hush") })
    }

    // MARK: The argument of the command line

    @Test(arguments: [
        ("4173", "webService.port", "4173"), (":4173", "webService.port", "4173"), ("0", "webService.port", "0"),
        (":99999", "webService.port", "99999"), ("localhost:4173", "webService.url", "localhost:4173"),
        ("127.0.0.1:4173", "webService.url", "127.0.0.1:4173"), ("[::1]:4173", "webService.url", "[::1]:4173"),
        ("nas.lan:80/app", "webService.url", "nas.lan:80/app"), ("localhost", "webService.url", "http://localhost"),
        ("localhost:99999", "webService.url", "localhost:99999"), ("https://h", "webService.url", "https://h"),
        ("HTTP://h:1/x", "webService.url", "HTTP://h:1/x"), ("public", "webService.directory", "public"),
        ("./a:1", "webService.directory", "./a:1"), ("/srv/x:80", "webService.directory", "/srv/x:80"),
        (":", "webService.directory", ":"), ("::1", "webService.directory", "::1"), ("a:b", "webService.directory", "a:b"),
        ("", "webService.directory", ""), ("C:", "webService.directory", "C:"),
    ])
    func theArgumentIsAPortAnAddressOrAFolder(argument: String, path: String, value: String) {
        let flag = SettingsFlag.service(argument)
        #expect(flag.path == path)
        #expect(flag.value == value)
    }

    @Test(arguments: ["localhost:4173", ":4173", "4173", "127.0.0.1:4173", "[::1]:4173", "http://localhost:4173/"])
    func whatNamesAPortIsAService(argument: String) {
        let flags = [
            SettingsFlag(name: "--id", path: "agentId", value: "a"),
            SettingsFlag(name: "--gateway", path: "gatewayUrl", value: "ws://g"), .service(argument),
        ]
        var reader = SettingsReader(file: nil, flags: flags)
        let service = AgentConfiguration.read(from: &reader)?.service
        #expect(reader.finish() == [])
        guard case .http(let http) = service, case .tcp(let host, let port) = http.endpoint else {
            Issue.record("\(argument) is no service")
            return
        }
        #expect(port == 4173)
        #expect(["localhost", "127.0.0.1", "::1"].contains(host))
        #expect(http.basePath == "/")
    }

    @Test func aFolderThatCannotBeServedIsAProblem() {
        let (_, problems) = read(#"{"directory": "d"}"#, folderProblem: "is not there")
        #expect(problems == ["agent.json:1:70: \"webService.directory\" is not there"])
        let (_, routed) = read(#"{"routes": {"/": {"directory": "d"}}}"#, folderProblem: "is not there")
        #expect(routed.count == 1 && routed.first?.hasSuffix("\"webService.routes./.directory\" is not there") == true)
    }
}
