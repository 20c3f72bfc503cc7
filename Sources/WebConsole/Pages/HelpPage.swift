// The page at `/.miagent/help`: how miagent works, and what to copy to set it up with this gateway.

/// The page at `/.miagent/help`.
public enum HelpPage {
    /// The page of `view`.
    public static func render(_ view: HelpView, _ language: Language) -> Page {
        pages[language].page(values(view, language))
    }

    static func values(_ view: HelpView, _ language: Language) -> TemplateValues {
        let code = view.agentWebURL.flatMap { QRCode(text: $0) }
        return [
            "title": .text(Texts.of(language).text("help.title")), "nav": .flag(true), "onHelp": .flag(true),
            "home": .text("/"),
            "canLogOut": .flag(view.canLogOut), "address": .text(view.address), "agentURL": .text(view.agentURL),
            "pathPrefix": .text(view.pathPrefix), "exampleURL": .text(view.exampleURL),
            "scheme": .text(view.address.hasPrefix("https:") ? "https://" : "http://"),
            "agentID": .text(view.agentID ?? ""), "agentWebURL": .text(view.agentWebURL ?? ""),
            "qrCode": .markup(code.map { Array($0.svg().utf8) } ?? []),
            "needsGatewayToken": .flag(view.needsGatewayToken), "needsVisitorToken": .flag(view.needsVisitorToken),
            "subdomainHost": .text(view.subdomainHost ?? ""),
        ]
    }

    static let pages = PageTemplates { language in
        PageTemplate(
            "help", PackageResources.help_html, style: PackageResources.help_css, script: PackageResources.help_js, language)
    }
}
