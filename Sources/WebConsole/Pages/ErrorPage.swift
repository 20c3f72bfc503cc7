// The errors of the gateway's own, for people: what happened, what to do, and the code and request that a report should name.

/// The page of an error of the gateway's own.
public enum ErrorPage {
    /// The page of `view`.
    public static func render(_ view: ErrorView, _ language: Language) -> Page {
        let texts = Texts.of(language)
        let key = "error.\(view.code)"
        let isKnown = texts[key + ".what"] != nil
        let values: TemplateValues = [
            "title": .text(isKnown ? texts.text(key + ".title") : view.code), "status": .text("\(view.status)"),
            "what": .text(isKnown ? texts.text(key + ".what", view.values) : view.explanation),
            "todo": .text(isKnown ? texts.text(key + ".do", view.values) : ""),
            "code": .text(view.code), "requestID": .text(view.requestID), "login": .text(view.login ?? ""),
        ]
        return pages[language].page(values)
    }

    static let pages = PageTemplates { language in
        PageTemplate("error", PackageResources.error_html, style: PackageResources.door_css, language)
    }
}
