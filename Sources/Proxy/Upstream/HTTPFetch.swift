// A single GET of a small document, on a connection of its own: keys and metadata of identity providers.

import Auth

struct HTTPFetch: KeySetFetcher {
    /// Same-origin redirects that are followed.
    private static let maximumRedirects = 3

    let loop: EventLoop
    let resolver: Resolver

    func fetch(_ request: KeySetRequest) async -> Result<KeySetResponse, KeySetFetchFailure> {
        var url = request.url
        let deadline = MonotonicTime.now + KeySetRequest.timeout
        for _ in 0...HTTPFetch.maximumRedirects {
            do throws(KeySetFetchFailure) {
                switch try await get(url, rules: request.rules, deadline: deadline) {
                case .response(let response): return .success(response)
                case .redirect(let target):
                    guard url.allowsRedirect(to: target) else {
                        return .failure(KeySetFetchFailure("a redirect to another origin (\(target.origin))"))
                    }
                    url = target
                }
            } catch { return .failure(error) }
        }
        return .failure(KeySetFetchFailure("more than \(HTTPFetch.maximumRedirects) redirects"))
    }

    /// Sends a short body, with the client's own credentials for that server if it has some; redirects are not followed.
    func post(
        _ request: KeySetRequest, contentType: StaticString, body: [UInt8], authorization: [UInt8]? = nil
    ) async -> Result<KeySetResponse, KeySetFetchFailure> {
        do throws(KeySetFetchFailure) {
            let outcome = try await get(
                request.url, rules: request.rules, deadline: .now + KeySetRequest.timeout,
                post: Post(contentType: contentType, body: body, authorization: authorization))
            guard case .response(let response) = outcome else {
                return .failure(KeySetFetchFailure("a redirect where none is expected"))
            }
            return .success(response)
        } catch { return .failure(error) }
    }

    private struct Post {
        let contentType: StaticString
        let body: [UInt8]
        /// Of a parsed field, so without line breaks.
        let authorization: [UInt8]?
    }

    private enum Outcome {
        case response(KeySetResponse)
        case redirect(FetchURL)
    }

    private func get(
        _ url: FetchURL, rules: KeySetFetchRules, deadline: MonotonicTime,
        post: Post? = nil
    ) async throws(KeySetFetchFailure) -> Outcome {
        let connection: HTTP1ClientConnection
        do throws(IOError) {
            let tls = url.scheme == .https ? try TLSContext.client(BackendTLS()) : nil
            let transport = try await Connector.connect(
                loop, resolver: resolver, host: url.host, port: url.port, tls: tls, deadline: deadline,
                admits: { EgressAddress($0.addressBytes)?.isAllowed(for: url, rules) ?? false })
            connection = HTTP1ClientConnection(transport: transport)
        } catch { throw KeySetFetchFailure("\(error)") }
        defer { connection.close() }
        connection.socket.readDeadline = deadline
        connection.socket.writeDeadline = deadline
        let out = connection.out
        out.append(post == nil ? "GET " : "POST ")
        out.append(url.target)
        out.append(" HTTP/1.1\r\nhost: ")
        out.append(url.origin.split(separator: "/").last.map(String.init) ?? url.host)
        out.append("\r\naccept: ")
        out.append(KeySetRequest.accept)
        if let post {
            out.append("\r\ncontent-type: ")
            out.append(post.contentType)
            out.append("\r\ncontent-length: ")
            out.append(decimal: post.body.count)
            if let authorization = post.authorization {
                out.append("\r\nauthorization: ")
                out.append(authorization)
            }
        }
        out.append("\r\nconnection: close\r\n\r\n")
        if let post { out.append(post.body) }
        let head = ResponseHead()
        let body = IOBuffer(capacity: 8192)
        do throws(ExchangeError) {
            do throws(IOError) { try await connection.transport.flush(out) } catch { throw .io(error) }
            repeat {
                guard try await connection.readHead(into: head, toHead: false) else { throw .io(.closed) }
                if head.status < 200 { connection.input.finishMessage() }
            } while head.status < 200
            while let piece = try await connection.input.nextBody() {
                guard body.readableBytes + piece.count <= KeySetRequest.maximumBytes else {
                    throw .message(.bodyTooLarge)
                }
                body.append(piece)
            }
        } catch {
            switch error {
            case .io(let reason): throw KeySetFetchFailure("\(reason)")
            case .message(let reason): throw KeySetFetchFailure(reason.reason)
            }
        }
        if (301...308).contains(head.status), head.status != 304, let location = head.headers.first(.location)?.text {
            do throws(AuthError) {
                return .redirect(try FetchURL(location.hasPrefix("/") ? url.origin + location : location))
            } catch { throw KeySetFetchFailure("a redirect to a malformed URL") }
        }
        return .response(
            KeySetResponse(
                status: head.status, body: body.view.bytes, cacheControl: head.headers.first(.cacheControl)?.text,
                age: head.headers.first(.age)?.text))
    }
}
