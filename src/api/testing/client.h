// A plain HTTP/1.1 client on a blocking socket, which can also break the protocol.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace exogpu::api::testing {

struct Response {
  int status = 0;                             // 0: the connection was closed before a header arrived
  std::map<std::string, std::string> fields;  // names in lower case
  std::string body;
  bool complete = false;

  nlohmann::json json() const { return nlohmann::json::parse(body, nullptr, false); }
  nlohmann::json error() const {
    const auto parsed = json();
    return parsed.is_object() ? parsed.value("error", nlohmann::json::object()) : nlohmann::json::object();
  }
  // The data of each event of a stream.
  std::vector<std::string> events() const {
    std::vector<std::string> out;
    for (size_t at = 0, end; (end = body.find("\n\n", at)) != body.npos; at = end + 2) {
      if (body.compare(at, 6, "data: ") == 0) out.push_back(body.substr(at + 6, end - at - 6));
    }
    return out;
  }
};

class Client {
 public:
  // `receive_buffer`: size of the system's receive buffer; 0: the default.
  explicit Client(uint16_t port, int receive_buffer = 0) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    if (receive_buffer) ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
    const timeval timeout{.tv_sec = 20, .tv_usec = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() { close(); }

  bool connected() const { return connected_; }
  void end_sending() { ::shutdown(socket_, SHUT_WR); }
  void close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }

  bool send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }

  static std::string request(std::string_view method, std::string_view target, std::string_view body = {},
                             std::string_view fields = {}) {
    std::string text = std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nHost: test\r\n";
    text += fields;
    if (!body.empty() || method == "POST") text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    return text + "\r\n" + std::string(body);
  }

  Response get(std::string_view target, std::string_view fields = {}) {
    send(request("GET", target, {}, fields));
    return read();
  }
  Response post(std::string_view target, const nlohmann::json& body, std::string_view fields = {}) {
    send(request("POST", target, body.dump(), fields));
    return read();
  }

  // Receives at least one byte; false at the end.
  bool receive() {
    char bytes[16384];
    const ssize_t got = ::recv(socket_, bytes, sizeof(bytes), 0);
    if (got <= 0) return false;
    buffer_.append(bytes, static_cast<size_t>(got));
    return true;
  }
  // Whether receive() would not block.
  bool readable() const {
    pollfd ready{.fd = socket_, .events = POLLIN, .revents = 0};
    return ::poll(&ready, 1, 0) == 1;
  }
  bool closed_by_server() { return !receive() && buffer_.empty(); }
  const std::string& buffer() const { return buffer_; }

  // `has_body`: false after HEAD.
  Response read(bool has_body = true) {
    Response response;
    do {
      size_t end;
      while ((end = buffer_.find("\r\n\r\n")) == buffer_.npos) {
        if (!receive()) return response;
      }
      read_head(buffer_.substr(0, end + 2), response);
      buffer_.erase(0, end + 4);
    } while (response.status == 100);
    if (!has_body || response.status == 204) {
      response.complete = true;
    } else if (response.fields.contains("transfer-encoding")) {
      response.complete = read_chunks(response.body);
    } else if (response.fields.contains("content-length")) {
      response.complete = read_bytes(std::stoul(response.fields["content-length"]), response.body);
    } else {
      while (receive()) {
      }
      response.body = std::exchange(buffer_, {});
      response.complete = true;
    }
    return response;
  }

 private:
  static void read_head(const std::string& head, Response& response) {
    response = {};
    response.status = std::stoi(head.substr(9, 3));
    for (size_t at = head.find("\r\n") + 2; at < head.size();) {
      const size_t end = head.find("\r\n", at), colon = head.find(": ", at);
      std::string name = head.substr(at, colon - at);
      for (char& c : name) c = static_cast<char>(::tolower(c));
      response.fields[name] = head.substr(colon + 2, end - colon - 2);
      at = end + 2;
    }
  }
  bool read_bytes(size_t count, std::string& out) {
    while (buffer_.size() < count) {
      if (!receive()) return false;
    }
    out += buffer_.substr(0, count);
    buffer_.erase(0, count);
    return true;
  }
  bool read_chunks(std::string& out) {
    for (;;) {
      size_t end;
      while ((end = buffer_.find("\r\n")) == buffer_.npos) {
        if (!receive()) return false;
      }
      const size_t size = std::stoul(buffer_.substr(0, end), nullptr, 16);
      buffer_.erase(0, end + 2);
      std::string line_end;
      if (!read_bytes(size, out) || !read_bytes(2, line_end)) return false;
      if (size == 0) return true;
    }
  }

  int socket_;
  bool connected_ = false;
  std::string buffer_;
};

}  // namespace exogpu::api::testing
