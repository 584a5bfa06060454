// `requestMirror`: a copy of a share of the requests, whose answers nobody reads.

import Auth

package struct MirrorPolicy: Sendable {
    package var address: UpstreamAddress
    /// From 0 to 1.
    package var share: Double
    package var position: FilePosition

    package init(address: UpstreamAddress, share: Double = 1, position: FilePosition = .none) {
        self.address = address
        self.share = share
        self.position = position
    }
}
