#include "api/connection.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <chrono>

namespace exogpu::api {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
constexpr size_t kSlice = 64 * KiB;  // of a write: what a slow client must take within the time limit
constexpr size_t kBufferMax = 256 * KiB;
constexpr size_t kLingerBytes = 64 * MiB;
constexpr std::chrono::milliseconds kLingerTime{5000};
constexpr std::chrono::milliseconds kLingerStopping{100};  // a client that keeps the connection must not hold up a stop

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

}  // namespace

Connection::Connection(ClientSocket socket, Shared& shared)
    : socket_(std::move(socket.socket)),
      client_(std::move(socket.client)),
      shared_(shared),
      deadline_(socket_.get_executor()),
      wake_(socket_.get_executor()),
      buffer_(kBufferMax) {
  shared_.connections.insert(this);
}

Connection::~Connection() {
  shared_.body_bytes -= body_bytes_;
  shared_.connections.erase(this);
  shared_.on_closed();
}

void Connection::start() {
  error_code ignored;
  socket_.non_blocking(true, ignored);
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket_.set_option(asio::socket_base::send_buffer_size(128 * KiB), ignored);  // what waits, waits in the Mailbox
  asio::co_spawn(
      socket_.get_executor(), [self = shared_from_this()] { return self->run(); },
      [self = shared_from_this()](const std::exception_ptr&) {
        // Also when memory ran out in the middle: this connection ends, the others go on.
        self->disarm();
        if (self->mailbox_) self->mailbox_->close();
        error_code unused;
        self->socket_.close(unused);
      });
}

void Connection::close_when_idle() {
  if (!answering_) return abort();
  if (!begun_) end_answer({ErrorCode::unavailable, "the node is stopping"});
}

void Connection::end_answer(Error why) {
  ending_ = std::move(why);
  wake_.cancel();
}

void Connection::check_welcome() {
  if (answering_ && !shared_.door.welcome(principal_)) end_answer(no_longer_welcome());
}

void Connection::abort() {
  aborted_ = gone_ = true;
  wake_.cancel();
  error_code ignored;
  socket_.close(ignored);
}

void Connection::arm(std::chrono::milliseconds timeout) {
  timed_out_ = false;
  deadline_.expires_after(timeout);
  deadline_.async_wait([self = shared_from_this(), id = ++deadline_id_](error_code failure) {
    if (failure || id != self->deadline_id_) return;
    self->timed_out_ = true;
    self->socket_.cancel(failure);
  });
}

void Connection::disarm() {
  ++deadline_id_;
  deadline_.cancel();
}

Connection::Awaitable<void> Connection::run() {
  for (;;) {
    const bool received = co_await wait_for_request();
    if (!received) break;
    Parser parser;
    const bool understood = co_await read_request(parser);
    if (!understood) break;
    answering_ = true;
    const bool reusable = co_await answer(parser);
    answering_ = begun_ = false;
    if (!reusable || aborted_) break;
  }
  if (!aborted_) co_await linger();
}

Connection::Awaitable<bool> Connection::wait_for_request() {
  if (aborted_ || shared_.stopping) co_return false;
  if (buffer_.size() > 0) co_return true;
  buffer_.shrink_to_fit();
  arm(shared_.options.idle_timeout);
  const auto [failure] = co_await socket_.async_wait(asio::socket_base::wait_read, kAsTuple);
  disarm();
  co_return !failure && !aborted_;
}

ApiError Connection::read_error(error_code failure, const char* part) const {
  const ServerOptions& options = shared_.options;
  if (timed_out_) {
    return {.status = 408, .message = std::format("the request's {} did not arrive in time", part), .code = "timeout"};
  }
  if (failure == http::error::header_limit || failure == http::error::buffer_overflow) {
    return {.status = 431,
            .message = std::format("the request's header is longer than {}", format_bytes(options.header_bytes_max)),
            .code = "header_too_large"};
  }
  if (failure == http::error::body_limit) {
    return {.status = 413,
            .message = std::format("the request's body is longer than {}", format_bytes(options.body_bytes_max)),
            .code = "body_too_large"};
  }
  return {.message = std::format("this is no HTTP/1.1 request: {}", failure.message()), .code = "bad_request"};
}

Connection::Awaitable<bool> Connection::refuse(ApiError error) {
  keep_alive_ = false;
  co_await write_reply(error_reply(error));
  co_return false;
}

Connection::Awaitable<bool> Connection::read_request(Parser& parser) {
  keep_alive_ = true;
  http_1_0_ = head_only_ = false;
  origin_fields_.clear();
  parser.header_limit(static_cast<uint32_t>(shared_.options.header_bytes_max));
  parser.body_limit(shared_.options.body_bytes_max);
  arm(shared_.options.header_timeout);
  const auto [failure, bytes] = co_await http::async_read_header(socket_, buffer_, parser, kAsTuple);
  disarm();
  if (failure) {
    const bool hung_up = failure == http::error::end_of_stream || failure == http::error::partial_message;
    const bool lost = !timed_out_ && failure.category() == asio::error::get_system_category();
    if (hung_up || lost || aborted_) co_return false;
    ApiError error = read_error(failure, "header");
    co_return co_await refuse(std::move(error));
  }
  const auto& request = parser.get();
  http_1_0_ = request.version() < 11;
  keep_alive_ = request.keep_alive();
  head_only_ = request.method() == http::verb::head;
  const std::string_view origin = view(request[http::field::origin]);
  if (may_use(origin, view(request[http::field::host]), shared_.options, shared_.service)) {
    origin_fields_ = origin_fields({.origin = origin});
  }
  if (request.count(http::field::transfer_encoding) > 0 && !parser.chunked()) {
    // Where its body ends is for nobody to say, and a proxy may say otherwise.
    ApiError error{.message = "this is no HTTP/1.1 request: chunked is the only transfer coding",
                   .code = "bad_request"};
    co_return co_await refuse(std::move(error));
  }
  if (!parser.is_done() && boost::beast::iequals(request[http::field::expect], "100-continue")) {
    const bool taken = co_await write("HTTP/1.1 100 Continue\r\n\r\n");
    if (!taken) co_return false;
  }
  co_return co_await read_body(parser);
}

Connection::Awaitable<bool> Connection::read_body(Parser& parser) {
  arm(shared_.options.body_timeout);
  while (!parser.is_done()) {
    const auto [failure, bytes] = co_await http::async_read_some(socket_, buffer_, parser, kAsTuple);
    const Bytes grown = parser.get().body().size() - body_bytes_;
    body_bytes_ += grown;
    shared_.body_bytes += grown;
    if (failure) {
      const bool lost = !timed_out_ && (failure == http::error::partial_message ||
                                        failure.category() == asio::error::get_system_category());
      if (lost || aborted_) co_return false;
      ApiError error = read_error(failure, "body");
      release_body(parser);
      co_return co_await refuse(std::move(error));
    }
    if (shared_.body_bytes > shared_.options.bodies_bytes_max) {
      ApiError error{.status = 503,
                     .message = "too many long requests arrive at once; try again later",
                     .type = "server_error",
                     .code = "unavailable"};
      release_body(parser);
      co_return co_await refuse(std::move(error));
    }
  }
  disarm();
  co_return true;
}

void Connection::release_body(Parser& parser) {
  parser.get().body() = {};
  shared_.body_bytes -= body_bytes_;
  body_bytes_ = 0;
}

Connection::Awaitable<bool> Connection::write(std::string text) {
  for (size_t sent = 0; sent < text.size();) {
    const size_t size = std::min(kSlice, text.size() - sent);
    arm(shared_.options.write_timeout);
    const auto [failure, bytes] = co_await asio::async_write(socket_, asio::buffer(text.data() + sent, size), kAsTuple);
    disarm();
    if (failure) {
      gone_ = true;
      co_return false;
    }
    sent += size;
  }
  co_return true;
}

Connection::Awaitable<bool> Connection::write_reply(Reply reply) {
  if (shared_.stopping) keep_alive_ = false;
  audit_reply(reply.status);
  if (reply.status != 204 && reply.status != 304) {
    reply.fields.emplace_back("Content-Type", reply.type);
    reply.fields.emplace_back("Content-Length", std::to_string(reply.body.size()));
  }
  std::string text = head(reply.status, std::move(reply.fields));
  if (!head_only_) text += reply.body;
  const bool taken = co_await write(std::move(text));
  co_return taken&& keep_alive_;
}

std::string Connection::head(unsigned status, std::vector<std::pair<std::string, std::string>> fields) const {
  const std::string_view reason = view(http::obsolete_reason(http::int_to_status(status)));
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  std::string text =
      std::format("HTTP/1.1 {} {}\r\nDate: {:%a, %d %b %Y %H:%M:%S} GMT\r\nServer: exogpu\r\n", status, reason, now);
  fields.insert(fields.end(), origin_fields_.begin(), origin_fields_.end());
  if (!keep_alive_) {
    fields.emplace_back("Connection", "close");
  } else if (http_1_0_) {
    fields.emplace_back("Connection", "keep-alive");
  }
  for (const auto& [name, value] : fields) text += std::format("{}: {}\r\n", name, value);
  return text + "\r\n";
}

// Closing with bytes unread would make the system take back what was just written.
Connection::Awaitable<void> Connection::linger() {
  error_code ignored;
  socket_.shutdown(asio::socket_base::shutdown_send, ignored);
  std::vector<char> rest(16 * KiB);
  arm(shared_.stopping ? kLingerStopping : kLingerTime);
  for (size_t sum = 0; sum < kLingerBytes;) {
    const auto [failure, bytes] = co_await socket_.async_read_some(asio::buffer(rest), kAsTuple);
    if (failure || timed_out_ || shared_.stopping) break;
    sum += bytes;
  }
  disarm();
}

}  // namespace exogpu::api
