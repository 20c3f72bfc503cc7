// What a file is, by the end of its name (the IANA registry of media types). What is not known here is a stream of bytes, which
// a browser saves and does not run. Text is said to be UTF-8, since nearly all of it is.

enum MediaType {
    /// The value of `Content-Type` for a file of this name.
    static func type(ofName name: [UInt8]) -> String {
        guard let dot = name.lastIndex(of: UInt8(ascii: ".")), name.count - dot <= maximumExtensionBytes + 1 else {
            return unknown
        }
        let lowered = name[(dot + 1)...].map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
        return types[String(decoding: lowered, as: UTF8.self)] ?? unknown
    }

    private static let unknown = "application/octet-stream"
    private static let maximumExtensionBytes = 11

    private static let types: [String: String] = [
        // Text
        "html": "text/html; charset=utf-8", "htm": "text/html; charset=utf-8", "css": "text/css; charset=utf-8",
        "js": "text/javascript; charset=utf-8", "mjs": "text/javascript; charset=utf-8", "txt": "text/plain; charset=utf-8",
        "text": "text/plain; charset=utf-8", "log": "text/plain; charset=utf-8", "md": "text/markdown; charset=utf-8",
        "markdown": "text/markdown; charset=utf-8", "csv": "text/csv; charset=utf-8", "vtt": "text/vtt; charset=utf-8",
        "ics": "text/calendar; charset=utf-8", "xml": "text/xml; charset=utf-8", "yaml": "application/yaml",
        "yml": "application/yaml",
        // Data
        "json": "application/json", "map": "application/json", "jsonl": "application/jsonl",
        "webmanifest": "application/manifest+json", "wasm": "application/wasm", "pdf": "application/pdf",
        "atom": "application/atom+xml", "rss": "application/rss+xml", "xhtml": "application/xhtml+xml",
        "epub": "application/epub+zip", "rtf": "application/rtf",
        // Archives
        "zip": "application/zip", "gz": "application/gzip", "tgz": "application/gzip", "tar": "application/x-tar",
        "zst": "application/zstd", "bz2": "application/x-bzip2", "xz": "application/x-xz", "7z": "application/x-7z-compressed",
        // Images
        "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp",
        "avif": "image/avif", "svg": "image/svg+xml", "ico": "image/vnd.microsoft.icon", "bmp": "image/bmp",
        "tif": "image/tiff", "tiff": "image/tiff", "heic": "image/heic", "jxl": "image/jxl",
        // Sound and film
        "mp3": "audio/mpeg", "m4a": "audio/mp4", "aac": "audio/aac", "ogg": "audio/ogg", "oga": "audio/ogg",
        "opus": "audio/ogg", "wav": "audio/wav", "flac": "audio/flac", "mp4": "video/mp4", "m4v": "video/mp4",
        "webm": "video/webm", "ogv": "video/ogg", "mov": "video/quicktime", "mpeg": "video/mpeg", "avi": "video/x-msvideo",
        "m3u8": "application/vnd.apple.mpegurl", "ts": "video/mp2t",
        // Fonts
        "woff": "font/woff", "woff2": "font/woff2", "ttf": "font/ttf", "otf": "font/otf", "ttc": "font/collection",
    ]
}
