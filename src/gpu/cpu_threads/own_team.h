// Computing on the processor beside the stages, without a trace.
//
// OpenMP starts a team of threads for each thread that computes, and keeps it for as long as that thread lives.
// libgomp's teams spin at barriers only while they have no more threads together than there are processors: with a team
// that is left behind, each thread of the others sleeps at each barrier, and a model answers at half of its speed.
#pragma once

#include <future>
#include <utility>

namespace exogpu::gpu {

// Runs `work` on a thread that ends afterwards, and its team with it. Returns what it returns.
template <typename Work>
auto with_own_team(Work&& work) {
  return std::async(std::launch::async, std::forward<Work>(work)).get();
}

}  // namespace exogpu::gpu
