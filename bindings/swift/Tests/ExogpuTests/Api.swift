import Glibc
import Synchronization

/// A node's API on loopback that answers as the test says.
final class Api: Sendable {
    let port: UInt16
    private let listener: Int32
    private let reply = Mutex("")

    init() {
        let made = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        port = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                precondition(bind(made, $0, size) == 0 && listen(made, 8) == 0)
                precondition(getsockname(made, $0, &size) == 0)
            }
            return UInt16(bigEndian: $0.pointee.sin_port)
        }
        listener = made
    }

    /// What it answers from now on, until `stop`.
    func answer(_ status: String, _ body: String) {
        reply.withLock {
            $0 = "HTTP/1.1 \(status)\r\nContent-Type: application/json\r\nConnection: close\r\n"
                + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
        }
    }

    /// Serves one request after the other; returns after `stop`.
    func serve() {
        while true {
            let connection = accept(listener, nil, nil)
            if connection < 0 { return }
            readRequest(connection)
            let text = reply.withLock { $0 }
            _ = text.withCString { send(connection, $0, text.utf8.count, Int32(MSG_NOSIGNAL)) }
            close(connection)
        }
    }

    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    /// Its head, and as much of a body as the head announces.
    private func readRequest(_ connection: Int32) {
        var request = ""
        var bytes = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = recv(connection, &bytes, bytes.count, 0)
            if count <= 0 { return }
            request += String(decoding: bytes.prefix(count), as: UTF8.self)
            guard let end = request.firstRange(of: "\r\n\r\n") else { continue }
            let head = request[..<end.lowerBound]
            let length = head.firstMatch(of: /Content-Length: ([0-9]+)/).flatMap { Int($0.output.1) } ?? 0
            if request[end.upperBound...].utf8.count >= length { return }
        }
    }
}
