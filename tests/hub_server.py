"""A hub on this machine for tests, with configurable faults.

A test fills `files` and `faults`. Each request for a file takes the next fault, a dictionary of what to do otherwise:
  status, headers       answer this instead of the file
  stop_after            so many bytes of the body are sent, then the connection is closed
  hold_after            so many bytes of the body are sent, the rest when `go` is set
  length                says this Content-Length
  content_range         says this Content-Range, and 206
  body                  sends this instead
  raw                   sends these bytes and nothing else
`requests` holds (path, headers) of everything that was asked for.
"""
import hashlib
import http.server
import json
import re
import ssl
import threading


class Hub:
    def __init__(self, certificate=None, host="127.0.0.1"):
        self.files = {}       # "ORG/REPO/FILE": bytes
        self.stated = {}      # "ORG/REPO/FILE": false statements of the listing: {"size": ..., "sha256": ...}
        self.listing = {}     # "ORG/REPO": fault for requests of its listing
        self.faults = []      # for requests of files, in order
        self.always = {}      # fault for all further requests of files
        self.ranges = True    # whether Range is honoured
        self.etags = True     # whether ETag is sent, and If-Range honoured
        self.page = 0         # files per page of a listing; 0: all
        self.search = []      # names
        self.requests = []
        self.go = threading.Event()
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                hub.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                self.close_connection = True
                try:
                    hub.answer(self)
                except (BrokenPipeError, ConnectionResetError):
                    pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):  # a client that refuses this server's certificate
                pass

        self.server = Server((host, 0), Handler)
        self.server.daemon_threads = True
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.url = f"{'https' if certificate else 'http'}://{host}:{self.port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self):
        self.go.set()
        self.server.shutdown()
        self.server.server_close()

    def file_requests(self):
        return [headers for path, headers in self.requests if not path.startswith("/api/")]

    def answer(self, handler):
        path, _, query = handler.path.partition("?")
        if path == "/api/models":
            return self.send(handler, 200, json.dumps([{"id": name} for name in self.search]).encode())
        listing = re.fullmatch(r"/api/models/([^/]+/[^/]+)/tree/main", path)
        if listing:
            return self.answer_listing(handler, listing[1], query)
        fault = self.faults.pop(0) if self.faults else self.always
        if "raw" in fault:
            return handler.wfile.write(fault["raw"])
        if "status" in fault:
            return self.send(handler, fault["status"], b"<html>no</html>", fault.get("headers", {}))
        body = self.files.get(path.removeprefix("/").replace("/resolve/main/", "/"))
        if body is None:
            return self.send(handler, 404, b"")
        return self.answer_file(handler, body, fault)

    def answer_listing(self, handler, repository, query):
        fault = self.listing.get(repository, {})
        if "status" in fault or "body" in fault:
            return self.send(handler, fault.get("status", 200), fault.get("body", b"no"), fault.get("headers", {}))
        entries = []
        for name, body in sorted(self.files.items()):
            if name.startswith(repository + "/"):
                stated = {"size": len(body), "sha256": hashlib.sha256(body).hexdigest(), **self.stated.get(name, {})}
                entry = {"type": "file", "path": name[len(repository) + 1:], "size": stated["size"]}
                if stated["sha256"]:
                    entry["lfs"] = {"oid": stated["sha256"], "size": stated["size"], "pointerSize": 135}
                entries.append(entry)
        if not entries:
            return self.send(handler, 404, b"{}")
        headers = {}
        if self.page:
            first = int((re.search(r"first=(\d+)", query) or [0, 0])[1])
            if first + self.page < len(entries):
                headers["Link"] = f'<{self.url}{handler.path.partition("?")[0]}?first={first + self.page}>; rel="next"'
            entries = entries[first:first + self.page]
        return self.send(handler, 200, json.dumps(entries).encode(), headers)

    def answer_file(self, handler, body, fault):
        body = fault.get("body", body)
        etag = '"' + hashlib.md5(body).hexdigest() + '"'
        status, first, headers = 200, 0, {**fault.get("headers", {})}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", handler.headers.get("Range", ""))
        same = not self.etags or handler.headers.get("If-Range", etag) == etag
        if self.etags:
            headers["ETag"] = etag
        if asked and self.ranges and same:
            first, last = int(asked[1]), int(asked[2] or len(body) - 1)
            if first >= len(body):
                return self.send(handler, 416, b"", {"Content-Range": f"bytes */{len(body)}"})
            status, headers["Content-Range"] = 206, f"bytes {first}-{last}/{len(body)}"
            body = body[first:last + 1]
        if "content_range" in fault:
            status, headers["Content-Range"] = 206, fault["content_range"]
        return self.send(handler, status, body, headers, fault)

    def send(self, handler, status, body, headers=None, fault=None):
        fault = fault or {}
        handler.send_response(status)
        handler.send_header("Content-Length", str(fault.get("length", len(body))))
        for name, value in (headers or {}).items():
            handler.send_header(name, value)
        handler.end_headers()
        if "stop_after" in fault:
            handler.wfile.write(body[:fault["stop_after"]])
        elif "hold_after" in fault:
            handler.wfile.write(body[:fault["hold_after"]])
            handler.wfile.flush()
            self.go.wait(60)
            handler.wfile.write(body[fault["hold_after"]:])
        else:
            handler.wfile.write(body)
