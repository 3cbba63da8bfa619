// Turns Ctrl-C into a stop token while it exists.
#pragma once

#include <memory>
#include <stop_token>

namespace exogpu::cli {

// The first Ctrl-C requests a stop; the third ends the program. Only one may exist at a time; construct and destroy it
// on the same thread.
class Interrupts {
 public:
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  std::stop_token token() const;
  // Same as the first Ctrl-C.
  void request_stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace exogpu::cli
