#include "node/answer_verifier.h"

#include <boost/asio/post.hpp>
#include <format>
#include <random>
#include <utility>

#include "base/low_priority.h"

namespace exogpu::node {
namespace {

constexpr std::chrono::hours kRemembered{1};

// Where the free memory holds the model twice, all of it; else its layers stream through a quarter of that memory.
Bytes weight_budget(const model::Gguf& file, Bytes free) { return file.file_bytes() < free / 2 ? 0 : free / 4; }

uint64_t random_seed() {
  std::random_device entropy;
  return uint64_t{entropy()} << 32 | entropy();
}

}  // namespace

AnswerVerifier::AnswerVerifier(double share, const gpu::Device& processor, AnswerVerifierHost host)
    : share_(share), processor_(processor), host_(std::move(host)), alive_(std::make_shared<AnswerVerifier*>(this)) {}

AnswerVerifier::~AnswerVerifier() {
  alive_.reset();
  stop_.request_stop();
  thread_.join();
}

std::unique_ptr<pipeline::AnswerRecorder> AnswerVerifier::recorder(const wire::StagePlan& plan) {
  if (plan.stages.size() < 2) return nullptr;
  return std::make_unique<pipeline::AnswerRecorder>(
      share_, random_seed(), [this, plan](pipeline::AnswerRecord record) { add(plan, std::move(record)); });
}

void AnswerVerifier::add(const wire::StagePlan& plan, pipeline::AnswerRecord record) {
  if (busy_) {
    count(&VerificationCounts::skipped);
    return;
  }
  busy_ = true;
  host_.fetch(plan, [this, plan, record = std::move(record), alive = std::weak_ptr(alive_)](Result<File> file) mutable {
    if (alive.expired()) return;
    if (!file) return on_checked(plan, std::unexpected(std::move(file).error()));
    check(plan, std::move(record), *file);
  });
}

void AnswerVerifier::check(const wire::StagePlan& plan, pipeline::AnswerRecord record, const File& file) {
  AnswerCheckOptions options{.device = &processor_,
                             .cuts = {},
                             .context = plan.settings.context,
                             .weight_budget = weight_budget(*file, processor_.memory().free)};
  for (size_t i = 1; i < plan.stages.size(); ++i) options.cuts.push_back(plan.stages[i].layers.begin);
  boost::asio::post(thread_, [this, plan, record = std::move(record), file, options = std::move(options),
                              post = host_.post, alive = std::weak_ptr(alive_), stop = stop_.get_token()] {
    lower_priority();
    auto checked = check_answer(*file, record, options, stop);
    post([this, plan, alive, checked = std::move(checked)] {
      if (!alive.expired()) on_checked(plan, checked);
    });
  });
}

void AnswerVerifier::on_checked(const wire::StagePlan& plan, const Result<AnswerCheck>& check) {
  busy_ = false;
  if (!check) {
    count(&VerificationCounts::skipped);
    return host_.note(std::format("an answer of {} cannot be verified: {}", plan.model, check.error().message));
  }
  count(&VerificationCounts::verified);
  const auto stage = check->differs();
  if (!stage) return;
  count(&VerificationCounts::differed);
  const wire::DeviceRef& device = plan.stages[*stage].device;
  differed_at_[device] = std::chrono::steady_clock::now();
  host_.on_difference(device, check->stages[*stage]);
}

void AnswerVerifier::count(uint64_t VerificationCounts::* what) {
  const MutexLock lock(mutex_);
  ++(counts_.*what);
}

VerificationCounts AnswerVerifier::counts() const {
  const MutexLock lock(mutex_);
  return counts_;
}

std::vector<wire::DeviceRef> AnswerVerifier::differing(cluster::Time now) const {
  std::vector<wire::DeviceRef> devices;
  for (const auto& [device, at] : differed_at_)
    if (now - at < kRemembered) devices.push_back(device);
  return devices;
}

}  // namespace exogpu::node
