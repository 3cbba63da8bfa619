#include "sim/fake_backend.h"

#include <format>
#include <utility>

#include "pipeline/testing/fake_model.h"
#include "sim/clock_executor.h"
#include "wire/region.h"

namespace exogpu::sim {
namespace {

using pipeline::testing::FakeCompute;
using pipeline::testing::FakeModel;

// Fewer than a plan has sequences, so that some are not retained.
constexpr size_t kSentBytesMax = size_t{512} * 1024;
// For what is stopped to end.
constexpr Duration kStopTakes = std::chrono::milliseconds(20);

// Memory that a part takes, for as long as this lives.
class Allocation {
 public:
  Allocation(std::shared_ptr<MemoryLedger> ledger, Bytes bytes) : ledger_(std::move(ledger)), bytes_(bytes) {
    ledger_->used += bytes_;
  }
  ~Allocation() {
    if (!ledger_->leaks) ledger_->used -= bytes_;
  }
  Allocation(const Allocation&) = delete;
  Allocation& operator=(const Allocation&) = delete;

 private:
  std::shared_ptr<MemoryLedger> ledger_;
  Bytes bytes_;
};

class PartCompute final : public FakeCompute {
 public:
  PartCompute(const FakeModel& model, const worker::PartKey& key, std::shared_ptr<Allocation> memory,
              const FakeBackendHost& host)
      : FakeCompute(model, key.layers, key.settings.sequences, key.settings.batch_tokens,
                    wire::whole_region_steps(key.settings.pool_tokens)),
        memory_(std::move(memory)),
        ignores_truncate_(host.ignores_truncate) {
    moves_rows = !host.moves_no_rows;
  }
  Result<void> truncate(wire::SeqId sequence, uint32_t end) override {
    return ignores_truncate_ ? Result<void>() : FakeCompute::truncate(sequence, end);
  }

 private:
  std::shared_ptr<Allocation> memory_;
  bool ignores_truncate_;
};

}  // namespace

uint64_t content_number(const std::string& content) {
  uint64_t hash = 1469598103934665603ULL;
  for (const char c : content) hash = (hash ^ static_cast<uint8_t>(c)) * 1099511628211ULL;
  return hash;
}

FakeBackend::FakeBackend(FakeBackendHost host)
    : host_(std::move(host)), memory_(std::make_shared<MemoryLedger>(0, host_.leaks)) {}

FakeBackend::~FakeBackend() { on_stop_.reset(); }

// --- jobs, one after another

void FakeBackend::add(Job job) {
  jobs_.push_back(std::move(job));
  if (!in_progress_) begin();
}

void FakeBackend::begin() {
  if (jobs_.empty()) return;
  Job& job = jobs_.front();
  in_progress_ = true;
  const uint64_t number = ++number_;
  if (job.begin) job.begin();
  host_.later(job.takes, [this, number] { finish(number); });
  if (!job.stop.stop_possible()) return;
  on_stop_.emplace(job.stop, [this, number] { host_.later(kStopTakes, [this, number] { finish(number); }); });
}

void FakeBackend::finish(uint64_t number) {
  if (!in_progress_ || number != number_) return;
  Job job = std::move(jobs_.front());
  jobs_.pop_front();
  on_stop_.reset();
  in_progress_ = false;
  auto how = job.end(job.stop.stop_requested());
  begin();
  if (job.done) job.done(std::move(how));
}

Result<void> FakeBackend::chance(const std::string& what) {
  if (!host_.dice->chance(host_.failures)) return {};
  // Now and then trying again does not help.
  const ErrorCode code = host_.dice->chance(0.1) ? ErrorCode::out_of_memory : ErrorCode::io_error;
  return fail(code, "{} failed by chance", what);
}

void FakeBackend::load(std::shared_ptr<worker::Part> part, Progress, std::stop_token stop, Done done) {
  auto memory = std::make_shared<std::shared_ptr<Allocation>>();
  add({.takes = any_time(0.05, 0.6),
       .begin =
           [this, part, memory] {
             // Memory is taken when loading begins.
             *memory = std::make_shared<Allocation>(memory_, host_.bytes_of(part->key));
             host_.on_memory(memory_->used);
           },
       .end = [this, part, memory](bool stopped) -> Result<void> {
         if (stopped) return fail(ErrorCode::cancelled, "not wanted any more");
         EXO_CHECK(chance("loading"));
         const FakeModel model{.content = content_number(part->key.content),
                               .layers = host_.model_layers,
                               .vocabulary = kVocabulary,
                               .recurrent = host_.recurrent,
                               .content_id = part->key.content};
         auto compute = std::make_unique<PartCompute>(model, part->key, std::move(*memory), host_);
         compute->keeps_state = host_.keeps_state;
         part->stage.emplace(std::move(compute));
         part->warm = false;
         return {};
       },
       .done = std::move(done),
       .stop = std::move(stop)});
}

void FakeBackend::warm(std::shared_ptr<worker::Part> part, std::stop_token stop, Done done) {
  add({.takes = any_time(0.01, 0.2),
       .end = [this, part](bool stopped) -> Result<void> {
         if (stopped) return fail(ErrorCode::cancelled, "not wanted any more");
         EXO_CHECK(chance("warming"));
         part->warm = true;
         return {};
       },
       .done = std::move(done),
       .stop = std::move(stop)});
}

void FakeBackend::disassemble(std::unique_ptr<pipeline::Ring> ring,
                              std::map<uint32_t, std::shared_ptr<worker::Part>> parts, worker::PartList unneeded,
                              Done done) {
  const Duration takes = unneeded.empty() ? any_time(0.0005, 0.01) : any_time(0.01, 0.2);
  add({.takes = takes,
       .end = [ring = std::move(ring), parts = std::move(parts),
               unneeded = std::move(unneeded)](bool) mutable -> Result<void> {
         if (ring) {
           for (auto& [index, remains] : ring->end()) parts.at(index)->stage = std::move(remains);
         }
         parts.clear();
         unneeded.clear();
         return {};
       },
       .done = std::move(done)});
}

void FakeBackend::free(worker::PartList parts) {
  add({.takes = any_time(0.01, 0.2), .end = [parts = std::move(parts)](bool) mutable -> Result<void> {
         parts.clear();
         return {};
       }});
}

// --- steps

pipeline::MakeExecutor FakeBackend::executors(const std::vector<std::string>&) {
  return [this](const pipeline::ComputeInfo& info, pipeline::StepWork work) -> std::unique_ptr<pipeline::StepExecutor> {
    const auto takes = [this, layers = info.layers](const pipeline::StageInput& input) {
      const size_t rows =
          input.tokens.empty() ? input.activations.bytes().size() / sizeof(FakeCompute::Row) : input.tokens.size();
      return host_.step_takes(layers, rows);
    };
    return std::make_unique<ClockExecutor>(
        info, std::move(work),
        ClockExecutorHost{
            .later = host_.later, .now = host_.now, .takes = takes, .on_push = host_.on_step, .pacer = host_.pacer});
  };
}

size_t FakeBackend::sent_bytes_max() const { return kSentBytesMax; }

}  // namespace exogpu::sim
