import Foundation
import HTTPClient
import TestKit

/// A server whose behaviour depends on the path, on loopback, optionally with TLS, or on a Unix
/// socket.
final class Server {
    private static let script = """
        import http.server, socket, socketserver, ssl, sys, threading, time
        kind, place = sys.argv[1], sys.argv[2]
        counts = {"asked": 0, "closed": 0, "sent": 0, "connections": 0}
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            def setup(self):
                counts["connections"] += 1
                super().setup()
            def address_string(self): return "-"
            def log_message(self, *words): pass
            def say(self, status, body, **fields):
                self.send_response(status)
                for name, value in fields.items(): self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            def chunk(self, body):
                self.wfile.write(b"%x\\r\\n%s\\r\\n" % (len(body), body))
                counts["sent"] += len(body)
            def begin(self):
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
            def wait(self):
                # Until the client is gone.
                try: self.connection.recv(1)
                except OSError: pass
                counts["closed"] += 1
                self.close_connection = True
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.say(200, str(self.headers).encode() + body)
            def do_GET(self):
                word, _, number = self.path[1:].partition("/")
                if word != "count": counts["asked"] += 1
                if word == "hello": self.say(200, b"hello")
                elif word == "heads":
                    self.say(200, (self.requestline + "\\n" + str(self.headers)).encode())
                elif word == "count": self.say(200, str(counts[number]).encode())
                elif word == "status": self.say(int(number), b"why")
                elif word == "redirect": self.say(302, b"", Location="/hello")
                elif word == "cookie": self.say(200, b"", **{"Set-Cookie": "a=b"})
                elif word == "squeezed": self.say(200, b"not gzip", **{"Content-Encoding": "gzip"})
                elif word == "who":
                    shown = self.connection.getpeercert()
                    self.say(200, str(shown["subject"] if shown else "nobody").encode())
                elif word == "bytes": self.say(200, bytes(int(number)))
                elif word == "continue":
                    self.wfile.write(b"HTTP/1.1 103 Early Hints\\r\\nLink: </>\\r\\n\\r\\n")
                    self.say(200, b"hello")
                elif word == "chunks":
                    self.begin()
                    for _ in range(int(number)): self.chunk(bytes(65536))
                    self.wfile.write(b"0\\r\\nTrailer: x\\r\\n\\r\\n")
                elif word == "endless":
                    self.begin()
                    try:
                        while True: self.chunk(bytes(65536))
                    except OSError: counts["closed"] += 1
                    self.close_connection = True
                elif word == "silent": self.wait()
                elif word == "falls-silent":
                    self.begin(); self.chunk(b"one"); self.wait()
                elif word == "slow":
                    self.begin()
                    for _ in range(int(number)): time.sleep(0.1); self.chunk(b"x")
                    self.wfile.write(b"0\\r\\n\\r\\n")
                elif word == "half":
                    self.send_response(200)
                    self.send_header("Content-Length", "1000")
                    self.end_headers()
                    self.wfile.write(bytes(500))
                    self.close_connection = True
                elif word == "half-chunks":
                    self.begin(); self.chunk(b"one"); self.close_connection = True
                elif word == "nothing": self.close_connection = True
                elif word == "noise":
                    self.wfile.write(b"SSH-2.0-x\\r\\n"); self.close_connection = True
                elif word == "heads-without-end":
                    try:
                        self.wfile.write(b"HTTP/1.1 200 OK\\r\\n")
                        while True: self.wfile.write(b"A: " + b"x" * 4000 + b"\\r\\n")
                    except OSError: counts["closed"] += 1
                    self.close_connection = True
                else: self.say(404, b"")
        class Unix(socketserver.ThreadingMixIn, socketserver.UnixStreamServer): pass
        # Connections that wait to be taken.
        socketserver.TCPServer.request_queue_size = 64
        if kind == "unix": server = Unix(place, Handler)
        else: server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        server.handle_error = lambda *words: None
        if kind == "tls":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(place + ".crt", place + ".key")
            context.load_verify_locations("ours.crt")
            context.verify_mode = ssl.CERT_OPTIONAL
            server.socket = context.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False)
        print("" if kind == "unix" else server.server_address[1], flush=True)
        server.serve_forever()
        """

    private let process: PythonServer
    private let base: String
    private let socket: String?

    /// On loopback, or on a Unix socket at `socket`.
    init(socket: String? = nil) throws {
        process = try PythonServer(Self.script, socket.map { ["unix", $0] } ?? ["tcp", ""])
        base = socket == nil ? "http://127.0.0.1:\(process.firstLine)" : "http://here"
        self.socket = socket
    }

    /// Starts on loopback with the certificate of that name; the folder has the authority `ours`.
    init(certificate: String, in folder: URL) throws {
        process = try PythonServer(Self.script, ["tls", certificate], in: folder)
        base = "https://127.0.0.1:\(process.firstLine)"
        socket = nil
    }

    func request(_ path: String) -> HTTPRequest {
        var request = HTTPRequest(url: base + path, socket: socket)
        request.timeout = .seconds(30)
        return request
    }

    func count(_ name: String) async throws -> Int {
        let body = try await request("/count/\(name)").answer(upTo: 100).body
        return Int(String(decoding: body, as: UTF8.self)) ?? -1
    }

    /// Waits until the server's count reaches the number.
    func has(_ count: Int, _ name: String, within seconds: Double = 10) async throws -> Bool {
        let end = Date().addingTimeInterval(seconds)
        while Date() < end {
            if try await self.count(name) >= count { return true }
            try await Task.sleep(for: .milliseconds(20))
        }
        return false
    }
}

func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

/// The error of a request that must fail.
func failure(_ request: HTTPRequest) async throws -> HTTPError? {
    do {
        let answer = try await request.answer(upTo: 1 << 20)
        return .broken("answered: \(answer.status)")
    } catch let error as HTTPError {
        return error
    }
}
