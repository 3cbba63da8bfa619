#include "api/generation/mailbox.h"

#include <boost/asio/post.hpp>

namespace exogpu::api {

namespace {

bool is_new(const AnswerUpdate& update) {
  return !update.pieces.empty() || !update.tokens.empty() || !update.embedding.empty() || update.end;
}

Bytes size_of(std::span<const node::TokenReport> tokens) {
  Bytes bytes = 0;
  for (const node::TokenReport& token : tokens) {
    bytes += sizeof(token) + token.chosen.bytes.size() + token.likeliest.size() * sizeof(node::TokenReport::Candidate);
  }
  return bytes;
}

// A piece of its own costs more than its text.
Bytes size_of(const model::AnswerPiece& piece) {
  const bool call = piece.kind == model::AnswerPiece::Kind::call;
  return piece.text.size() + piece.call_id.size() + (call ? sizeof(piece) : 0);
}

void append(std::vector<model::AnswerPiece>& pieces, const model::AnswerPiece& piece) {
  using Kind = model::AnswerPiece::Kind;
  if (piece.text.empty() && piece.kind != Kind::call) return;
  if (!pieces.empty() && pieces.back().kind == piece.kind && piece.kind != Kind::call) {
    pieces.back().text += piece.text;
  } else {
    pieces.push_back(piece);
  }
}

}  // namespace

std::string AnswerUpdate::text() const {
  std::string out;
  for (const model::AnswerPiece& piece : pieces) {
    if (piece.kind == model::AnswerPiece::Kind::text) out += piece.text;
  }
  return out;
}

class Mailbox::Listener : public node::GenerationListener {
 public:
  Listener(std::shared_ptr<Mailbox> mailbox, uint32_t first, uint32_t answers)
      : mailbox_(std::move(mailbox)), first_(first), answers_(answers), pending_(answers) {}
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  ~Listener() override {
    if (pending_ > 0) mailbox_->on_error({ErrorCode::internal, "the generation ended without a result"});
  }

  void on_prompt(uint32_t tokens) override { mailbox_->on_prompt(tokens); }
  void on_shortened(uint32_t messages_removed) override { mailbox_->on_shortened(messages_removed); }
  void on_refused(const wire::QueuePlace& place) override { mailbox_->on_refused(place); }
  void on_piece(uint32_t answer, const model::AnswerPiece& piece, std::span<const node::TokenReport> tokens) override {
    if (answer < answers_) mailbox_->on_piece(first_ + answer, piece, tokens);
  }
  void on_embedding(std::span<const float> values) override { mailbox_->on_embedding(first_, values); }
  void on_end(uint32_t answer, const engine::GenerateStats& stats) override {
    if (answer >= answers_ || pending_ == 0) return;
    --pending_;
    mailbox_->on_end(first_ + answer, stats);
  }
  void on_error(const Error& error) override {
    pending_ = 0;
    mailbox_->on_error(error);
  }

 private:
  std::shared_ptr<Mailbox> mailbox_;
  uint32_t first_, answers_;
  uint32_t pending_;
};

Mailbox::Mailbox(boost::asio::any_io_executor executor, const std::vector<uint32_t>& answers_of_prompts,
                 Bytes backlog_max, std::function<void()> wake)
    : executor_(std::move(executor)),
      backlog_max_(backlog_max),
      wake_(std::move(wake)),
      prompts_pending_(static_cast<uint32_t>(answers_of_prompts.size())) {
  uint32_t sum = 0;
  for (const uint32_t answers : answers_of_prompts) {
    first_answers_.push_back(sum);
    sum += answers;
  }
  first_answers_.push_back(sum);
  answers_pending_ = sum;
  pending_.resize(sum);
  for (uint32_t i = 0; i < sum; ++i) pending_[i].answer = i;
}

std::shared_ptr<node::GenerationListener> Mailbox::listener(uint32_t prompt) {
  const uint32_t first = first_answers_[prompt];
  return std::make_shared<Listener>(shared_from_this(), first, first_answers_[prompt + 1] - first);
}

Delivery Mailbox::take() {
  Delivery delivery = take_pending();
  if (count_) {
    uint64_t tokens = delivery.prompt_tokens.value_or(0);
    for (const AnswerUpdate& update : delivery.updates) tokens += update.end ? update.end->answer_tokens : 0;
    if (tokens > 0) count_(tokens);
  }
  return delivery;
}

Delivery Mailbox::take_pending() {
  const MutexLock lock(mutex_);
  notified_ = false;
  Delivery delivery;
  if (std::exchange(prompt_tokens_new_, false)) {
    delivery.prompt_tokens = prompt_tokens_;
    delivery.messages_removed = messages_removed_;
  }
  for (AnswerUpdate& update : pending_) {
    if (!is_new(update)) continue;
    delivery.updates.push_back(std::exchange(update, AnswerUpdate{.answer = update.answer}));
  }
  backlog_ = 0;
  delivery.error = error_;
  delivery.queue = queue_;
  delivery.ended = error_ || answers_pending_ == 0;
  return delivery;
}

void Mailbox::close() {
  // Outside the lock: a callback of the token may call the listener.
  cancel_.request_stop();
  {
    const MutexLock lock(mutex_);
    closed_ = true;
    pending_.clear();
  }
  wake_ = nullptr;
}

void Mailbox::notify() {
  if (closed_ || std::exchange(notified_, true)) return;
  boost::asio::post(executor_, [self = shared_from_this()] {
    if (self->wake_) self->wake_();
  });
}

void Mailbox::on_prompt(uint32_t tokens) {
  const MutexLock lock(mutex_);
  if (closed_ || prompts_pending_ == 0) return;
  prompt_tokens_ += tokens;
  if (--prompts_pending_ > 0) return;
  prompt_tokens_new_ = true;
  notify();
}

void Mailbox::on_shortened(uint32_t messages_removed) {
  const MutexLock lock(mutex_);
  messages_removed_ += messages_removed;
}

void Mailbox::on_refused(const wire::QueuePlace& place) {
  const MutexLock lock(mutex_);
  if (!error_) queue_ = place;
}

void Mailbox::on_piece(uint32_t answer, const model::AnswerPiece& piece, std::span<const node::TokenReport> tokens) {
  {
    const MutexLock lock(mutex_);
    if (closed_ || error_) return;
    backlog_ += size_of(piece) + size_of(tokens);
    if (backlog_ <= backlog_max_) {
      AnswerUpdate& update = pending_[answer];
      append(update.pieces, piece);
      update.tokens.insert(update.tokens.end(), tokens.begin(), tokens.end());
      if (is_new(update)) notify();
      return;
    }
    error_ = Error{ErrorCode::cancelled,
                   std::format("the client reads too slowly: {} of the answer wait for it", format_bytes(backlog_))};
    notify();
  }
  cancel_.request_stop();
}

// Does not count as backlog: a reply that is sent whole takes it, whatever its client reads.
void Mailbox::on_embedding(uint32_t answer, std::span<const float> values) {
  const MutexLock lock(mutex_);
  if (!closed_ && !error_) pending_[answer].embedding.assign(values.begin(), values.end());
}

void Mailbox::on_end(uint32_t answer, const engine::GenerateStats& stats) {
  const MutexLock lock(mutex_);
  if (closed_ || error_ || answers_pending_ == 0) return;
  if (stats.reason == engine::FinishReason::cancelled) {
    error_ = Error{ErrorCode::cancelled, "the generation was cancelled"};
  }
  pending_[answer].end = stats;
  --answers_pending_;
  notify();
}

void Mailbox::on_error(const Error& error) {
  {
    const MutexLock lock(mutex_);
    if (closed_ || error_) return;
    error_ = error;
    notify();
  }
  cancel_.request_stop();  // the other prompts of the request
}

}  // namespace exogpu::api
