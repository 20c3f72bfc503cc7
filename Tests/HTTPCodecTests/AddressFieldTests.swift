// Fields that hold addresses, and cookies' attributes, changed in the form that each has.

import HTTPCodec
import TestSupport
import Testing

@Suite struct AddressFieldTests {
    private func changed(_ name: String, _ value: String) throws -> String? {
        var fields = HTTPFields()
        try fields.append(HTTPFieldName(name), value)
        guard fields.containsAny(of: .addresses) else { return nil }
        fields.changeAddresses { $0.hasPrefix("/") ? "/p" + $0 : nil }
        return fields[HTTPFieldName(name)]
    }

    @Test(arguments: [
        ("Location", "/x?y#z", "/p/x?y#z"), ("content-location", "/x", "/p/x"), ("SourceMap", "/x.map", "/p/x.map"),
        ("X-SourceMap", "x.map", "x.map"), ("HX-Redirect", "/x", "/p/x"), ("HX-Push-Url", "false", "false"),
        ("HX-Location", "{\"path\":\"/x\"}", "{\"path\":\"/x\"}"), ("Location", "/\u{e9}", "/p/\u{e9}"),
        ("Refresh", "5; url=/x", "5; url=/p/x"), ("Refresh", "0;URL = '/x' ", "0;URL = '/p/x'"), ("Refresh", "0,/x", "0,/p/x"),
        ("Refresh", "1;url=\"/x", "1;url=\"/p/x"), ("Refresh", "5", "5"), ("Refresh", "5; url=", "5; url="),
        ("Refresh", ";", ";"),
        ("Link", "</x>; rel=preload", "</p/x>; rel=preload"), ("Link", "</a>, <b>;rel=x,</c>", "</p/a>, <b>;rel=x,</p/c>"),
        ("Link", "<b>; title=\"</x>\\\"</y>\", </z>", "<b>; title=\"</x>\\\"</y>\", </p/z>"), ("Link", "</x", "</x"),
        ("Link", "\"\\", "\"\\"),
    ])
    func addressesChangeInTheirForm(name: String, value: String, expected: String) throws {
        #expect(try changed(name, value) == expected)
    }

    @Test func otherFieldsHoldNone() throws {
        for name in ["Content-Security-Policy", "X-Location", "Locations", "Origin"] { #expect(try changed(name, "/x") == nil) }
    }

    @Test func severalFieldsStaySeveralInTheirOrder() throws {
        var fields = HTTPFields()
        for value in ["</a>", "<b>", "</c>"] { try fields.append(.link, value) }
        fields.changeAddresses { $0.hasPrefix("/") ? "/p" + $0 : nil }
        #expect(fields.map(\.valueString) == ["</p/a>", "<b>", "</p/c>"])
    }

    @Test(arguments: [
        ("a=b; Path=/; X", "a=b; Path=/p; X"), ("a=b;\tpath\t=\t/", "a=b; Path=/p"), ("path=/; secure", "path=/; secure"),
        ("a", "a"),
        ("a=b; Path", "a=b; Path=/p"), ("a=b;;", "a=b;;"), ("a=b; Drop=1;y", "a=b;y"), ("a=b;  DROP", "a=b"),
    ])
    func attributesAreFoundAsBrowsersFindThem(cookie: String, expected: String) {
        let result = SetCookie.changing(Array(cookie.utf8)[...]) { name, _ in
            name == "path" ? .path(Array("/p".utf8)) : name == "drop" ? .drop : .keep
        }
        #expect(text(result[...]) == expected)
    }
}
