// The login form, for a gateway or for one agent. It works without a script and has none.

/// The login form.
public enum LoginPage {
    /// The page of `view`.
    public static func render(_ view: LoginView, _ language: Language) -> Page {
        pages[language].page(values(view, language))
    }

    static func values(_ view: LoginView, _ language: Language) -> TemplateValues {
        let texts = Texts.of(language)
        let hint = view.agentID.map { texts.text("login.hint.agent", ["agent": $0]) } ?? texts.text("login.hint.gateway")
        return [
            "title": .text(texts.text("login.title")), "heading": .text(texts.text("login.heading")), "hint": .text(hint),
            "problem": .text(view.problem.map { text(of: $0, texts) } ?? ""),
            "agentID": .text(view.agentID ?? ""), "user": .text(view.agentID ?? "gateway"), "next": .text(view.next),
            "action": .text(view.action),
        ]
    }

    static let pages = PageTemplates { language in
        PageTemplate("login", PackageResources.login_html, style: PackageResources.single_css, language)
    }

    private static func text(of problem: LoginProblem, _ texts: Texts) -> String {
        switch problem {
        case .wrongToken: texts.text("login.wrongToken")
        case .tooManyAttempts(let seconds): texts.text("login.tooManyAttempts", ["seconds": "\(seconds)"])
        case .expired: texts.text("login.expired")
        case .crossSite: texts.text("login.crossSite")
        }
    }
}
