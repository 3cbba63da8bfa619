#include "cluster/prompt_batch.h"

namespace exogpu::cluster {
namespace {

constexpr uint32_t kMost = 2048;
constexpr double kFixedShare = 0.03;
constexpr double kStepMost_s = 0.5;

}  // namespace

uint32_t prompt_batch(const wire::ServingSettings& settings, StepCost cost, Bytes compute, Bytes room) {
  uint32_t batch = settings.batch_tokens;
  if (settings.batch_fixed || settings.batch_tokens == 0) return batch;
  const auto worth = [&](uint32_t more) {
    return batch * kFixedShare < cost.tokens && more <= kMost && more <= settings.context &&
           more * cost.token_s <= kStepMost_s && (more / settings.batch_tokens - 1) * compute <= room;
  };
  while (worth(2 * batch)) batch *= 2;
  return batch;
}

}  // namespace exogpu::cluster
