// The parts of a login: the signed cookie, our cookies among others, forms, where a browser may be sent, and how quickly one
// may guess.

import HTTPCodec
import MachineCore
import Testing

@testable import GatewayKit

@Suite struct LoginCookieTests {
    private let signer = LoginCookieSigner(secret: Array(0..<32))

    private func accepts(
        _ value: String, _ scope: LoginScope = .agent("a"), _ tokens: [String] = ["t"], at now: Int64 = 100,
        by signer: LoginCookieSigner? = nil
    ) -> Bool {
        (signer ?? self.signer).accepts(Array(value.utf8)[...], for: scope, tokens: tokens, now: now)
    }

    @Test func aCookieOpensWhatItWasSignedForUntilItEnds() {
        let value = signer.value(for: .agent("a"), token: "t", expiry: 200)
        #expect(accepts(value) && accepts(value, at: 199) && accepts(value, .agent("a"), ["old", "t"]))
        #expect(!accepts(value, at: 200) && !accepts(value, at: .max))
        for scope in [LoginScope.gateway, .webServices, .agent("b"), .agent("A"), .agent("")] {
            #expect(!accepts(value, scope))
        }
        for tokens in [[], ["u"], ["T"], ["t\0"], [""]] { #expect(!accepts(value, .agent("a"), tokens)) }
        #expect(!accepts(value, by: LoginCookieSigner(secret: Array(1..<33))))
        #expect(!accepts(value, by: LoginCookieSigner(secret: [])))
    }

    @Test func theTokenIsNotInIt() {
        #expect(!signer.value(for: .gateway, token: "s3cret", expiry: 200).contains("s3cret"))
    }

    @Test func noBitOfItMayBeChanged() {
        let value = Array(signer.value(for: .webServices, token: "t", expiry: 12_345).utf8)
        #expect(signer.accepts(value[...], for: .webServices, tokens: ["t"], now: 0))
        for index in value.indices {
            for bit in 0..<8 {
                var changed = value
                changed[index] ^= 1 << UInt8(bit)
                #expect(!signer.accepts(changed[...], for: .webServices, tokens: ["t"], now: 0))
            }
            #expect(!signer.accepts(value[..<index], for: .webServices, tokens: ["t"], now: 0))
        }
    }

    @Test(arguments: [
        "", ".", "..", "...", "1..", "1.200.", "2.200.x", "1.+200.x", "1.99999999999999999999.x", "1.2.3.4", "1.-1.x",
    ])
    func nonsenseIsNoCookie(_ value: String) {
        #expect(!accepts(value))
        #expect(!accepts(value + String(repeating: "0", count: 64)))
    }

    @Test func theNameSaysWhatItOpensAndWhetherThereIsTLS() {
        #expect(LoginScope.gateway.cookieName(isSecure: false) == "miagent")
        #expect(LoginScope.webServices.cookieName(isSecure: true) == "__Host-miagent.*")
        #expect(LoginScope.agent("a.b").cookieName(isSecure: true) == "__Host-miagent.a.b")
        #expect(
            LoginScope.agent("a").setCookie("v", seconds: 60, isSecure: true)
                == "__Host-miagent.a=v; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure")
        #expect(
            LoginScope.gateway.setCookie("", seconds: 0, isSecure: false)
                == "miagent=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax")
    }
}

@Suite struct OwnCookiesTests {
    private func values(_ name: String, _ lines: String...) -> [String] {
        var given = HTTPFields()
        for line in lines { do { try given.append(.cookie, line) } catch { Issue.record("\(error)") } }
        return OwnCookies.values(named: name, in: given).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func cookiesAreFoundByTheirExactName() {
        #expect(values("miagent", "a=b; miagent=x; miagent.a=y") == ["x"])
        #expect(values("miagent", "miagent=1;miagent=2", " miagent = 3 ") == ["1", "2", "3"])
        #expect(values("miagent", "Miagent=1; xmiagent=2; __Host-miagent=3; miagent") == [])
        #expect(values("miagent", "miagent=a=b") == ["a=b"])
        #expect(values("miagent", String(repeating: "miagent=x;", count: 100)).count == 4)
    }

    @Test(
        arguments: [
            ("a=b", "a=b"), ("miagent=x", nil), ("miagent=x; a=b", "a=b"), ("a=b; miagent.pi=x; c=d", "a=b; c=d"),
            ("a=b;__Host-miagent.*=x", "a=b"), ("miagent", nil), ("miagentx=1", "miagentx=1"), ("x=miagent=1", "x=miagent=1"),
            ("miagent-lang=zh; miagent=1", "miagent-lang=zh"), ("a=b;  c=\u{e9};miagent=1;", "a=b;  c=\u{e9}"),
            ("=miagent=1; a=b", "a=b"),
        ] as [(String, String?)]) func oursAreTakenOutAndOthersStayAsTheyAre(cookie: String, rest: String?)
    {
        var given = fields(("Cookie", cookie), ("x", "y"))
        OwnCookies.remove(from: &given)
        #expect(given[.cookie] == rest)
        #expect(given.count(of: .cookie) == (rest == nil ? 0 : 1) && given["x"] == "y")
    }

    @Test(arguments: [
        "miagent=x", "miagent=x; Path=/", " miagent = x", "\tmiagent.a=1", "__Host-miagent=x", "__Host-miagent.a=; Max-Age=0",
        "=miagent=x", "= miagent=x", "==miagent=x", "miagent", "miagent;", "=miagent",
    ]) func noServiceMaySetThem(_ cookie: String) {
        #expect(OwnCookies.isOurs(latin1(cookie)[...]))
    }

    @Test(arguments: ["", "=", "a=miagent", "miagentx=1", "Miagent=1", "miagen=t", "__Host-a=miagent=1", "a=b; miagent=1"])
    func othersItMay(_ cookie: String) {
        #expect(!OwnCookies.isOurs(latin1(cookie)[...]))
    }
}

@Suite struct LoginFormTests {
    @Test func theFieldsOfAFormAreDecoded() {
        let form = LoginForm(Array("token=a%20b%2Bc+d&scope=pi&next=%2Fweb%2Fpi%2F%3Fx&other=1".utf8))
        #expect(form.token == "a b+c d" && form.scope == "pi" && form.next == "/web/pi/?x")
    }

    @Test(arguments: [
        "", "&", "=", "token", "token=%", "token=%ff", "Token=x", String(repeating: "a=b&", count: 100) + "token=x",
    ])
    func whatIsNotThereIsEmpty(_ body: String) {
        let form = LoginForm(Array(body.utf8))
        #expect(form.token == "" && form.scope == "" && form.next == "")
    }

    @Test func theFirstOfAFieldCounts() {
        #expect(LoginForm(Array("token=a&token=b&%74oken=c".utf8)).token == "a")
    }

    @Test(arguments: [
        "/", "/web/pi/", "/web/pi/?a=b&c=/d#e", "/loginx", "/login/x", "/a//b", "/.miagent", "/.miagent/inspect/pi",
        "/%2f%2fevil.example",
    ])
    func pathsOfThisHostAreReturnedTo(_ path: String) {
        #expect(ReturnPath.validated(path.utf8) == Array(path.utf8))
    }

    @Test(arguments: [
        "", "x", "//evil.example", "///evil.example", "/\\evil.example", "\\/evil.example", "http://evil.example/",
        "javascript:x", "/\t/evil",
        "/\r\nSet-Cookie: a=b", "/ /evil", "/\u{7f}", "/\u{e9}", "?x", "/login", "/login?next=/", "/logout#x",
        "/.miagent/login", "/.miagent/logout?x", "\t/", " /",
        "/" + String(repeating: "a", count: 9_000), "/\0",
    ]) func othersAreNot(_ path: String) {
        #expect(ReturnPath.validated(path.utf8) == nil)
    }

    @Test(
        arguments: [
            ("token=t", "t", nil), ("token=t&a=b", "t", "a=b"), ("a=b&token=t", "t", "a=b"),
            ("a=b&token=t&c=d", "t", "a=b&c=d"),
            ("xtoken=1&token=%74", "t", "xtoken=1"), ("token=&a", "", "a"), ("token=1&token=2", "1", "token=2"),
            ("&token=t", "t", nil),
        ] as [(String, String, String?)]) func theTokenIsTakenOutOfAQuery(query: String, value: String, rest: String?) throws
    {
        let token = try #require(QueryToken(in: Array(query.utf8)[...]))
        #expect(token.value == value && token.rest == rest.map { Array($0.utf8) })
    }

    @Test(arguments: ["", "a=b", "token", "Token=t", "xtoken=t", "a=token=t", "token=%zz", "%74oken=t"])
    func aQueryWithoutOneHasNone(_ query: String) {
        #expect(QueryToken(in: Array(query.utf8)[...]) == nil && QueryToken(in: nil) == nil)
    }
}

@Suite struct AttemptLimiterTests {
    private func address(_ text: String) -> NetworkAddress? { NetworkAddress(text) }
    private func at(_ seconds: Double) -> Moment { Moment(nanoseconds: UInt64(seconds * 1e9) + 1) }

    @Test func soManyAttemptsAndThenOneAtATime() {
        var limiter = AttemptLimiter()
        let client = address("192.0.2.1")
        for _ in 0..<10 {
            #expect(limiter.wait(for: client, limit: 10, at(0)) == nil)
            limiter.failed(client, limit: 10, at(0))
        }
        #expect(limiter.wait(for: client, limit: 10, at(0)) == .seconds(6))
        #expect(limiter.wait(for: address("192.0.2.2"), limit: 10, at(0)) == nil)
        #expect(limiter.wait(for: client, limit: 10, at(5)) == .seconds(1))
        #expect(limiter.wait(for: client, limit: 10, at(6)) == nil)
        limiter.failed(client, limit: 10, at(6))
        #expect(limiter.wait(for: client, limit: 10, at(6)) == .seconds(6))
        #expect(limiter.wait(for: client, limit: 10, at(66)) == nil)
    }

    @Test func whenAllIsLongAgoNobodyIsRemembered() {
        var limiter = AttemptLimiter()
        limiter.failed(address("192.0.2.1"), limit: 10, at(0))
        limiter.failed(address("192.0.2.2"), limit: 10, at(60))
        #expect(limiter.count == 1)
    }

    @Test func oneSubscriberOfIPv6IsOneAddress() {
        var limiter = AttemptLimiter()
        for index in 0..<3 { limiter.failed(address("2001:db8::\(index)"), limit: 3, at(0)) }
        #expect(limiter.wait(for: address("2001:db8::ffff:0:0:9"), limit: 3, at(0)) != nil)
        #expect(limiter.wait(for: address("2001:db8:0:1::"), limit: 3, at(0)) == nil)
    }

    @Test func theTableIsBoundedAndForgetsTheOldest() {
        var limiter = AttemptLimiter()
        var most = 0
        for number in 0..<9_000 {
            limiter.failed(address("10.0.\(number >> 8).\(number & 255)"), limit: 1, at(1))
            most = max(most, limiter.count)
        }
        #expect(most == 2 * AttemptLimiter.generationCount)
        #expect(limiter.wait(for: address("10.0.35.39"), limit: 1, at(1)) != nil)
        #expect(limiter.wait(for: address("10.0.0.0"), limit: 1, at(1)) == nil)
    }

    @Test func whoHasNoAddressIsOneToo() {
        var limiter = AttemptLimiter()
        limiter.failed(nil, limit: 1, at(1))
        #expect(limiter.wait(for: nil, limit: 1, at(1)) != nil)
        #expect(limiter.wait(for: nil, limit: 0, at(1)) == nil)
    }
}
