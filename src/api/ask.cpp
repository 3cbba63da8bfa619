#include "api/ask.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <format>
#include <nlohmann/json.hpp>

namespace exogpu::api {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using Clock = std::chrono::steady_clock;

std::unexpected<Error> failed(const beast::error_code& error, uint16_t port) {
  const bool late = error == beast::error::timeout;
  return fail(late ? ErrorCode::deadline_exceeded : ErrorCode::unavailable, "the API at port {}: {}", port,
              error.message());
}

// A connection that does one thing at a time, each within a limit.
class Connection {
 public:
  explicit Connection(std::chrono::milliseconds within) : stream_(io_), within_(within) {}

  template <typename Begin>
  beast::error_code run(Begin begin) {
    beast::error_code result;
    stream_.expires_after(within_);
    begin([&](const beast::error_code& error, auto&&...) { result = error; });
    io_.restart();
    io_.run();
    return result;
  }

  Result<void> send(uint16_t port, const http::request<http::string_body>& request) {
    const boost::asio::ip::tcp::endpoint at(boost::asio::ip::address_v4::loopback(), port);
    if (auto error = run([&](auto done) { stream_.async_connect(at, done); })) return failed(error, port);
    if (auto error = run([&](auto done) { http::async_write(stream_, request, done); })) return failed(error, port);
    if (auto error = run([&](auto done) { http::async_read_header(stream_, buffer_, parser_, done); })) {
      return failed(error, port);
    }
    return {};
  }
  // More of the body; false at its end.
  Result<bool> read(uint16_t port) {
    if (parser_.is_done()) return false;
    if (auto error = run([&](auto done) { http::async_read_some(stream_, buffer_, parser_, done); })) {
      return failed(error, port);
    }
    return true;
  }
  int status() { return static_cast<int>(parser_.get().result_int()); }
  std::string take() { return std::exchange(parser_.get().body(), {}); }

 private:
  boost::asio::io_context io_;
  beast::tcp_stream stream_;
  std::chrono::milliseconds within_;
  beast::flat_buffer buffer_;
  http::response_parser<http::string_body> parser_;
};

std::string message_of(const std::string& body) {
  const auto parsed = nlohmann::json::parse(body, nullptr, false);
  if (parsed.is_object() && parsed.contains("error") && parsed["error"].is_object()) {
    return parsed["error"].value("message", body);
  }
  return body;
}

}  // namespace

Result<Reply> get(uint16_t port, const std::string& path, std::chrono::milliseconds within) {
  Connection connection(within);
  http::request<http::string_body> request(http::verb::get, path, 11);
  request.set(http::field::host, std::format("127.0.0.1:{}", port));
  EXO_CHECK(connection.send(port, request));
  while (true) {
    EXO_TRY(const bool more, connection.read(port));
    if (!more) return Reply{.status = connection.status(), .body = connection.take()};
  }
}

Result<AskStats> ask(uint16_t port, const std::string& question, uint32_t tokens_max, std::chrono::milliseconds silence,
                     const std::function<void(std::string_view)>& on_text) {
  Connection connection(silence);
  http::request<http::string_body> request(http::verb::post, "/v1/chat/completions", 11);
  request.set(http::field::host, std::format("127.0.0.1:{}", port));
  request.set(http::field::content_type, "application/json");
  const nlohmann::json body = {{"messages", {{{"role", "user"}, {"content", question}}}},
                               {"max_tokens", tokens_max},
                               {"temperature", 0},
                               {"stream", true}};
  request.body() = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  request.prepare_payload();
  const auto begin = Clock::now();
  EXO_CHECK(connection.send(port, request));
  AskStats stats;
  std::string text;
  while (true) {
    EXO_TRY(const bool more, connection.read(port));
    text += connection.take();
    if (connection.status() != 200) {
      if (more) continue;
      return fail(ErrorCode::unavailable, "{}", message_of(text));
    }
    for (size_t end = 0; (end = text.find("\n\n")) != std::string::npos; text.erase(0, end + 2)) {
      const std::string_view event = std::string_view(text).substr(0, end);
      if (!event.starts_with("data: {")) continue;
      const auto chunk = nlohmann::json::parse(event.substr(6), nullptr, false);
      if (chunk.is_discarded()) return fail(ErrorCode::corrupt, "the API sent an event that is no JSON");
      if (chunk.contains("error")) return fail(ErrorCode::unavailable, "{}", message_of(chunk.dump()));
      for (const auto& choice : chunk.value("choices", nlohmann::json::array())) {
        const std::string piece = choice.value(nlohmann::json::json_pointer("/delta/content"), std::string());
        if (piece.empty()) continue;
        if (stats.pieces++ == 0) stats.first = Clock::now() - begin;
        on_text(piece);
      }
    }
    if (!more) break;
  }
  stats.whole = Clock::now() - begin;
  return stats;
}

}  // namespace exogpu::api
