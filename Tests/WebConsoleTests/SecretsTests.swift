// What the inspector must never remember.

import HTTPCodec
import Testing

@testable import WebConsole

@Suite("What is masked before the inspector keeps it")
struct SecretsTests {
    private func masked(_ name: HTTPFieldName, _ value: String) throws -> String {
        var fields = HTTPFields()
        try fields.append(name, bytes: Array(value.utf8)[...])
        let value = try #require(Secrets.masked(fields).first(name))
        return String(decoding: value, as: UTF8.self)
    }

    private func target(_ text: String) -> String {
        String(decoding: Secrets.masked(target: Array(text.utf8)), as: UTF8.self)
    }

    @Test(
        arguments: [
            ("Authorization", "Bearer abc", "Bearer •••"), ("authorization", "Basic dTpw", "Basic •••"),
            ("Authorization", "abc", "•••"), ("Proxy-Authorization", "Digest a=1, b=2", "Digest •••"),
            ("Cookie", "a=1; b=2", "a=•••; b=•••"), ("Cookie", "naked", "•••"), ("Cookie", "a=x=y;b=", "a=•••;b=•••"),
            ("Set-Cookie", "sid=abc; Path=/; HttpOnly", "sid=•••; Path=/; HttpOnly"), ("Set-Cookie", "abc", "•••"),
            ("X-Api-Key", "abc", "•••"), ("x-auth-token", "abc", "•••"), ("X-CSRF-Token", "abc", "•••"),
            ("X-Amz-Security-Token", "abc", "•••"), ("X-Hub-Signature-256", "sha256=1", "•••"),
            ("Location", "/next?code=abc&page=2", "/next?code=•••&page=2"),
            ("Location", "https://app/#access_token=abc&x=1", "https://app/#access_token=•••&x=1"),
            ("Referer", "http://h/p?token=abc", "http://h/p?token=•••"),
        ])
    func secretFields(_ name: String, _ value: String, _ expected: String) throws {
        #expect(try masked(HTTPFieldName(name), value) == expected)
    }

    @Test(
        arguments: [
            ("Accept", "text/html"), ("Content-Type", "application/json"), ("Location", "/next"), ("ETag", "\"abc\""),
            ("Access-Control-Allow-Credentials", "true"), ("X-Request-ID", "abc"), ("Keep", ""),
        ])
    func otherFieldsStay(_ name: String, _ value: String) throws {
        #expect(try masked(HTTPFieldName(name), value) == value)
    }

    @Test func orderAndRepetitionStay() throws {
        var fields = HTTPFields()
        for (name, value) in [("A", "1"), ("Set-Cookie", "x=1"), ("B", "2"), ("Set-Cookie", "y=2; Secure")] {
            try fields.append(HTTPFieldName(name), value)
        }
        let lines = Secrets.masked(fields).map { "\($0.nameString): \(String(decoding: $0.value, as: UTF8.self))" }
        #expect(lines == ["A: 1", "Set-Cookie: x=•••", "B: 2", "Set-Cookie: y=•••; Secure"])
    }

    @Test(
        arguments: [
            ("/a?token=abc", "/a?token=•••"), ("/a?x=1&access_token=abc&y=2", "/a?x=1&access_token=•••&y=2"),
            ("/?api_key=k&password=p", "/?api_key=•••&password=•••"), ("/?X-Amz-Signature=00", "/?X-Amz-Signature=•••"),
            ("/?%74oken=abc", "/?%74oken=•••"), ("/?TOKEN=abc", "/?TOKEN=•••"), ("/?client_secret=a&", "/?client_secret=•••&"),
        ])
    func secretParameters(_ text: String, _ expected: String) { #expect(target(text) == expected) }

    @Test(
        arguments: [
            "/", "/a/token/abc", "/a?page=2&q=token", "/a?", "/a?token", "/a?token=", "/?&&x&=", "/a?tokens=3", "/?state=open",
        ])
    func otherTargetsStay(_ text: String) { #expect(target(text) == text) }
}
