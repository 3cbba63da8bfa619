// The part of a connection that answers a request which has been read.
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <random>

#include "api/client_identity.h"
#include "api/connection.h"
#include "api/http_chunk.h"
#include "api/session.h"
#include "base/rng.h"

namespace exogpu::api {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

constexpr size_t kReadAheadMax = 64 * KiB;  // of later requests, while one is answered

std::string_view field(const http::request<http::string_body>& request, auto name) {
  const boost::beast::string_view value = request[name];
  return {value.data(), value.size()};
}

// Not to be guessed: it is part of the right to read a stream.
uint64_t random_stream_id() {
  std::random_device random;
  return static_cast<uint64_t>(random()) << 32 | random();
}

Reply error_reply(const AnswerWriter& writer, const Delivery& delivery) {
  const ApiError what = to_api_error(*delivery.error, delivery.queue);
  return error_reply(what, writer.error(what));
}

}  // namespace

// A client that only ends its sending side waits for its reply; one that has closed the connection looks the same until
// it is sent something.
void Connection::watch() {
  socket_.async_wait(asio::socket_base::wait_read, [self = shared_from_this(), id = watch_id_](error_code failure) {
    if (failure || id != self->watch_id_) return;
    if (self->buffer_.size() >= kReadAheadMax) return;
    const size_t got = self->socket_.read_some(self->buffer_.prepare(4 * KiB), failure);
    self->buffer_.commit(got);
    if (!failure || failure == asio::error::would_block) return self->watch();
    if (failure != asio::error::eof) return self->lost();
    self->half_closed_ = self->probe_due_ = true;
    self->watch_for_reset();
    self->wake_.cancel();
  });
}

void Connection::watch_for_reset() {
  socket_.async_wait(asio::socket_base::wait_error, [self = shared_from_this(), id = watch_id_](error_code failure) {
    if (!failure && id == self->watch_id_) self->lost();
  });
}

void Connection::lost() {
  gone_ = true;
  wake_.cancel();
  error_code ignored;
  socket_.cancel(ignored);
}

Connection::Awaitable<bool> Connection::probe() {
  if (http_1_0_ || stream_begun_) co_return true;  // a stream sends comments; HTTP/1.0 has nothing to send
  co_return co_await write("HTTP/1.1 100 Continue\r\n\r\n");
}

Connection::Awaitable<bool> Connection::answer(Parser& parser) {
  if (!shared_.stopping) ending_.reset();
  const auto& request = parser.get();
  const boost::beast::string_view method = request.method_string(), target = request.target();
  const std::string address = client_address();
  const std::string_view sent = field(request, http::field::authorization), sent_key = field(request, "x-api-key");
  const std::string_view of_cookie = session_key({.method = {method.data(), method.size()},
                                                  .host = field(request, http::field::host),
                                                  .origin = field(request, http::field::origin),
                                                  .fetch_site = field(request, "Sec-Fetch-Site"),
                                                  .cookies = field(request, http::field::cookie)});
  const bool by_cookie = sent.empty() && sent_key.empty() && !of_cookie.empty();
  const RequestView what{.method = {method.data(), method.size()},
                         .target = {target.data(), target.size()},
                         .body = request.body(),
                         .content_encoding = field(request, http::field::content_encoding),
                         .host = field(request, http::field::host),
                         .authorization = sent,
                         .api_key = by_cookie ? of_cookie : sent_key,
                         .origin = field(request, http::field::origin),
                         .requested_headers = field(request, http::field::access_control_request_headers),
                         .accept = field(request, http::field::accept),
                         .accept_encoding = field(request, http::field::accept_encoding),
                         .if_none_match = field(request, http::field::if_none_match),
                         .address = address,
                         .from_this_machine = from_this_machine() && field(request, "X-Forwarded-For").empty() &&
                                              field(request, "Forwarded").empty()};
  const uint64_t seed = random_bits(shared_.random_seed, shared_.random_position++);
  auto [routed, by, note] = route(what, shared_.options, shared_.door, shared_.service, shared_.answers, seed);
  principal_ = std::move(by);
  begin_audit(std::move(note), what.from_this_machine);
  const ClientIdentity client =
      client_identity(presented_key(what.authorization, what.api_key), address, shared_.options);
  owner_ = client.owner;
  release_body(parser);
  if (auto* call = std::get_if<TextCall>(&routed)) {
    for (node::GenerationRequest& generation : call->generations) generation.client = client.id;
    co_return co_await generate(std::move(*call));
  }
  if (auto* read = std::get_if<wire::StreamRead>(&routed)) {
    read->owner = owner_;
    co_return co_await follow(std::move(*read));
  }
  if (auto* job = std::get_if<Job>(&routed)) {
    Reply reply = co_await run_elsewhere(std::move(*job));
    co_return co_await write_reply(std::move(reply));
  }
  if (auto* later = std::get_if<LaterReply>(&routed)) co_return co_await answer_later(std::move(*later));
  if (auto* feed = std::get_if<Feed>(&routed)) co_return co_await send_feed(std::move(*feed));
  co_return co_await write_reply(std::move(std::get<Reply>(routed)));
}

Connection::Awaitable<Reply> Connection::run_elsewhere(Job job) {
  co_return co_await asio::co_spawn(
      shared_.workers, [job = std::move(job)]() mutable -> Awaitable<Reply> { co_return job(); }, asio::use_awaitable);
}

Connection::Awaitable<bool> Connection::generate(TextCall call) {
  std::vector<uint32_t> answers(1, 1);
  if (!call.work) answers.assign(call.generations.size(), call.generations.front().answers);
  mailbox_ = std::make_shared<Mailbox>(socket_.get_executor(), std::move(answers), shared_.options.backlog_bytes_max,
                                       [this] { wake_.cancel(); });
  // The mailbox may outlive this connection, as that of a stream that lingers.
  mailbox_->count_tokens([&shared = shared_, by = std::make_shared<const Principal>(principal_), sender = sender_,
                          from = client_address()](uint64_t tokens) {
    shared.door.count_tokens(*by, tokens, std::chrono::steady_clock::now());
    if (auto* audit = shared.service.audit()) audit->count(sender, from, {.requests = 0, .tokens = tokens});
  });
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const uint64_t id = random_stream_id();
  std::unique_ptr<AnswerWriter> writer =
      call.writer({.id = id,
                   .created = std::chrono::duration_cast<std::chrono::seconds>(now).count(),
                   .model = call.work ? std::string() : call.generations.front().model});
  gone_ = half_closed_ = probe_due_ = stream_begun_ = false;
  messages_removed_ = 0;
  watch();
  if (call.work) call.work(shared_.service, mailbox_->listener(0), mailbox_->cancel_token());
  for (uint32_t i = 0; i < call.generations.size(); ++i) {
    shared_.service.generate(std::move(call.generations[i]), mailbox_->listener(i), mailbox_->cancel_token());
  }

  bool reusable = false;
  Delivery first = co_await next_delivery();
  if (gone_) {
    // The client has disconnected.
  } else if (first.error) {
    reusable = co_await write_reply(error_reply(*writer, first));
  } else if (const auto linger = call.linger.value_or(shared_.options.linger); call.stream && linger.count() > 0) {
    reusable = co_await keep(writer, id, linger, std::move(first));
  } else if (call.stream) {
    reusable = co_await stream(*writer, std::move(first));
  } else {
    reusable = co_await gather(*writer, std::move(first));
  }
  ++watch_id_;
  error_code ignored;
  socket_.cancel(ignored);
  if (mailbox_) mailbox_->close();
  mailbox_.reset();
  co_return reusable && !gone_;
}

// Empty when there was nothing to send for a while.
Connection::Awaitable<Delivery> Connection::next_delivery() {
  for (;;) {
    Delivery delivery = mailbox_->take();
    if (ending_ && !delivery.ended) {
      delivery.error = *ending_;
      delivery.ended = true;
    }
    begun_ = begun_ || !delivery.empty();
    if (delivery.prompt_tokens) messages_removed_ = delivery.messages_removed;
    if (gone_ || !delivery.empty()) co_return delivery;
    if (std::exchange(probe_due_, false)) {
      const bool sent = co_await probe();
      if (!sent || stream_begun_) co_return delivery;
      continue;  // what arrived meanwhile has woken nobody
    }
    wake_.expires_after(shared_.options.comment_interval);
    const auto [woken] = co_await wake_.async_wait(asio::as_tuple(asio::use_awaitable));
    if (woken) continue;
    probe_due_ = half_closed_;
    if (!probe_due_) co_return delivery;
  }
}

Connection::Awaitable<bool> Connection::stream(AnswerWriter& writer, Delivery delivery) {
  stream_begun_ = true;
  audit_reply(200);
  std::string out = stream_head(writer.stream_type(), answer_fields());
  for (;;) {
    const bool ended = delivery.ended;
    const std::string events = delivery.empty() ? writer.keep_alive() : writer.events(std::move(delivery));
    if (!events.empty()) out += http_1_0_ ? events : chunk(events);
    if (ended && !http_1_0_) out += chunk({});
    const bool taken = co_await write(std::move(out));
    if (!taken) co_return false;
    if (ended) co_return keep_alive_ && !http_1_0_;
    delivery = co_await next_delivery();
    if (gone_) co_return false;
    out.clear();
  }
}

Connection::Awaitable<bool> Connection::gather(AnswerWriter& writer, Delivery delivery) {
  for (;;) {
    const bool ended = delivery.ended;
    if (delivery.error) co_return co_await write_reply(error_reply(writer, delivery));
    writer.collect(std::move(delivery));
    if (ended) co_return co_await write_reply({.body = writer.whole(), .fields = answer_fields()});
    delivery = co_await next_delivery();
    if (gone_) co_return false;
  }
}

}  // namespace exogpu::api
