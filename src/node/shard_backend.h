// The stages of a node on its devices: shards of the engine, loaded on a thread of their own.
#pragma once

#include <boost/asio/thread_pool.hpp>

#include "base/busy_wait.h"
#include "base/mutex.h"
#include "gpu/cpu_threads/thread_use.h"
#include "gpu/device.h"
#include "node/device_group.h"
#include "pipeline/pacer.h"
#include "pipeline/thread_executor.h"
#include "worker/stage_backend.h"

namespace exogpu::node {

class RemoteGroups;

class ShardBackend final : public worker::StageBackend {
 public:
  using Post = std::function<void(std::move_only_function<void()>)>;

  // `threads` of a stage on the CPU; 0: as many as this process may well use. `post` runs a task on the node's thread,
  // later. `groups`: the shares of devices that are groups. `busy_wait`, where it is given, is allowed where the
  // devices of a ring are worth it. `pacers`: by which the stages of these devices work. `remote`: the groups with
  // devices of other nodes; null: there are none. `machine`, `busy_wait` and `remote` must outlive it.
  ShardBackend(const gpu::Machine& machine, uint32_t threads, Post post, BusyWait* busy_wait, GroupShares groups = {},
               pipeline::Pacers pacers = {}, RemoteGroups* remote = nullptr);
  ~ShardBackend() override;  // waits for what cannot be interrupted

  void load(std::shared_ptr<worker::Part> part, Progress progress, std::stop_token stop, Done done) override;
  void warm(std::shared_ptr<worker::Part> part, std::stop_token stop, Done done) override;
  void disassemble(std::unique_ptr<pipeline::Ring> ring, std::map<uint32_t, std::shared_ptr<worker::Part>> parts,
                   worker::PartList gone, Done done) override;
  void free(worker::PartList parts) override;
  pipeline::MakeExecutor executors(const std::vector<std::string>& devices) override;
  size_t sent_bytes_max() const override;

  // With how many threads of the CPU such a part computed last, and which weights its device holds in another type than
  // the file, for people; empty where there is nothing to say, or not yet. Any thread.
  std::string notes_of(const std::string& content, const std::string& device, wire::LayerRange layers) const
      EXO_EXCLUDES(mutex_);
  // The stages on the CPU compute with as many threads from their next step on as the pacers allow. Any thread.
  void update_threads() EXO_EXCLUDES(mutex_);

 private:
  Result<engine::ShardGroup> load_group(const worker::Part& part, const Progress& progress,
                                        const std::stop_token& stop);
  void run(std::move_only_function<Result<void>()> task, Done done);
  Progress posted(Progress progress) const;
  void remember(const std::shared_ptr<worker::Part>& part, const engine::Shard& shard) EXO_EXCLUDES(mutex_);
  std::shared_ptr<pipeline::Pacer> pacer_of(const std::string& device) const;
  bool worth_busy_wait(const std::vector<std::string>& devices) const;

  const gpu::Machine& machine_;
  uint32_t threads_;
  Post post_;
  BusyWait* busy_wait_;
  GroupShares groups_;
  pipeline::Pacers pacers_;
  RemoteGroups* remote_;
  struct Used {
    std::weak_ptr<worker::Part> part;
    worker::PartKey key;
    std::shared_ptr<gpu::SharedThreadUse> use;  // of a part on the CPU
    std::string held;                           // "mxfp4 is held as q8_0"
  };
  mutable Mutex mutex_;
  std::vector<Used> used_ EXO_GUARDED_BY(mutex_);  // of the parts with something to say
  pipeline::ThreadExecutors executors_;
  boost::asio::thread_pool loader_{1};
};

}  // namespace exogpu::node
