// Decides whether a failed request is repeated, and waits before it is.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "hub/http_client.h"

namespace exogpu::hub {

struct Failure {
  Error error;
  bool retryable = false;                         // a repetition may succeed
  std::optional<std::chrono::seconds> wait = {};  // the server's Retry-After
};

// Of a transport error. Errors that the network may recover from are retryable.
Failure failure_of(Error error);

// Of a reply without success. `what` names the request; `has_token`: a token was sent with it.
Failure failure_of(const HttpReply& reply, const std::string& what, bool has_token);

struct RetryOptions {
  uint32_t attempts_max = 5;  // in a row, without progress
  std::chrono::milliseconds first{500};
  std::chrono::milliseconds longest{30'000};
  std::function<void(const std::string&)> note;  // gets a line of text before each wait; may be empty
  std::stop_token stop{};                        // ends a wait
};

// Waits so long, or until `stop` asks to stop. Errors: cancelled.
Result<void> pause(std::chrono::milliseconds time, const std::stop_token& stop);

class Retries {
 public:
  explicit Retries(const RetryOptions& options) : options_(options) {}

  void progressed() { failed_ = 0; }

  // Waits before the next attempt, or returns the failure's error when there is to be none. The waits double; each is a
  // random half to all of that, so that many clients of one server do not return at once.
  Result<void> wait_after(const Failure& failure);

 private:
  RetryOptions options_;
  uint32_t failed_ = 0;
};

}  // namespace exogpu::hub
