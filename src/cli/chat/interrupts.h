// Turns Ctrl-C into a stop token, for as long as it lives.
#pragma once

#include <memory>
#include <stop_token>

namespace exogpu::cli {

// The first Ctrl-C asks to stop. Someone who presses it three times wants the program gone: the third ends it.
// One at a time; construct and destroy it on one thread.
class Interrupts {
 public:
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  std::stop_token token() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace exogpu::cli
