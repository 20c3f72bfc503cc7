// Figures as people read them: three digits and a unit. `status.js` writes the same shapes. Peers can make the numbers as large
// as they like, and a quotient can be NaN: neither traps.

enum Figures {
    /// `0`, `12,345`, `1.2M`.
    static func count(_ number: UInt64) -> String {
        guard number < 1_000_000 else { return scaled(Double(number), countUnits) }
        guard number >= 1_000 else { return "\(number)" }
        let rest = String(number % 1_000)
        return "\(number / 1_000),\(String(repeating: "0", count: 3 - rest.count))\(rest)"
    }

    /// `0 B`, `9.3 kB`, `120 MB`.
    static func bytes(_ number: Double) -> String { scaled(number, byteUnits) }

    /// `0.4 ms`, `120 ms`, `1.5 s`.
    static func milliseconds(_ number: Double) -> String {
        number < 999.5 ? "\(tenths(number)) ms" : "\(tenths(min(number, 9_999_000) / 1_000)) s"
    }

    /// With one decimal below ten, unless that is 0.
    static func tenths(_ number: Double) -> String {
        let bounded = min(max(number.isNaN ? 0 : number, 0), 1e15)
        guard bounded < 9.95 else { return "\(Int64(bounded.rounded()))" }
        let tenths = Int64((bounded * 10).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
    }

    private static let countUnits = ["", "k", "M", "G", "T", "P", "E"]
    private static let byteUnits = [" B", " kB", " MB", " GB", " TB", " PB", " EB"]

    private static func scaled(_ number: Double, _ units: [String]) -> String {
        var (rest, step) = (number, 0)
        while rest >= 999.5, step < units.count - 1 {
            rest /= 1_000
            step += 1
        }
        return tenths(rest) + units[step]
    }
}
