// Flow control against a model: bytes and credit are neither lost nor made, and a reader that keeps up never stops the sender.

import TestSupport
import Testing

@testable import TunnelLink

@Suite struct WindowTests {
    @Test func aReceiverTakesWhatItAllowedAndNoMore() {
        var window = ReceiveWindow(capacity: 100)
        #expect(window.receive(60) == true)
        #expect(window.receive(40) == true)
        #expect(window.receive(0) == true)
        #expect(window.receive(1) == false)
    }

    @Test func creditIsAnnouncedByTheHalf() {
        var window = ReceiveWindow(capacity: 100)
        #expect(window.receive(100) == true)
        #expect(window.release(49) == nil)
        #expect(window.release(1) == 50)
        #expect(window.release(50) == 50)
        #expect(window.release(1) == nil)  // nothing is held any more
        #expect(window.receive(100) == true)
        #expect(window.receive(1) == false)
    }

    @Test func releasingMoreThanIsHeldMakesNoCredit() {
        var window = ReceiveWindow(capacity: 100)
        #expect(window.receive(60) == true)
        #expect(window.release(1_000) == 60)
        #expect(window.release(1_000) == nil)
        #expect(window.receive(101) == false)
    }

    @Test func tinyAndEmptyWindowsWork() {
        var one = ReceiveWindow(capacity: 1)
        #expect(one.receive(1) == true)
        #expect(one.release(1) == 1)
        var none = ReceiveWindow(capacity: 0)
        #expect(none.receive(0) == true)
        #expect(none.receive(1) == false)
        #expect(none.release(1) == nil)
        #expect(ReceiveWindow(capacity: -5).capacity == 0)
    }

    @Test func aSenderTakesWhatItWasGranted() {
        var window = SendWindow(credit: 10)
        #expect(window.take(upTo: 4) == 4)
        #expect(window.take(upTo: 100) == 6)
        #expect(window.take(upTo: 1) == 0)
        #expect(window.grant(3) == true)
        #expect(window.take(upTo: -1) == 0)
        #expect(window.take(upTo: 5) == 3)
        #expect(SendWindow(credit: -1).credit == 0)
    }

    @Test func aGrantBeyondAnyWindowIsRefusedAndChangesNothing() {
        var window = SendWindow(credit: 10)
        for count in [Int(Int32.max), .max, -1, .min] {
            #expect(window.grant(count) == false)
            #expect(window.credit == 10)
        }
        #expect(window.grant(Int(Int32.max) - 10) == true)
        #expect(window.credit == Int(Int32.max))
    }

    @Test(arguments: [1, 2, 3, 4, 5, 100, 1_000, 65_536]) func creditIsConserved(capacity: Int) {
        var random = SplitMix(seed: UInt64(capacity))
        var receiver = ReceiveWindow(capacity: capacity)
        var sender = SendWindow(credit: capacity)
        var underWay: [Int] = []  // data
        var announced: [Int] = []  // credit
        var held = 0
        var unannounced = 0
        for _ in 0..<2_000 {
            switch Int.random(in: 0..<4, using: &random) {
            case 0:
                let count = sender.take(upTo: Int.random(in: 0...capacity, using: &random))
                if count > 0 { underWay.append(count) }
            case 1:
                guard !underWay.isEmpty else { continue }
                let count = underWay.removeFirst()
                held += count
                #expect(receiver.receive(count) == true)
            case 2:
                let count = Int.random(in: 0...held, using: &random)
                held -= count
                unannounced += count
                if let credit = receiver.release(count) {
                    #expect(credit == unannounced)
                    unannounced = 0
                    announced.append(credit)
                }
                #expect(unannounced == 0 || unannounced < capacity / 2)
            default:
                guard !announced.isEmpty else { continue }
                #expect(sender.grant(announced.removeFirst()) == true)
            }
            let everywhere = sender.credit + underWay.reduce(0, +) + announced.reduce(0, +) + held + unannounced
            #expect(everywhere == capacity)
        }
    }

    @Test func aByteQueueIsFirstInFirstOut() {
        var random = SplitMix(seed: 8)
        var queue = ByteQueue()
        var model: [UInt8] = []
        for _ in 0..<2_000 {
            let bytes = random.bytes(Int.random(in: 0...40, using: &random))
            if Bool.random(using: &random) { queue.append(bytes[...]) } else { queue.appendCopy(bytes[...]) }
            model += bytes
            let count = Int.random(in: 0...50, using: &random)
            let expectedCount = min(count, queue.firstCount)
            #expect(expectedCount > 0 || count == 0 || model.isEmpty)
            #expect(queue.popFirst(count).elementsEqual(model.prefix(expectedCount)))
            model.removeFirst(expectedCount)
            #expect(queue.count == model.count)
            #expect(queue.isEmpty == model.isEmpty)
        }
        #expect(queue.takeAll().elementsEqual(model))
        #expect(queue.isEmpty)
    }

    @Test func aByteQueueKeepsLargePiecesBetweenSmallOnes() {
        var queue = ByteQueue()
        let (small, large) = (pattern(10), pattern(128 * 1024))
        for bytes in [small, large, small, small, large] { queue.append(bytes[...]) }
        #expect(queue.count == 30 + 2 * large.count)
        #expect(queue.popFirst(.max).elementsEqual(small))
        #expect(queue.popFirst(1000).elementsEqual(large.prefix(1000)))
        #expect(queue.popFirst(.max).elementsEqual(large.dropFirst(1000)))
        #expect(queue.popFirst(-1).isEmpty)
        #expect(queue.popFirst(15).elementsEqual(small + small.prefix(5)))
        queue.append(small[...])
        #expect(queue.takeAll().elementsEqual(small.suffix(5) + large + small))
        #expect(queue.isEmpty && queue.popFirst(1).isEmpty)
    }

    @Test func aQueueOfElementsIsFirstInFirstOut() {
        var random = SplitMix(seed: 9)
        var queue = FIFO<Int>()
        var model: [Int] = []
        var next = 0
        for round in 0..<3_000 {
            let growing = round < 1_500
            if Bool.random(using: &random) || growing {
                queue.append(next)
                model.append(next)
                next += 1
            }
            if !growing || Int.random(in: 0..<3, using: &random) == 0 {
                #expect(queue.popFirst() == (model.isEmpty ? nil : model.removeFirst()))
            }
            #expect(queue.count == model.count)
        }
        while let first = queue.popFirst() { #expect(first == model.removeFirst()) }
        #expect(model.isEmpty)
    }
}
