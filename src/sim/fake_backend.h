// Fake devices for the stages of a node: parts of a fake model are loaded, warmed and freed in times and with failures
// like those of real ones, on the simulator's clock.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>

#include "pipeline/pacer.h"
#include "sim/dice.h"
#include "sim/network.h"
#include "worker/stage_backend.h"

namespace exogpu::sim {

inline constexpr uint32_t kVocabulary = 1000;

uint64_t content_number(const std::string& content);

// Memory of a device. Outlives what is taken of it.
struct MemoryLedger {
  Bytes used = 0;
  bool leaks = false;
};

struct FakeBackendHost {
  std::function<void(Duration, std::function<void()>)> later;  // while the node's process lives
  std::function<Bytes(const worker::PartKey&)> bytes_of;       // that a part takes
  std::function<void(Bytes used)> on_memory;                   // more is taken
  std::function<Duration(const wire::LayerRange&, size_t rows)> step_takes;
  // With each step that a stage is given; `waiting`: of its steps, those that are not done.
  std::function<void(const pipeline::StageInput&, size_t waiting)> on_step;
  std::shared_ptr<pipeline::Pacer> pacer{};  // by which the stages work
  std::function<Time()> now;
  Dice* dice = nullptr;
  uint32_t model_layers = 0;
  bool recurrent = false;  // the models are
  double failures = 0;     // share of loads and warm-ups that fail
  bool leaks = false;      // bugs that are injected, see InjectedBug
  bool ignores_truncate = false;
  bool moves_no_rows = false;
  bool keeps_state = false;
};

class FakeBackend final : public worker::StageBackend {
 public:
  explicit FakeBackend(FakeBackendHost host);
  ~FakeBackend() override;

  void load(std::shared_ptr<worker::Part> part, Progress progress, std::stop_token stop, Done done) override;
  void warm(std::shared_ptr<worker::Part> part, std::stop_token stop, Done done) override;
  void disassemble(std::unique_ptr<pipeline::Ring> ring, std::map<uint32_t, std::shared_ptr<worker::Part>> parts,
                   worker::PartList unneeded, Done done) override;
  void free(worker::PartList parts) override;
  pipeline::MakeExecutor executors(const std::vector<std::string>& devices) override;
  size_t sent_bytes_max() const override;

 private:
  struct Job {
    Duration takes{};
    std::move_only_function<void()> begin{};
    std::move_only_function<Result<void>(bool stopped)> end{};
    Done done{};
    std::stop_token stop{};
  };
  void add(Job job);
  void begin();
  void finish(uint64_t number);
  Duration any_time(double low_s, double high_s) { return seconds(host_.dice->between(low_s, high_s)); }
  Result<void> chance(const std::string& what);

  FakeBackendHost host_;
  std::shared_ptr<MemoryLedger> memory_;
  std::deque<Job> jobs_;  // the first is in progress
  uint64_t number_ = 0;   // of the job in progress
  bool in_progress_ = false;
  std::optional<std::stop_callback<std::function<void()>>> on_stop_;
};

}  // namespace exogpu::sim
