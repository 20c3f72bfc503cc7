// Objects that are done with and serve again, so that what happens for every request costs no memory of its own. An object is
// taken only if nobody else holds it any more: whoever still does keeps what it has.
//
// Inlinable, because an unspecialised generic would cost more than the memory that it saves.

/// Objects of one kind that are kept for the next that is needed.
public struct UsedObjects<Object: AnyObject> {
    @usableFromInline var objects: [Object] = []
    @usableFromInline let maximum: Int

    /// Keeps `maximum` objects at most: as many as are in use at once in a busy loop.
    @inlinable public init(maximum: Int = 64) { self.maximum = maximum }

    /// How many are kept.
    @inlinable public var count: Int { objects.count }

    /// The one that was kept last; nil: there is none, or somebody still holds it.
    @inlinable public mutating func take() -> Object? {
        guard !objects.isEmpty, isKnownUniquelyReferenced(&objects[objects.count - 1]) else { return nil }
        return objects.popLast()
    }

    /// Keeps an object, unless there are enough.
    @inlinable public mutating func keep(_ object: Object) {
        if objects.count < maximum { objects.append(object) }
    }

    /// Lets go of those for which `isUnwanted` holds.
    @inlinable public mutating func removeAll(where isUnwanted: (Object) -> Bool) { objects.removeAll(where: isUnwanted) }
}
