#include "node/shard_backend.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>

#include "base/heap.h"
#include "gpu/host.h"
#include "node/remote_groups.h"
#include "node/warm_up.h"
#include "pipeline/shard_compute.h"
#include "pipeline/thread_executor.h"
#include "wire/device_group.h"

namespace exogpu::node {
namespace {

// Of the host's memory: activations that are retained in case the stage behind is lost.
constexpr uint64_t kSentShare = 64;
constexpr std::chrono::milliseconds kProgressEvery{200};

// Of the model in this file.
engine::LoadVocabulary vocabulary_of(worker::SharedGguf file) {
  return [file = std::move(file)]() -> Result<std::shared_ptr<engine::ConstraintVocabulary>> {
    EXO_TRY(const model::Tokenizer tokenizer, model::Tokenizer::load(*file));
    return engine::ConstraintVocabulary::of(tokenizer);
  };
}

}  // namespace

ShardBackend::ShardBackend(const gpu::Machine& machine, uint32_t threads, Post post, BusyWait* busy_wait,
                           GroupShares groups, pipeline::Pacers pacers, RemoteGroups* remote)
    : machine_(machine),
      threads_(threads),
      post_(std::move(post)),
      busy_wait_(busy_wait),
      groups_(std::move(groups)),
      pacers_(std::move(pacers)),
      remote_(remote),
      executors_(busy_wait) {}

ShardBackend::~ShardBackend() { loader_.join(); }

// What the task holds is freed on the loader's thread.
void ShardBackend::run(std::move_only_function<Result<void>()> task, Done done) {
  boost::asio::post(loader_, [post = post_, task = std::move(task), done = std::move(done)]() mutable {
    auto how = std::make_shared<Result<void>>(task());
    task = nullptr;
    give_back_freed_memory();
    post([how, done = std::move(done)] { done(std::move(*how)); });
  });
}

ShardBackend::Progress ShardBackend::posted(Progress progress) const {
  return [post = post_, progress = std::move(progress), last = std::chrono::steady_clock::now()](Bytes bytes,
                                                                                                 Bytes total) mutable {
    const auto now = std::chrono::steady_clock::now();
    if (now - last < kProgressEvery) return;
    last = now;
    post([progress, bytes, total] { progress(bytes, total); });
  };
}

void ShardBackend::load(std::shared_ptr<worker::Part> part, Progress progress, std::stop_token stop, Done done) {
  run(
      [this, part = std::move(part), progress = posted(std::move(progress)), stop = std::move(stop)]() -> Result<void> {
        EXO_TRY(auto shard, load_group(*part, progress, stop));
        part->reads_file = shard.reads_file();
        remember(part, shard.first());
        part->stage.emplace(std::make_unique<pipeline::ShardCompute>(std::move(shard), vocabulary_of(part->file),
                                                                     part->key.content, pacer_of(part->key.device)));
        part->warm = false;
        return {};
      },
      std::move(done));
}

Result<engine::ShardGroup> ShardBackend::load_group(const worker::Part& part, const Progress& progress,
                                                    const std::stop_token& stop) {
  const worker::PartKey& key = part.key;
  EXO_TRY(const engine::Architecture architecture, engine::read_architecture(*part.file));
  auto options = engine::ShardOptions::serving(key.settings, architecture, threads_);
  options.weight_budget = key.weight_budget;
  if (remote_ != nullptr && RemoteGroups::names(key.device)) {
    const wire::MemberLoad load{.content = key.content,
                                .layers = key.layers,
                                .model_layers = architecture.n_layers,
                                .settings = key.settings,
                                .shares = {}};
    return remote_->load(*part.file, key.device, load, options, progress, stop);
  }
  EXO_TRY(const engine::GroupDevices group, group_of(machine_, key.device, groups_));
  return engine::ShardGroup::load(*part.file, key.layers, group, options, progress, stop);
}

void ShardBackend::remember(const std::shared_ptr<worker::Part>& part, const engine::Shard& shard) {
  std::string held;
  for (const engine::ConvertedWeights& of : shard.converted())
    held += std::format("{}{} is held as {}", held.empty() ? "" : ", ", of.type, of.held_as);
  if (const uint32_t streamed = shard.memory().layers_streamed; streamed > 0)
    held += std::format("{}{} of {} layers stream from the disk", held.empty() ? "" : ", ", streamed,
                        shard.layers().size());
  auto use = shard.thread_use();
  const MutexLock lock(mutex_);
  std::erase_if(used_, [](const Used& each) { return each.part.expired(); });
  const auto pacer = pacer_of(part->key.device);
  if (use != nullptr && pacer != nullptr) use->set_share(pacer->limits().threads);
  if (use != nullptr || !held.empty())
    used_.push_back({.part = part, .key = part->key, .use = std::move(use), .held = std::move(held)});
}

std::string ShardBackend::notes_of(const std::string& content, const std::string& device,
                                   wire::LayerRange layers) const {
  const MutexLock lock(mutex_);
  for (const Used& each : used_) {
    if (each.part.expired() || each.key.content != content || each.key.device != device || each.key.layers != layers)
      continue;
    const std::string threads = each.use != nullptr ? gpu::to_string(each.use->get()) : std::string();
    return threads + (threads.empty() || each.held.empty() ? "" : "; ") + each.held;
  }
  return {};
}

std::shared_ptr<pipeline::Pacer> ShardBackend::pacer_of(const std::string& device) const {
  const auto found = pacers_.find(device);
  return found == pacers_.end() ? nullptr : found->second;
}

void ShardBackend::update_threads() {
  const MutexLock lock(mutex_);
  for (const Used& each : used_) {
    const auto pacer = pacer_of(each.key.device);
    if (each.use != nullptr && pacer != nullptr) each.use->set_share(pacer->limits().threads);
  }
}

void ShardBackend::warm(std::shared_ptr<worker::Part> part, std::stop_token stop, Done done) {
  run(
      [&machine = machine_, part = std::move(part), stop = std::move(stop)]() -> Result<void> {
        EXO_TRY(const gpu::Device* device, machine.find(wire::group_members(part->key.device).front()));
        auto& compute = static_cast<pipeline::ShardCompute&>(*part->stage->compute);
        EXO_CHECK(warm_up(compute.shard(), device->info(), stop));
        if (stop.stop_requested()) return fail(ErrorCode::cancelled, "not needed any more");
        part->warm = true;
        return {};
      },
      std::move(done));
}

void ShardBackend::disassemble(std::unique_ptr<pipeline::Ring> ring,
                               std::map<uint32_t, std::shared_ptr<worker::Part>> parts, worker::PartList gone,
                               Done done) {
  run(
      [ring = std::move(ring), parts = std::move(parts), gone = std::move(gone)]() mutable -> Result<void> {
        if (!ring) return {};
        for (auto& [index, remains] : ring->end()) parts.at(index)->stage = std::move(remains);
        return {};
      },
      std::move(done));
}

void ShardBackend::free(worker::PartList parts) {
  boost::asio::post(loader_, [parts = std::move(parts)]() mutable {
    parts.clear();
    give_back_freed_memory();
  });
}

// A discrete GPU computes a token in a millisecond or two, and draws so much that a waiting core does not count.
bool ShardBackend::worth_busy_wait(const std::vector<std::string>& devices) const {
  constexpr uint32_t cores_min = 4;
  if (gpu::read_host_cpu().threads() < cores_min) return false;
  return std::ranges::any_of(devices, [&](const std::string& name) {
    const auto found = devices_of(machine_, name);
    return found && std::ranges::all_of(*found, [](const gpu::Device* device) {
             return device->info().kind == gpu::DeviceKind::discrete && !device->info().software;
           });
  });
}

pipeline::MakeExecutor ShardBackend::executors(const std::vector<std::string>& devices) {
  if (busy_wait_ != nullptr) busy_wait_->allow(worth_busy_wait(devices));
  return [this](const pipeline::ComputeInfo& info, pipeline::StepWork work) {
    return executors_.make(info, std::move(work));
  };
}

size_t ShardBackend::sent_bytes_max() const { return gpu::read_host_memory().total / kSentShare; }

}  // namespace exogpu::node
