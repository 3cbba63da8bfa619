#include "hub/retries.h"

#include <algorithm>
#include <condition_variable>
#include <format>
#include <mutex>

#include "base/rng.h"
#include "base/utf8.h"
#include "hub/content_range.h"

namespace exogpu::hub {
namespace {

constexpr std::chrono::seconds kWaitMax{60};  // the longest Retry-After that is obeyed

Failure refusal(const HttpReply& reply, const std::string& what, bool has_token) {
  const bool gated = reply.header("X-Error-Code") == "GatedRepo";
  if (gated || reply.status() == 403) {
    return {
        .error = {ErrorCode::permission_denied,
                  std::format("{}: access is not granted ({}): if the model is gated, accept its terms on its page of "
                              "the hub, then {}",
                              what, reply.status(),
                              has_token ? "try again; HF_TOKEN must be a token of the account that did so"
                                        : "set HF_TOKEN to a token of your account there")}};
  }
  return {.error = {ErrorCode::unauthenticated,
                    has_token
                        ? std::format("{}: the hub does not accept HF_TOKEN for it (401); make a new token, or check "
                                      "the name",
                                      what)
                        : std::format("{}: the hub wants to know who asks (401): the name is wrong, or the model is "
                                      "private; check the name, or set HF_TOKEN to a token of your account there",
                                      what)}};
}

}  // namespace

Failure failure_of(Error error) {
  const bool retryable = error.code == ErrorCode::unavailable || error.code == ErrorCode::deadline_exceeded;
  return {.error = std::move(error), .retryable = retryable};
}

Failure failure_of(const HttpReply& reply, const std::string& what, bool has_token) {
  const unsigned status = reply.status();
  if (status == 401 || status == 403) return refusal(reply, what, has_token);
  if (status == 404 || status == 410) {
    return {.error = {ErrorCode::not_found, std::format("{}: the hub does not have it ({})", what, status)}};
  }
  Failure failure = {.error = {ErrorCode::unavailable, {}},
                     .retryable = status == 408 || status == 429 || status >= 500};
  failure.error.message =
      status == 429 ? std::format("{}: the hub says that there are too many requests (429); try again later{}", what,
                                  has_token ? "" : ", or set HF_TOKEN, which allows more")
                    : std::format("{}: the hub answers {}; try again later", what, status);
  if (const auto seconds = parse_bytes(reply.header("Retry-After"))) {
    failure.wait = std::chrono::seconds(std::min<uint64_t>(*seconds, 1'000'000));
  }
  return failure;
}

Result<void> Retries::wait_after(const Failure& failure) {
  const auto give_up = [&](const std::string& why) {
    return std::unexpected(Error{failure.error.code, failure.error.message + why});
  };
  if (!failure.retryable) return std::unexpected(failure.error);
  if (failure.wait && *failure.wait > kWaitMax) {
    return give_up(std::format("; it asks to wait for {} s", failure.wait->count()));
  }
  if (failed_ >= options_.attempts_max) {
    return failed_ == 0 ? give_up("") : give_up(std::format("; {} tries failed", failed_ + 1));
  }
  auto wait = options_.first;
  for (uint32_t i = 0; i < failed_ && wait < options_.longest; ++i) wait *= 2;
  wait = std::min(wait, options_.longest);
  const auto seed = static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  wait = wait / 2 + std::chrono::milliseconds(
                        static_cast<int64_t>(static_cast<double>(wait.count()) / 2 * random_unit(seed, failed_)));
  if (failure.wait) wait = std::max<std::chrono::milliseconds>(wait, *failure.wait);
  ++failed_;
  if (options_.note) {
    options_.note(std::format("{}; trying again in {:.1f} s", printable(failure.error.message),
                              std::chrono::duration<double>(wait).count()));
  }
  return pause(wait, options_.stop);
}

Result<void> pause(std::chrono::milliseconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, time, [] { return false; });
  if (stop.stop_requested())
    return fail(ErrorCode::cancelled, "the download was stopped; the next one goes on from there");
  return {};
}

}  // namespace exogpu::hub
