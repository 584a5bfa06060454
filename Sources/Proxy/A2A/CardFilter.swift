// Holds back an agent's reply that is a card until it is whole, and passes on the rewritten one.

import Auth

final class CardFilter: ResponseFilter {
    /// Bytes of a card. Real ones have a few kilobytes; extended ones some ten.
    static let maximumBytes = 1 << 20

    private let base: CardBase
    private let upstream: String
    /// The reply is JSON-RPC's, the card its result.
    private let isResult: Bool
    private let held = IOBuffer(capacity: 8192)
    private var isCard = false
    private var problem: String?
    /// For the log.
    private(set) var note: String?

    init(base: CardBase, upstream: String, isResult: Bool) {
        self.base = base
        self.upstream = upstream
        self.isResult = isResult
    }

    func head(_ head: ResponseHead) {
        guard (200..<300).contains(head.status), !head.statusForbidsBody else { return }
        isCard = true
        if head.status != 200 { problem = "a status of \(head.status) for a card" }
        if let coding = head.headers.first(.contentEncoding), !coding.equalsIgnoringCase("identity") {
            problem = "a compressed card, which was not asked for"
        }
        // What describes the agent's bytes does not describe ours.
        for name in [
            "etag", "last-modified", "content-length", "content-md5", "digest", "content-digest", "repr-digest",
            "accept-ranges",
        ] {
            head.headers.remove(named: name)
        }
        head.framing = .chunked
    }

    /// A card is rewritten as a whole; what is wrong with it can still be said in its place.
    var holdsBack: Bool { isCard }

    func body(_ piece: ByteView, into out: IOBuffer) throws(UpstreamError) -> ByteView {
        guard isCard else { return piece }
        if let problem { throw .unusable(problem) }
        guard held.readableBytes + piece.count <= CardFilter.maximumBytes else {
            throw .unusable("a card of more than \(CardFilter.maximumBytes) bytes")
        }
        held.append(piece)
        return out.view
    }

    func cut(_ error: UpstreamError, into out: IOBuffer) {}

    func end(into out: IOBuffer) throws(UpstreamError) {
        guard isCard else { return }
        if let problem { throw .unusable(problem) }
        do throws(AgentCard.Problem) {
            let card = try AgentCard.rewrite(held.view.buffer, base: base, upstream: upstream, isResult: isResult)
            note = card.note
            out.append(card.bytes)
        } catch { throw .unusable(error.description) }
    }
}
