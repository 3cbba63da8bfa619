// When a request that failed is sent again, and how long to wait before.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "hub/http_client.h"

namespace exogpu::hub {

struct Failure {
  Error error;
  bool again = false;                             // it may work the next time
  std::optional<std::chrono::seconds> wait = {};  // the server asks for so much
};

// Of an error on the way to the server: what the network may mend is worth another try.
Failure failure_of(Error error);

// Of a reply that is no success. `what` was asked for; `has_token` when it was sent.
Failure failure_of(const HttpReply& reply, const std::string& what, bool has_token);

struct RetryOptions {
  uint32_t most = 5;  // in a row, without any progress
  std::chrono::milliseconds first{500};
  std::chrono::milliseconds longest{30'000};
  std::function<void(const std::string&)> note;  // gets a line for people before each wait; may be empty
};

class Retries {
 public:
  explicit Retries(const RetryOptions& options) : options_(options) {}

  void progressed() { failed_ = 0; }

  // Waits, when another try makes sense, or returns the failure's error. The waits double; each is between half of that
  // and the whole, so that many who lost the same server do not all come back at once.
  Result<void> wait_after(const Failure& failure);

 private:
  RetryOptions options_;
  uint32_t failed_ = 0;
};

}  // namespace exogpu::hub
