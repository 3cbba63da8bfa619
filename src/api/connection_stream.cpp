// The part of a connection that reads streams which a node keeps.
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "api/connection.h"
#include "api/http_chunk.h"
#include "api/stream_routes.h"

namespace exogpu::api {

namespace asio = boost::asio;

namespace {

ApiError stream_error(const Error& error) {
  ApiError out = to_api_error(error);
  if (error.code != ErrorCode::not_found) return out;
  out.param = "id";
  out.code = "stream_not_found";
  return out;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> Connection::answer_fields() const {
  if (messages_removed_ == 0) return {};
  return {{"X-Messages-Removed", std::to_string(messages_removed_)}};
}

std::string Connection::stream_head(std::string_view type,
                                    std::vector<std::pair<std::string, std::string>> fields) const {
  fields.insert(fields.end(), {{"Content-Type", std::string(type)},
                               {"Cache-Control", "no-cache"},
                               {"X-Accel-Buffering", "no"},  // nginx passes it on at once
                               {http_1_0_ ? "Pragma" : "Transfer-Encoding", http_1_0_ ? "no-cache" : "chunked"}});
  return head(200, std::move(fields));
}

// Empty when the client is gone, or the server stops.
Connection::Awaitable<std::optional<Result<wire::StreamBytes>>> Connection::read_stream(wire::StreamRead request) {
  const auto result = std::make_shared<std::optional<Result<wire::StreamBytes>>>();
  shared_.service.read_stream(std::move(request), [self = shared_from_this(), executor = socket_.get_executor(),
                                                   result](Result<wire::StreamBytes> part) {
    asio::post(executor, [self, result, part = std::move(part)]() mutable {
      *result = std::move(part);
      self->wake_.cancel();
    });
  });
  while (!*result && !gone_ && !ending_) {
    wake_.expires_at(asio::steady_timer::time_point::max());
    co_await wake_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  if (gone_ || ending_) co_return std::nullopt;
  co_return std::move(*result);
}

Connection::Awaitable<bool> Connection::keep(std::unique_ptr<AnswerWriter>& writer, uint64_t id,
                                             std::chrono::milliseconds linger, Delivery first) {
  const wire::StreamId stream_id(id);
  const auto kept = std::make_shared<KeptAnswer>(socket_.get_executor(), mailbox_, std::move(writer),
                                                 shared_.options.comment_interval);
  if (!kept->start(shared_.service, stream_id, owner_, linger, first)) {
    writer = kept->release_writer();
    co_return co_await stream(*writer, std::move(first));
  }
  std::erase_if(shared_.kept_answers, [](const AnswerOf& other) { return other.answer.expired(); });
  shared_.kept_answers.push_back({.answer = kept, .by = principal_});
  mailbox_.reset();
  co_return co_await relay({.stream = stream_id, .owner = owner_});
}

// A client that is gone is noticed when it is sent more.
void Connection::begin_watch() {
  gone_ = half_closed_ = probe_due_ = false;
  stream_begun_ = true;
  messages_removed_ = 0;
  watch();
}

void Connection::end_watch() {
  ++watch_id_;
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

Connection::Awaitable<bool> Connection::follow(wire::StreamRead request) {
  begin_watch();
  const bool reusable = co_await relay(std::move(request));
  end_watch();
  co_return reusable && !gone_;
}

Connection::Awaitable<bool> Connection::relay(wire::StreamRead request) {
  for (bool begun = false;; begun = true) {
    auto part = co_await read_stream(request);
    if (!part || (!*part && begun)) co_return false;  // without its end, a client knows that the stream is not whole
    if (!*part) co_return co_await write_reply(error_reply(stream_error(part->error())));
    if (request.stop) co_return co_await write_reply({.body = R"({"status":"ok"})"});
    const wire::StreamBytes& got = **part;
    std::string out;
    if (!begun) {
      auto fields = answer_fields();
      fields.emplace_back("X-Stream-Id", stream_id_text(request.stream));
      out = stream_head(got.type, std::move(fields));
    }
    if (!got.bytes.empty()) out += http_1_0_ ? got.bytes : chunk(got.bytes);
    if (got.ended && !http_1_0_) out += chunk({});
    request.from += got.bytes.size();
    const bool ended = got.ended;
    const bool taken = co_await write(std::move(out));
    if (!taken) co_return false;
    if (ended) co_return keep_alive_ && !http_1_0_;
  }
}

}  // namespace exogpu::api
