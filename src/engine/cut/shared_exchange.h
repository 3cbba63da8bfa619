// The exchange of members that are threads of one process.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/cut/exchange.h"

namespace exogpu::engine {

// Waits until `word` is no longer `from`: first without sleep, since the other members of a group are about to finish
// as well, then asleep. The thread that changes the word calls notify_all() on it.
void wait_for_change(const std::atomic<uint32_t>& word, uint32_t from);

// What the members share. Each member adds up a part of the elements for all, straight in their memory.
class SharedExchange {
 public:
  explicit SharedExchange(uint32_t members);

  // The end of the member with this rank; keeps what it needs of this alive.
  std::shared_ptr<Exchange> member(uint32_t rank) const;
  // Begins again after abandon(). Precondition: no member is in a call.
  void restart();

 private:
  struct State;
  class Member;
  std::shared_ptr<State> state_;
};

}  // namespace exogpu::engine
