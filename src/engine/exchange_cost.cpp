#include "engine/exchange_cost.h"

#include <ggml-cpp.h>

#include <chrono>
#include <optional>
#include <thread>
#include <vector>

#include "engine/cut/shared_exchange.h"
#include "engine/sum_hooks.h"
#include "gpu/guard.h"
#include "gpu/profile/profile.h"

namespace exogpu::engine {
namespace {

constexpr int64_t kWidth = 4096;
constexpr int64_t kManyTokens = 128;
constexpr int kRoundsOfFew = 200;
constexpr int kRoundsOfMany = 10;

// A member with tensors of zeros in the place of partial sums.
class TrialMember {
 public:
  static Result<TrialMember> create(const gpu::Device& device, Exchange& exchange) {
    TrialMember member;
    member.backend_.reset(ggml_backend_dev_init(device.handle(), nullptr));
    if (member.backend_ == nullptr) return fail(ErrorCode::unavailable, "{} could not be started", device.info().name);
    member.ctx_.reset(ggml_init({.mem_size = 4 * ggml_tensor_overhead(), .mem_buffer = nullptr, .no_alloc = true}));
    member.few_ = ggml_new_tensor_2d(member.ctx_.get(), GGML_TYPE_F32, kWidth, 1);
    member.many_ = ggml_new_tensor_2d(member.ctx_.get(), GGML_TYPE_F32, kWidth, kManyTokens);
    member.buffer_.reset(ggml_backend_alloc_ctx_tensors(member.ctx_.get(), member.backend_.get()));
    if (member.buffer_ == nullptr)
      return fail(ErrorCode::out_of_memory, "{} has no memory for a trial of exchanges", device.info().name);
    ggml_backend_buffer_clear(member.buffer_.get(), 0);
    EXO_TRY(auto staging, SumHooks::staging(device, kWidth * kManyTokens));
    member.hooks_ = std::make_unique<SumHooks>(exchange, member.backend_.get(), std::move(staging));
    return member;
  }

  // Seconds of each round.
  Result<std::vector<double>> rounds(bool many, int count) {
    std::vector<double> times;
    for (int i = 0; i < count; ++i) {
      const auto start = std::chrono::steady_clock::now();
      EXO_CHECK(hooks_->after({.nodes = nullptr, .layers = {}, .sum = many ? many_ : few_}));
      ggml_backend_synchronize(backend_.get());
      times.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    return times;
  }

 private:
  ggml_backend_ptr backend_;
  ggml_context_ptr ctx_;
  ggml_tensor* few_ = nullptr;
  ggml_tensor* many_ = nullptr;
  ggml_backend_buffer_ptr buffer_;
  std::unique_ptr<SumHooks> hooks_;
};

Result<ExchangeCost> trial(const gpu::Device& device, Exchange& exchange) {
  EXO_TRY(TrialMember member, TrialMember::create(device, exchange));
  EXO_TRY(const std::vector<double> few, member.rounds(false, kRoundsOfFew));
  EXO_TRY(const std::vector<double> many, member.rounds(true, kRoundsOfMany));
  bool disturbed = false;
  const double many_s = gpu::undisturbed_time(many, disturbed);
  return ExchangeCost{.few_s = gpu::undisturbed_time(few, disturbed),
                      .bytes_per_s = static_cast<double>(kWidth * kManyTokens) * sizeof(float) / many_s};
}

}  // namespace

Result<ExchangeCost> measure_exchange(const gpu::Device& device, Exchange& exchange) {
  auto cost = gpu::guarded_result(device, "exchanging", [&] { return trial(device, exchange); });
  if (!cost) exchange.abandon();
  return cost;
}

Result<ExchangeCost> measure_exchange(std::span<const gpu::Device* const> devices) {
  const SharedExchange exchange(static_cast<uint32_t>(devices.size()));
  std::vector<std::optional<Result<ExchangeCost>>> costs(devices.size());
  {
    std::vector<std::jthread> threads;
    for (uint32_t rank = 0; rank < devices.size(); ++rank) {
      threads.emplace_back(
          [&, rank, own = exchange.member(rank)] { costs[rank] = measure_exchange(*devices[rank], *own); });
    }
  }
  for (const auto& cost : costs)
    if (!*cost && cost->error().code != ErrorCode::cancelled) return *cost;
  return *costs.front();
}

}  // namespace exogpu::engine
