// One exchange as the tunnel sees it: two directions, each with its window and its end. No transitions here: those are in
// TunnelSession, whose methods are the only writers (and unchecked against overlapping access for that reason).

import HTTPCodec
import RPCCore

@usableFromInline final class TunnelStream {
    /// The id of the response that is due; nil: the one that is made of the stream's number.
    @exclusivity(unchecked) var requestID: RPCID?
    /// v1: the head that waits until its body is whole.
    @exclusivity(unchecked) var heldRequest: WebRequest?
    @exclusivity(unchecked) var heldResponse: WebResponse?
    /// v1: bytes of the request's body that came whole and were not yet consumed.
    @exclusivity(unchecked) var wholeBytes = 0
    /// The head of our direction was given to us.
    @exclusivity(unchecked) var headSent = false
    /// The head of the peer's direction came.
    @exclusivity(unchecked) var headReceived = false

    /// What the owner gave and the tunnel has not yet carried.
    @exclusivity(unchecked) var queue = ByteQueue()
    @exclusivity(unchecked) var sendWindow: SendWindow
    @exclusivity(unchecked) var trailers = HTTPFields()
    /// The owner gave the end: nothing follows `queue`.
    @exclusivity(unchecked) var endRequested = false
    /// The end was sent to the peer. `endSent` implies `endRequested` and an empty queue.
    @exclusivity(unchecked) var endSent = false
    /// The stream is in the scheduler's queue, once.
    @exclusivity(unchecked) var isScheduled = false
    /// The owner is to pause.
    @exclusivity(unchecked) var isFull = false

    @exclusivity(unchecked) var receiveWindow: ReceiveWindow
    /// How fast it empties.
    @exclusivity(unchecked) var pace = WindowPace()
    /// How many times in a row it emptied at once.
    @exclusivity(unchecked) var fastDrains = 0
    /// What it has beyond the initial window, out of the tunnel's budget.
    @exclusivity(unchecked) var grownBytes = 0
    @exclusivity(unchecked) var endReceived = false
    /// Came by `web.trailers`, for the end that follows.
    @exclusivity(unchecked) var receivedTrailers = HTTPFields()

    init(window: Int) {
        sendWindow = SendWindow(credit: window)
        receiveWindow = ReceiveWindow(capacity: window)
    }

    /// Begins another stream in the memory of one that is over.
    func begin(window: Int) {
        sendWindow = SendWindow(credit: window)
        receiveWindow = ReceiveWindow(capacity: window)
        wholeBytes = 0
        (headSent, headReceived, endRequested, endSent, endReceived) = (false, false, false, false, false)
        (isScheduled, isFull) = (false, false)
        pace = WindowPace()
        (fastDrains, grownBytes) = (0, 0)
    }

    /// Lets go of all that it holds: it is over.
    func clear() {
        requestID = nil
        if heldRequest != nil { heldRequest = nil }
        if heldResponse != nil { heldResponse = nil }
        if !queue.isEmpty { queue = ByteQueue() }
        if !trailers.isEmpty { trailers = HTTPFields() }
        if !receivedTrailers.isEmpty { receivedTrailers = HTTPFields() }
    }

    /// Something can be sent now.
    var isSendable: Bool {
        queue.isEmpty ? endRequested && !endSent : sendWindow.credit > 0
    }
}
