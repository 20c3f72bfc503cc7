// The pages; their bodies come with the templates.

/// The page at `/`.
public enum StatusPage {
    /// The page of `view`.
    public static func render(_ view: StatusView, _ language: Language) -> Page { stub(view.address) }
}
/// The page at `/help`.
public enum HelpPage {
    /// The page of `view`.
    public static func render(_ view: HelpView, _ language: Language) -> Page { stub(view.address) }
}
/// The login form.
public enum LoginPage {
    /// The page of `view`.
    public static func render(_ view: LoginView, _ language: Language) -> Page {
        stub(
            "login",
            "<form method=post action=/login><input type=password name=token><input type=hidden name=scope value=\"\(HTML.escaped(view.agentID ?? ""))\"><input type=hidden name=next value=\"\(HTML.escaped(view.next))\"><button>Log in</button></form>"
        )
    }
}
/// The page of an error of the gateway's own.
public enum ErrorPage {
    /// The page of `view`.
    public static func render(_ view: ErrorView, _ language: Language) -> Page {
        stub(view.code, HTML.escaped(view.explanation))
    }
}
/// The request inspector.
public enum InspectorPage {
    /// The page of `view`.
    public static func render(_ view: InspectorView, _ language: Language) -> Page { stub(view.title) }
}
private func stub(_ title: String, _ content: String = "") -> Page {
    let text = "<!doctype html><title>\(HTML.escaped(title))</title><h1>\(HTML.escaped(title))</h1>\(content)"
    return Page(body: Array(text.utf8), contentSecurityPolicy: "default-src 'none'")
}
