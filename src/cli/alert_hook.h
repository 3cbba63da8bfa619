// What happens outside when an alert begins or ends: a command, or a request to a web server.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "base/mutex.h"
#include "base/result.h"
#include "wire/telemetry.h"

namespace exogpu::cli {

// The alert as one JSON object, with `"state": "begins"` or `"ended"`.
std::string alert_hook_json(const wire::Alert& alert, bool begun);

// Works on a thread of its own, one alert after the other.
class AlertHook {
 public:
  static constexpr size_t kWaitingMax = 100;  // further alerts are dropped
  static constexpr std::chrono::seconds kCommandMax{60};

  // A shell command, which gets the alert as EXOGPU_ALERT_STATE, _NAME, _SEVERITY, _NODE, _SUBJECT, _SUMMARY, _CAUSE
  // and _REMEDY in its environment, or "http://HOST:PORT/PATH", to which it is posted as JSON. Errors:
  // invalid_argument, of an address.
  static Result<std::unique_ptr<AlertHook>> create(const std::string& target);
  ~AlertHook();
  AlertHook(const AlertHook&) = delete;
  AlertHook& operator=(const AlertHook&) = delete;

  // Any thread; returns at once.
  void tell(const wire::Alert& alert, bool begun) EXO_EXCLUDES(mutex_);

 private:
  struct Address {
    std::string host;
    uint16_t port = 80;
    std::string path;
  };
  struct Event {
    wire::Alert alert;
    bool begun = false;
  };
  AlertHook(std::string command, std::optional<Address> address);
  void run() EXO_EXCLUDES(mutex_);
  void run_command(const Event& event) EXO_EXCLUDES(mutex_);
  void post(const Event& event) const;
  bool stopping() const EXO_EXCLUDES(mutex_);

  std::string command_;
  std::optional<Address> address_;
  mutable Mutex mutex_;
  CondVar more_;
  std::deque<Event> waiting_ EXO_GUARDED_BY(mutex_);
  bool stop_ EXO_GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

}  // namespace exogpu::cli
