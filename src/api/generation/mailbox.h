// Connects the threads that generate with the thread that serves: collects output until the client takes more.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/units.h"
#include "node/service.h"

namespace exogpu::api {

// The new part of one answer: what arrived since the last take().
struct AnswerUpdate {
  uint32_t answer = 0;
  std::vector<model::AnswerPiece> pieces = {};  // in order; neighbours of one kind are joined, calls never
  std::vector<node::TokenReport> tokens = {};
  std::vector<float> embedding = {};
  std::optional<engine::GenerateStats> end = std::nullopt;

  std::string text() const;  // the pieces of Kind::text, joined
};

struct Delivery {
  std::optional<uint32_t> prompt_tokens;    // of all prompts, once all are accepted
  uint32_t messages_removed = 0;            // of the prompt, with `prompt_tokens`: it did not fit
  std::vector<AnswerUpdate> updates;        // in order of answers; only those with something new
  std::optional<Error> error;               // ends the request
  std::optional<wire::QueuePlace> queue{};  // with an error: too many requests wait
  bool ended = false;                       // all answers have ended, or there is an error

  bool empty() const { return !prompt_tokens && updates.empty() && !ended; }
};

// Never blocks the generation, since its device also works for others. A slow client gets more in its next delivery;
// when more than `backlog_max` bytes wait, the generation is cancelled and the delivery has an error.
class Mailbox : public std::enable_shared_from_this<Mailbox> {
 public:
  // `wake` runs on `executor` when there is something to take after a take(); not after close().
  Mailbox(boost::asio::any_io_executor executor, const std::vector<uint32_t>& answers_of_prompts, Bytes backlog_max,
          std::function<void()> wake);

  // The listener for the generation of prompt `prompt`. If it is released before its end, that is an internal error of
  // the node.
  std::shared_ptr<node::GenerationListener> listener(uint32_t prompt);
  std::stop_token cancel_token() const { return cancel_.get_token(); }

  // `count` gets the tokens that were read and written, with the deliveries that say so. Before the first take().
  void count_tokens(std::function<void(uint64_t tokens)> count) { count_ = std::move(count); }

  // All run on the executor's thread.
  Delivery take();
  // Another receiver takes over. What is there already wakes nobody.
  void set_wake(std::function<void()> wake) { wake_ = std::move(wake); }
  // Cancels the generation. Nothing is posted or stored afterwards.
  void close();

 private:
  class Listener;

  Delivery take_pending();
  void on_prompt(uint32_t tokens);
  void on_shortened(uint32_t messages_removed);
  void on_refused(const wire::QueuePlace& place);
  void on_piece(uint32_t answer, const model::AnswerPiece& piece, std::span<const node::TokenReport> tokens);
  void on_embedding(uint32_t answer, std::span<const float> values);
  void on_end(uint32_t answer, const engine::GenerateStats& stats);
  void on_error(const Error& error);
  void notify() EXO_REQUIRES(mutex_);

  const boost::asio::any_io_executor executor_;
  const Bytes backlog_max_;
  std::vector<uint32_t> first_answers_;  // index of each prompt's first answer, and one past the last
  std::stop_source cancel_;
  std::function<void()> wake_;                  // used only by the executor's thread
  std::function<void(uint64_t tokens)> count_;  // likewise

  Mutex mutex_;
  bool closed_ EXO_GUARDED_BY(mutex_) = false;
  bool notified_ EXO_GUARDED_BY(mutex_) = false;
  Bytes backlog_ EXO_GUARDED_BY(mutex_) = 0;
  uint32_t prompts_pending_ EXO_GUARDED_BY(mutex_);
  uint32_t answers_pending_ EXO_GUARDED_BY(mutex_);
  uint32_t prompt_tokens_ EXO_GUARDED_BY(mutex_) = 0;
  bool prompt_tokens_new_ EXO_GUARDED_BY(mutex_) = false;
  uint32_t messages_removed_ EXO_GUARDED_BY(mutex_) = 0;
  std::optional<wire::QueuePlace> queue_ EXO_GUARDED_BY(mutex_);
  std::optional<Error> error_ EXO_GUARDED_BY(mutex_);
  std::vector<AnswerUpdate> pending_ EXO_GUARDED_BY(mutex_);  // [answers]
};

}  // namespace exogpu::api
