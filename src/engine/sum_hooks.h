// Exchanges the partial sums with which a member's segments end.
#pragma once

#include <ggml-cpp.h>

#include <optional>
#include <utility>

#include "engine/cut/exchange.h"
#include "engine/segment_hooks.h"
#include "gpu/buffer.h"

namespace exogpu::engine {

class SumHooks final : public SegmentHooks {
 public:
  // Host memory by way of which sums of `values_max` values come and go; none for a device that computes in the host's.
  // Errors: out_of_memory.
  static Result<std::optional<gpu::HostBuffer>> staging(const gpu::Device& device, size_t values_max);

  SumHooks(Exchange& exchange, ggml_backend_t backend, std::optional<gpu::HostBuffer> staging)
      : exchange_(exchange), backend_(backend), staging_(std::move(staging)) {}

  Result<void> after(const Segment& segment) override;

 private:
  Exchange& exchange_;
  ggml_backend_t backend_;
  std::optional<gpu::HostBuffer> staging_;
};

}  // namespace exogpu::engine
