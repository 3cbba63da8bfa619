// One client's connection: reads requests and answers them in order.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstdint>
#include <memory>
#include <set>
#include <vector>

#include "api/generation/answer_writer.h"
#include "api/generation/mailbox.h"
#include "api/generation/text_call.h"
#include "api/kept_answer.h"
#include "api/routes.h"
#include "api/tls/peer_socket.h"

namespace exogpu::api {

class Connection;

struct AnswerOf {
  std::weak_ptr<KeptAnswer> answer;
  Principal by;
};

// State shared by all connections of a server. Used only by its thread.
struct Shared {
  const ServerOptions& options;
  node::Service& service;
  AnswerStore& answers;
  Door& door;
  boost::asio::thread_pool& workers;  // for work that takes longer than a request may hold up the others
  std::set<Connection*> connections = {};
  std::vector<AnswerOf> kept_answers = {};
  Bytes body_bytes = 0;   // of all requests being read
  bool stopping = false;  // no connection reads further requests
  uint64_t random_seed = 0, random_position = 0;
  std::function<void()> on_closed = {};  // called after a connection was removed from the set
};

// Lives until its coroutine ends. Runs on the thread of the socket's executor.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(ClientSocket socket, Shared& shared);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  void start();
  // At once when no request is being answered; one whose answer has not begun is refused (503); otherwise after the
  // reply.
  void close_when_idle();
  // What is being answered ends with this error.
  void end_answer(Error why);
  // Likewise, if its sender may not come in any more.
  void check_welcome();
  void abort();

 private:
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
  template <typename T>
  using Awaitable = boost::asio::awaitable<T>;

  Awaitable<void> run();
  Awaitable<bool> wait_for_request();
  // False: close the connection. If possible, a reply with the reason has been sent.
  Awaitable<bool> read_request(Parser& parser);
  Awaitable<bool> read_body(Parser& parser);
  Awaitable<bool> answer(Parser& parser);
  Awaitable<bool> generate(TextCall call);
  // An answer that has begun with `first` goes on as a stream that the node keeps, and this connection follows.
  Awaitable<bool> keep(std::unique_ptr<AnswerWriter>& writer, uint64_t id, std::chrono::milliseconds linger,
                       Delivery first);
  // Sends a stream that a node keeps, from an offset on.
  Awaitable<bool> follow(wire::StreamRead request);
  Awaitable<bool> relay(wire::StreamRead request);
  Awaitable<bool> send_feed(Feed feed);
  // Sends what comes later.
  Awaitable<bool> answer_later(LaterReply begin);
  Awaitable<std::optional<Result<wire::StreamBytes>>> read_stream(wire::StreamRead request);
  Awaitable<bool> stream(AnswerWriter& writer, Delivery first);
  Awaitable<bool> gather(AnswerWriter& writer, Delivery first);
  Awaitable<Reply> run_elsewhere(Job job);
  Awaitable<Delivery> next_delivery();
  // Sends something that has no meaning, which the system of a client that is gone refuses. False: it could not be
  // sent.
  Awaitable<bool> probe();
  Awaitable<bool> write(std::string text);  // false: the client did not read it in time
  Awaitable<bool> write_reply(Reply reply);
  Awaitable<bool> refuse(ApiError error);  // returns false: nothing more can be read from this client
  Awaitable<void> linger();

  std::string head(unsigned status, std::vector<std::pair<std::string, std::string>> fields) const;
  // Of a stream of this Content-Type.
  std::string stream_head(std::string_view type, std::vector<std::pair<std::string, std::string>> fields) const;
  // What the reply of an answer has besides.
  std::vector<std::pair<std::string, std::string>> answer_fields() const;
  const std::string& client_address() const { return client_.text; }
  // The request is admitted or refused; `local`: it comes from a program of this machine.
  void begin_audit(AuditNote note, bool local);
  void audit_reply(unsigned status);
  bool from_this_machine() const { return client_.loopback; }
  ApiError read_error(boost::system::error_code failure, const char* part) const;

  // Cancels the socket's operations after `timeout`, unless it is called again before.
  void arm(std::chrono::milliseconds timeout);
  void disarm();
  void release_body(Parser& parser);
  // Detects that the client disconnects while its reply is computed.
  void watch();
  void begin_watch();
  void end_watch();
  void watch_for_reset();
  void lost();  // the client is gone

  PlainSocket socket_;
  const ClientAddress client_;
  Shared& shared_;
  boost::asio::steady_timer deadline_;
  boost::asio::steady_timer wake_;  // cancelled when the mailbox is not empty
  boost::beast::flat_buffer buffer_;
  std::shared_ptr<Mailbox> mailbox_;
  uint64_t watch_id_ = 0, deadline_id_ = 0;  // handlers with other numbers are obsolete
  Bytes body_bytes_ = 0;                     // this connection's part of Shared::body_bytes
  bool timed_out_ = false, gone_ = false, aborted_ = false;
  bool answering_ = false;                        // a request is complete and its reply is not
  bool begun_ = false;                            // the first part of an answer was delivered
  std::optional<Error> ending_;                   // the next delivery is this error
  bool half_closed_ = false, probe_due_ = false;  // the client sends nothing more; it is to be probed
  bool stream_begun_ = false;                     // the header of a stream was sent

  // The current request.
  Principal principal_;
  AuditNote note_;
  std::string sender_;             // for the audit
  uint32_t messages_removed_ = 0;  // of its conversation, which did not fit
  std::string owner_;              // of the streams that it may read, see ClientIdentity
  bool http_1_0_ = false, keep_alive_ = true, head_only_ = false;
  std::vector<std::pair<std::string, std::string>> origin_fields_;
};

}  // namespace exogpu::api
