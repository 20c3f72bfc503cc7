// One exchange as the tunnel sees it: two directions, each with its window and its end. No transitions here: those are in
// TunnelSession, whose methods are the only writers.

import HTTPCodec
import RPCCore

@usableFromInline final class TunnelStream {
    /// The id of the response that is due; nil: the one that is made of the stream's number.
    var requestID: RPCID?
    /// v1: the head that waits until its body is whole.
    var heldRequest: WebRequest?
    var heldResponse: WebResponse?
    /// v1: bytes of the request's body that came whole and were not yet consumed.
    var wholeBytes = 0
    /// The head of our direction was given to us.
    var headSent = false
    /// The head of the peer's direction came.
    var headReceived = false

    /// What the owner gave and the tunnel has not yet carried.
    var queue = ByteQueue()
    var sendWindow: SendWindow
    var trailers = HTTPFields()
    /// The owner gave the end: nothing follows `queue`.
    var endRequested = false
    /// The end was sent to the peer. `endSent` implies `endRequested` and an empty queue.
    var endSent = false
    /// The stream is in the scheduler's queue, once.
    var isScheduled = false
    /// The owner is to pause.
    var isFull = false

    var receiveWindow: ReceiveWindow
    /// How fast it empties.
    var pace = WindowPace()
    /// How many times in a row it emptied at once.
    var fastDrains = 0
    /// What it has beyond the initial window, out of the tunnel's budget.
    var grownBytes = 0
    var endReceived = false
    /// Came by `web.trailers`, for the end that follows.
    var receivedTrailers = HTTPFields()

    init(window: Int) {
        sendWindow = SendWindow(credit: window)
        receiveWindow = ReceiveWindow(capacity: window)
    }

    /// Something can be sent now.
    var isSendable: Bool {
        queue.isEmpty ? endRequested && !endSent : sendWindow.credit > 0
    }
}
