// The members of a group on other nodes: the first has them do what it does, and each follows.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/group_call.h"
#include "net/group/mesh.h"
#include "wire/group.h"

namespace exogpu::pipeline {

// Driven by the thread of the first member. A call takes a message to each member and one back; activations of the
// stage before follow the message. When a connection is lost, every call fails with the reason.
class RemoteMembers final : public engine::OtherMembers {
 public:
  explicit RemoteMembers(std::shared_ptr<net::Mesh> mesh);

  void begin(const engine::GroupCall& call) override;
  std::span<const Result<void>> end() override;
  size_t size() const override { return mesh_->members() - 1; }
  bool on_processor() const override { return false; }  // of this process
  bool reads_file() const override { return false; }
  std::optional<Error> lost() const override { return mesh_->lost(); }

 private:
  Result<void> send(const engine::GroupCall& call);
  Result<void> send_values(std::span<const float> values);
  Result<void> reply_of(uint32_t rank);

  std::shared_ptr<net::Mesh> mesh_;
  Result<void> begun_;
  std::vector<Result<void>> results_;
  std::vector<float> frame_;
};

// Does with the shard of a member what the first member calls, until the connection ends; the reason. Blocks.
Error follow(net::Mesh& mesh, engine::Shard& shard);

}  // namespace exogpu::pipeline
