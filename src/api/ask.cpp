#include "api/ask.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <format>
#include <nlohmann/json.hpp>

namespace exogpu::api {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using Clock = std::chrono::steady_clock;

std::unexpected<Error> failed(const beast::error_code& error, const ApiAddress& at) {
  const bool late = error == beast::error::timeout;
  return fail(late ? ErrorCode::deadline_exceeded : ErrorCode::unavailable, "the API at {}:{}: {}", at.host, at.port,
              error.message());
}

// A connection that does one thing at a time, each within a limit.
class AskedServer {
 public:
  explicit AskedServer(std::chrono::milliseconds within) : stream_(io_), within_(within) {}

  // Ends what it does now or next, from any thread.
  void interrupt() {
    boost::asio::post(io_, [this] { stream_.cancel(); });
  }

  template <typename Begin>
  beast::error_code run(Begin begin) {
    beast::error_code result;
    stream_.expires_after(within_);
    begin([&](const beast::error_code& error, auto&&...) { result = error; });
    io_.restart();
    io_.run();
    return result;
  }

  Result<void> send(const ApiAddress& at, const http::request<http::string_body>& request) {
    beast::error_code unknown;
    boost::asio::ip::tcp::resolver resolver(io_);
    const auto found = resolver.resolve(at.host, std::to_string(at.port), unknown);
    if (unknown) return failed(unknown, at);
    if (auto error = run([&](auto done) { stream_.async_connect(found, done); })) return failed(error, at);
    if (auto error = run([&](auto done) { http::async_write(stream_, request, done); })) return failed(error, at);
    if (auto error = run([&](auto done) { http::async_read_header(stream_, buffer_, parser_, done); })) {
      return failed(error, at);
    }
    return {};
  }
  // More of the body; false at its end.
  Result<bool> read(const ApiAddress& at) {
    if (parser_.is_done()) return false;
    if (auto error = run([&](auto done) { http::async_read_some(stream_, buffer_, parser_, done); })) {
      return failed(error, at);
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
  if (!parsed.is_object() || !parsed.contains("error")) return body;
  const nlohmann::json& error = parsed["error"];
  return error.is_object() ? error.value("message", body) : error.is_string() ? error.get<std::string>() : body;
}

http::request<http::string_body> request_to(const ApiAddress& at, http::verb verb, const std::string& path) {
  http::request<http::string_body> request(verb, path, 11);
  request.set(http::field::host, std::format("{0}{1}{2}:{3}", at.host.contains(':') ? "[" : "", at.host,
                                             at.host.contains(':') ? "]" : "", at.port));
  if (!at.key.empty()) request.set(http::field::authorization, "Bearer " + at.key);
  return request;
}

Result<ServerReply> exchange(const ApiAddress& at, const http::request<http::string_body>& request,
                             std::chrono::milliseconds within) {
  AskedServer connection(within);
  EXO_CHECK(connection.send(at, request));
  while (true) {
    EXO_TRY(const bool more, connection.read(at));
    if (!more) return ServerReply{.status = connection.status(), .body = connection.take()};
  }
}

// The pieces of an answer in a stream of events.
class ChatPieces {
 public:
  explicit ChatPieces(const std::function<void(std::string_view)>& on_text) : on_text_(on_text) {}

  Result<void> take(std::string_view event, AskStats& stats) {
    if (!event.starts_with("data: {")) return {};
    const auto chunk = nlohmann::json::parse(event.substr(6), nullptr, false);
    if (chunk.is_discarded()) return fail(ErrorCode::corrupt, "the API sent an event that is no JSON");
    if (chunk.contains("error")) return fail(ErrorCode::unavailable, "{}", message_of(chunk.dump()));
    for (const auto& choice : chunk.value("choices", nlohmann::json::array())) take_choice(choice, stats);
    if (const auto usage = chunk.find("usage"); usage != chunk.end() && usage->is_object()) {
      stats.prompt_tokens = usage->value("prompt_tokens", 0U);
      stats.answer_tokens = usage->value("completion_tokens", 0U);
    }
    return {};
  }
  void end() {
    if (std::exchange(thinks_, false)) on_text_("</think>\n");
  }

 private:
  void take_choice(const nlohmann::json& choice, AskStats& stats) {
    const auto part = [&](const char* path) {
      const auto at = nlohmann::json::json_pointer(path);
      return choice.contains(at) && choice.at(at).is_string() ? choice.at(at).get<std::string>() : std::string();
    };
    const std::string thought = part("/delta/reasoning_content"), text = part("/delta/content") + part("/text");
    if (!thought.empty() && !std::exchange(thinks_, true)) on_text_("<think>");
    if (!thought.empty()) on_text_(thought);
    if (!text.empty()) end();
    if (!text.empty()) on_text_(text);
    if (!thought.empty() || !text.empty()) ++stats.pieces;
    if (const std::string reason = part("/finish_reason"); !reason.empty()) stats.finish_reason = reason;
  }

  const std::function<void(std::string_view)>& on_text_;
  bool thinks_ = false;
};

}  // namespace

ErrorCode error_code_of(int status) {
  switch (status) {
    case 400: return ErrorCode::invalid_argument;
    case 401: return ErrorCode::unauthenticated;
    case 403: return ErrorCode::permission_denied;
    case 404: return ErrorCode::not_found;
    case 409: return ErrorCode::already_exists;
    case 504: return ErrorCode::deadline_exceeded;
    default: return ErrorCode::unavailable;
  }
}

std::string error_message(const ServerReply& reply) { return message_of(reply.body); }

Result<ServerReply> get(const ApiAddress& at, const std::string& path, std::chrono::milliseconds within) {
  return exchange(at, request_to(at, http::verb::get, path), within);
}

Result<ServerReply> post(const ApiAddress& at, const std::string& path, const std::string& body,
                         std::chrono::milliseconds within) {
  auto request = request_to(at, http::verb::post, path);
  request.set(http::field::content_type, "application/json");
  request.body() = body;
  request.prepare_payload();
  return exchange(at, request, within);
}

Result<void> stream(const ApiAddress& at, const std::string& path, const std::string& body,
                    std::string_view end_of_part, std::chrono::milliseconds silence,
                    const std::function<Result<void>(std::string_view)>& on_part, const std::stop_token& cancel) {
  AskedServer connection(silence);
  const std::stop_callback interrupt(cancel, [&] { connection.interrupt(); });
  auto request = request_to(at, http::verb::post, path);
  request.set(http::field::content_type, "application/json");
  request.body() = body;
  request.prepare_payload();
  const auto sent = connection.send(at, request);
  if (cancel.stop_requested()) return {};
  EXO_CHECK(sent);
  std::string text;
  while (true) {
    const auto read = connection.read(at);
    if (cancel.stop_requested()) return {};
    EXO_TRY(const bool more, read);
    text += connection.take();
    if (connection.status() != 200) {
      if (more) continue;
      return fail(error_code_of(connection.status()), "{}", message_of(text));
    }
    for (size_t end = 0; (end = text.find(end_of_part)) != std::string::npos; text.erase(0, end + end_of_part.size())) {
      EXO_CHECK(on_part(std::string_view(text).substr(0, end)));
    }
    if (!more) break;
  }
  return {};
}

Result<AskStats> stream_answer(const ApiAddress& at, const std::string& path, const std::string& body,
                               std::chrono::milliseconds silence, const std::function<void(std::string_view)>& on_text,
                               const std::stop_token& cancel) {
  ChatPieces pieces(on_text);
  AskStats stats;
  const auto begin = Clock::now();
  const auto on_event = [&](std::string_view event) -> Result<void> {
    EXO_CHECK(pieces.take(event, stats));
    if (stats.pieces > 0 && stats.first.count() == 0) stats.first = Clock::now() - begin;
    return {};
  };
  EXO_CHECK(stream(at, path, body, "\n\n", silence, on_event, cancel));
  pieces.end();
  stats.whole = Clock::now() - begin;
  return stats;
}

Result<AskStats> ask(const ApiAddress& at, const std::string& question, uint32_t tokens_max,
                     std::chrono::milliseconds silence, const std::function<void(std::string_view)>& on_text) {
  const nlohmann::json body = {{"messages", {{{"role", "user"}, {"content", question}}}},
                               {"max_tokens", tokens_max},
                               {"temperature", 0},
                               {"stream", true}};
  return stream_answer(at, kChatPath, body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), silence,
                       on_text, {});
}

}  // namespace exogpu::api
