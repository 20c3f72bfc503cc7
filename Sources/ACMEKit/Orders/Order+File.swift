// An order as it is kept: what cannot be asked for again.

import RPCCore

extension Order {
    func file(_ directory: ACMEURL) -> ACMEFile {
        StoredObject.file(
            .order, names.fileKey, directory: directory,
            [
                JSONMember("names", names.json), JSONMember("key", .string(keyPEM)), JSONMember("new", .bool(isNew)),
                account.map { JSONMember("account", .string($0.description)) },
                url.map { JSONMember("url", .string($0.description)) },
                replaces.map { JSONMember("replaces", .string($0)) }, profile.map { JSONMember("profile", .string($0)) },
                JSONMember("failed", .array(failedKinds.map(\.rawValue).sorted().map { .string($0) })),
                JSONMember("counted", .bool(isCounted)),
            ])
    }

    /// What a file holds. A key that cannot be read is refused.
    init(_ file: ACMEFile, _ configuration: ACMEConfiguration, crypto: some ACMECrypto) throws(StoredFileError) {
        let root = try StoredObject.read(file, .order, directory: configuration.directory)
        let key = try root.text("key", in: file)
        do throws(ACMECryptoError) { _ = try crypto.publicPoint(ofKey: key) } catch {
            throw StoredFileError(description: "\(file.name) is damaged: its key cannot be read: \(error)")
        }
        self.init(
            try root.names(in: file), keyPEM: key, isNew: root["new"]?.bool ?? true, replaces: root["replaces"]?.string,
            profile: root["profile"]?.string, preference: configuration.challenges, limits: configuration.limits)
        account = root["account"]?.string.flatMap(ACMEURL.init)
        url = root["url"]?.string.flatMap(ACMEURL.init)
        failedKinds = Set((root["failed"] ?? root).elements.compactMap { $0.string.flatMap(ACMEChallengeKind.init) })
        if preference.allSatisfy({ failedKinds.contains($0) }) { failedKinds = [] }
        isCounted = root["counted"]?.bool ?? false
    }
}
