// A JavaScript engine that runs Jinja templates, under limits of memory, stack and time.
//
// One call at a time; calls may come from different threads.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/units.h"

namespace exogpu::model::jinja {

struct EngineLimits {
  Bytes memory = 64 * MiB;                 // of the engine; render() adds memory for its input
  Bytes stack = 512 * KiB;                 // of the calling thread's stack, per call
  std::chrono::milliseconds time{10'000};  // per call
};

class Engine {
 public:
  using Clock = std::chrono::system_clock;

  // Errors: resource_exhausted (the limits are too tight for the engine itself).
  static Result<Engine> create(const EngineLimits& limits);

  Engine(Engine&&) noexcept;
  Engine& operator=(Engine&&) noexcept;
  ~Engine();

  // Parses a template and returns its number for render(), counting from 0.
  // Errors: corrupt (the message begins with the position), resource_exhausted.
  Result<size_t> compile(std::string_view source);

  // `variables` has the encoding of variables.h. `now` is the result of strftime_now().
  // Errors: invalid_argument (the template refuses these variables or fails on them), resource_exhausted. After
  // resource_exhausted the engine must not be used again.
  Result<std::string> render(size_t number, std::string_view variables, Clock::time_point now);

 private:
  struct Impl;
  explicit Engine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace exogpu::model::jinja
