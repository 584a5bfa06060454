// The one door to nghttp2: framing, HPACK, flow control and the state machine of streams; no I/O. Bytes that arrived go in,
// bytes to be sent come out, events go to the connection that owns the session.
// Invariant: confined to its connection's loop; the pointers that nghttp2 keeps (session, streams) are to objects that
// their connection holds for as long as nghttp2 knows them; no pointer of nghttp2's leaves this file.

import CNGHTTP2

/// Error codes of RFC 9113 §7.
enum HTTP2ErrorCode: UInt32 {
    case noError = 0
    case protocolError = 1
    case internalError = 2
    case flowControl = 3
    case streamClosed = 5
    case frameSize = 6
    case refusedStream = 7
    case cancel = 8
    case enhanceYourCalm = 11
    case http11Required = 13
}

final class HTTP2Session {
    enum Role { case server, client }

    private var session: OpaquePointer?
    private unowned(unsafe) let owner: HTTP2Connection
    private let role: Role
    private var flood: HTTP2FloodGuard
    /// Output of nghttp2 that did not fit; valid until it is asked for more.
    private var carried = ByteView.empty
    /// A budget is used up: nothing more is read.
    private(set) var isFlooded = false

    /// Fields of the message that is being put together: offsets, because the buffer moves while it grows.
    private let scratch = IOBuffer(capacity: 1024)
    private var pending: [(name: Range<Int>, value: Range<Int>)] = []
    private var vectors: [nghttp2_nv] = []

    init(_ role: Role, owner: HTTP2Connection, headerBytes: Int, settings limits: HTTP2Settings, now: MonotonicTime)
        throws(IOError)
    {
        self.role = role
        self.owner = owner
        flood = HTTP2FloodGuard(now: now)
        var option: OpaquePointer?
        guard nghttp2_option_new(&option) == 0 else { throw .system(call: "nghttp2", errno: 12) }
        defer { nghttp2_option_del(option) }
        // Windows open as what arrived is passed on: backpressure reaches the peer.
        nghttp2_option_set_no_auto_window_update(option, 1)
        nghttp2_option_set_max_outbound_ack(option, HTTP2Limits.waitingAcknowledgements)
        nghttp2_option_set_max_settings(option, HTTP2Limits.settingsEntries)
        nghttp2_option_set_max_continuations(option, HTTP2Limits.continuations)
        // Closed streams are of use to the old priorities only.
        nghttp2_option_set_no_closed_streams(option, 1)
        let pointer = Unmanaged.passUnretained(self).toOpaque()
        let callbacks = HTTP2Session.makeCallbacks()
        defer { nghttp2_session_callbacks_del(callbacks) }
        let status =
            role == .server
            ? nghttp2_session_server_new2(&session, callbacks, pointer, option)
            : nghttp2_session_client_new2(&session, callbacks, pointer, option)
        guard status == 0 else { throw .system(call: "nghttp2", errno: 12) }
        var settings = [
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue),
                value: UInt32(limits.streamWindow)),
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE.rawValue), value: UInt32(headerBytes)),
        ]
        switch role {
        case .server:
            settings.append(
                nghttp2_settings_entry(
                    settings_id: Int32(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS.rawValue),
                    value: UInt32(limits.concurrentStreams)))
        case .client:
            settings.append(
                nghttp2_settings_entry(settings_id: Int32(NGHTTP2_SETTINGS_ENABLE_PUSH.rawValue), value: 0))
        }
        nghttp2_submit_settings(session, 0, settings, settings.count)
        nghttp2_session_set_local_window_size(session, 0, 0, Int32(limits.connectionWindow))
    }

    deinit { nghttp2_session_del(session) }

    // MARK: Bytes

    /// Takes what arrived. Streams' events are reported meanwhile.
    /// - Throws: when the connection cannot go on; a GOAWAY that says so may be among the output.
    func receive(_ view: ByteView) throws(IOError) {
        let taken = nghttp2_session_mem_recv(session, view.base, view.count)
        guard taken == view.count, !isFlooded else {
            if isFlooded || taken == Int(NGHTTP2_ERR_FLOODED.rawValue) {
                nghttp2_session_terminate_session(session, HTTP2ErrorCode.enhanceYourCalm.rawValue)
            }
            throw .system(call: "nghttp2", errno: 71)
        }
    }

    /// Appends frames to `out` as long as they fit in it; one that never would makes it grow.
    func collect(into out: IOBuffer) {
        if carried.count > 0 {
            out.append(carried)
            carried = .empty
        }
        while true {
            var data: UnsafePointer<UInt8>?
            let count = nghttp2_session_mem_send(session, &data)
            guard count > 0, let data else { return }
            let frame = ByteView(data, count)
            if count > out.writableBytes, out.readableBytes > 0 {
                carried = frame
                return
            }
            out.append(frame)
        }
    }

    /// Neither side has anything to say any more.
    var isOver: Bool { nghttp2_session_want_read(session) == 0 && nghttp2_session_want_write(session) == 0 }
    /// The peer (a server) takes another stream now.
    var admitsRequest: Bool { nghttp2_session_check_request_allowed(session) != 0 }
    var peerConcurrency: Int {
        Int(nghttp2_session_get_remote_settings(session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS))
    }

    // MARK: Messages

    func beginFields() {
        scratch.clear()
        pending.removeAll(keepingCapacity: true)
    }

    /// Adds a field; its name is sent in lower case (RFC 9113 §8.2.1).
    func field(_ name: ByteView, _ value: ByteView) {
        let start = scratch.writer
        for byte in name { scratch.append(byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte) }
        let middle = scratch.writer
        scratch.append(value)
        pending.append((start..<middle, middle..<scratch.writer))
    }

    /// Adds what is left of a block when fields of one connection have been taken out.
    func fields(_ block: HeaderBlock, without length: Bool = false) {
        for index in 0..<block.count where block.isPresent(index) {
            let known = block.known(index)
            if known.isHopByHop || known == .host || (length && known == .contentLength) { continue }
            field(block.name(index), block.value(index))
        }
    }

    func field(_ name: StaticString, decimal value: Int) {
        let start = scratch.writer
        scratch.append(name)
        let middle = scratch.writer
        scratch.append(decimal: value)
        pending.append((start..<middle, middle..<scratch.writer))
    }

    private func withVectors(_ body: (UnsafePointer<nghttp2_nv>?, Int) -> Int32) -> Int32 {
        vectors.removeAll(keepingCapacity: true)
        for field in pending {
            vectors.append(
                nghttp2_nv(
                    name: scratch.base + field.name.lowerBound, value: scratch.base + field.value.lowerBound,
                    namelen: field.name.count, valuelen: field.value.count, flags: 0))
        }
        return vectors.withUnsafeBufferPointer { body($0.baseAddress, $0.count) }
    }

    private func provider(_ stream: HTTP2Stream) -> nghttp2_data_provider {
        var provider = nghttp2_data_provider()
        provider.source.ptr = Unmanaged.passUnretained(stream).toOpaque()
        provider.read_callback = { _, _, buffer, count, flags, source, pointer in
            guard let source, let stream = source.pointee.ptr, let buffer, let flags, let pointer else {
                return Int(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue)
            }
            let session = Unmanaged<HTTP2Session>.fromOpaque(pointer).takeUnretainedValue()
            return session.supply(
                Unmanaged<HTTP2Stream>.fromOpaque(stream).takeUnretainedValue(), buffer, count, flags)
        }
        return provider
    }

    /// Sends the gathered fields as a reply's head.
    func respond(_ stream: HTTP2Stream, hasBody: Bool) {
        _ = withVectors { fields, count in
            guard hasBody else { return nghttp2_submit_response(session, stream.id, fields, count, nil) }
            var data = provider(stream)
            return nghttp2_submit_response(session, stream.id, fields, count, &data)
        }
    }

    /// Sends the gathered fields as an interim reply's head.
    func inform(_ stream: HTTP2Stream) {
        _ = withVectors { nghttp2_submit_headers(session, 0, stream.id, nil, $0, $1, nil) }
    }

    /// Sends the gathered fields as a request's head. False: the connection takes no more.
    func request(_ stream: HTTP2Stream, hasBody: Bool) -> Bool {
        let pointer = Unmanaged.passUnretained(stream).toOpaque()
        let id = withVectors { fields, count in
            guard hasBody else { return nghttp2_submit_request(session, nil, fields, count, nil, pointer) }
            var data = provider(stream)
            return nghttp2_submit_request(session, nil, fields, count, &data, pointer)
        }
        guard id > 0 else { return false }
        stream.id = id
        return true
    }

    /// There is something to send where there was nothing.
    func resume(_ stream: HTTP2Stream) {
        guard stream.isDeferred else { return }
        stream.isDeferred = false
        nghttp2_session_resume_data(session, stream.id)
    }

    /// What arrived has been passed on: the peer may send as much again.
    func consume(_ stream: HTTP2Stream, _ count: Int) {
        if count > 0 { nghttp2_session_consume(session, stream.id, count) }
    }

    func reset(_ stream: HTTP2Stream, _ code: HTTP2ErrorCode) {
        nghttp2_submit_rst_stream(session, 0, stream.id, code.rawValue)
    }

    /// The first half of an orderly end: the peer opens no further streams (RFC 9113 §6.8).
    func announceEnd() { nghttp2_submit_shutdown_notice(session) }

    /// The second half: streams that came meanwhile are served, later ones are not.
    func refuseStreams() {
        nghttp2_submit_goaway(
            session, 0, nghttp2_session_get_last_proc_stream_id(session), HTTP2ErrorCode.noError.rawValue, nil, 0)
    }

    func terminate(_ code: HTTP2ErrorCode) { nghttp2_session_terminate_session(session, code.rawValue) }

    // MARK: Callbacks

    private func supply(
        _ stream: HTTP2Stream, _ buffer: UnsafeMutablePointer<UInt8>, _ count: Int,
        _ flags: UnsafeMutablePointer<UInt32>
    ) -> Int {
        let moved = stream.takeOutbound(buffer, min(count, HTTP2Limits.dataBytes))
        if stream.hasOutbound { return moved }
        guard stream.outboundEnded else {
            if moved > 0 { return moved }
            stream.isDeferred = true
            return Int(NGHTTP2_ERR_DEFERRED.rawValue)
        }
        flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
        if let trailers = stream.outboundTrailers {
            beginFields()
            fields(trailers)
            if !pending.isEmpty {
                flags.pointee |= NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
                _ = withVectors { nghttp2_submit_trailer(session, stream.id, $0, $1) }
            }
        }
        return moved
    }

    private func stream(_ id: Int32) -> HTTP2Stream? {
        nghttp2_session_get_stream_user_data(session, id).map {
            Unmanaged<HTTP2Stream>.fromOpaque($0).takeUnretainedValue()
        }
    }

    /// Counts what costs the peer nothing. False: the connection ends.
    private func admits(_ header: nghttp2_frame_hd) -> Bool {
        let now = owner.loop.now
        switch UInt32(header.type) {
        case NGHTTP2_HEADERS.rawValue:
            flood.noteRequest()
            return true
        case NGHTTP2_CONTINUATION.rawValue: return true
        case NGHTTP2_DATA.rawValue:
            if header.length > 0 || UInt32(header.flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0 {
                flood.noteDataReceived()
                return true
            }
            return flood.admitsControl(now)
        case NGHTTP2_RST_STREAM.rawValue: return flood.admitsReset(now)
        case NGHTTP2_WINDOW_UPDATE.rawValue: return flood.admitsWindowUpdate(now)
        default: return flood.admitsControl(now)
        }
    }

    private func began(_ frame: nghttp2_frame) -> Int32 {
        let isRequest = frame.headers.cat == NGHTTP2_HCAT_REQUEST
        if role == .server, isRequest {
            guard let stream = owner.open(frame.hd.stream_id) else {
                nghttp2_submit_rst_stream(session, 0, frame.hd.stream_id, HTTP2ErrorCode.refusedStream.rawValue)
                return 0
            }
            nghttp2_session_set_stream_user_data(
                session, frame.hd.stream_id, Unmanaged.passUnretained(stream).toOpaque())
        } else {
            stream(frame.hd.stream_id)?.beginFields()
        }
        return 0
    }

    private func received(_ frame: nghttp2_frame) -> Int32 {
        let ends = UInt32(frame.hd.flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0
        switch UInt32(frame.hd.type) {
        case NGHTTP2_HEADERS.rawValue:
            guard let stream = stream(frame.hd.stream_id) else { return 0 }
            if ends { stream.peerEnded() }
            owner.fieldsComplete(stream)
            stream.wakeReader()
        case NGHTTP2_DATA.rawValue:
            guard ends, let stream = stream(frame.hd.stream_id) else { return 0 }
            stream.peerEnded()
            stream.wakeReader()
        case NGHTTP2_GOAWAY.rawValue: owner.peerLeaves()
        default: break
        }
        return 0
    }

    private func sent(_ frame: nghttp2_frame) -> Int32 {
        switch UInt32(frame.hd.type) {
        case NGHTTP2_DATA.rawValue, NGHTTP2_HEADERS.rawValue:
            if UInt32(frame.hd.type) == NGHTTP2_DATA.rawValue { flood.noteDataSent() }
            // The reply is whole and the request is not: the rest is of no interest (RFC 9113 §8.1).
            if role == .server, UInt32(frame.hd.flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0,
                let stream = stream(frame.hd.stream_id), !stream.inboundEnded
            {
                stream.discard()
            }
        case NGHTTP2_RST_STREAM.rawValue:
            switch HTTP2ErrorCode(rawValue: frame.rst_stream.error_code) {
            case .noError, .cancel, .refusedStream, .internalError: break
            default: if !flood.admitsReset(owner.loop.now) { isFlooded = true }
            }
        default: break
        }
        return 0
    }

    private static func from(_ pointer: UnsafeMutableRawPointer?) -> HTTP2Session {
        Unmanaged<HTTP2Session>.fromOpaque(pointer.unsafelyUnwrapped).takeUnretainedValue()
    }

    private static func makeCallbacks() -> OpaquePointer? {
        var callbacks: OpaquePointer?
        guard nghttp2_session_callbacks_new(&callbacks) == 0 else { return nil }
        nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks) { _, header, pointer in
            guard let header else { return 0 }
            let session = HTTP2Session.from(pointer)
            if session.admits(header.pointee) { return 0 }
            session.isFlooded = true
            return Int32(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue)
        }
        nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) { _, frame, pointer in
            frame.map { HTTP2Session.from(pointer).began($0.pointee) } ?? 0
        }
        nghttp2_session_callbacks_set_on_header_callback(callbacks) {
            _, frame, name, nameCount, value, count, _, pointer in
            guard let frame else { return 0 }
            let session = HTTP2Session.from(pointer)
            session.stream(frame.pointee.hd.stream_id)?
                .add(ByteView(name, nameCount), ByteView(value, count), session.owner.headLimits)
            return 0
        }
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) { _, _, id, data, count, pointer in
            let session = HTTP2Session.from(pointer)
            if let stream = session.stream(id) {
                stream.receive(ByteView(data, count))
            } else {
                nghttp2_session_consume_connection(session.session, count)
            }
            return 0
        }
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, pointer in
            frame.map { HTTP2Session.from(pointer).received($0.pointee) } ?? 0
        }
        nghttp2_session_callbacks_set_on_frame_send_callback(callbacks) { _, frame, pointer in
            frame.map { HTTP2Session.from(pointer).sent($0.pointee) } ?? 0
        }
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { _, id, code, pointer in
            let session = HTTP2Session.from(pointer)
            if let stream = session.stream(id) { session.owner.closed(stream, code) }
            return 0
        }
        return callbacks
    }
}
