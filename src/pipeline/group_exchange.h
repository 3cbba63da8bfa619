// The exchange of members of a group that are processes, on one machine or on several.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/cut/exchange.h"
#include "net/group/mesh.h"
#include "wire/dtype.h"

namespace exogpu::pipeline {

// Few values, those of a token, go whole from each member to each, in one round. Many, those of a prompt, are divided:
// each member adds up its part for all and sends the sums, in two rounds and 2 (n-1) / n times their bytes instead of
// n-1 times (Rabenseifner's reduce-scatter and all-gather, with direct exchanges in the place of his halving, so that
// sums keep the order of the ranks). Both ways give the same bits at all members, and with f32 those of SharedExchange.
class GroupExchange final : public engine::Exchange {
 public:
  // `sums`: the type as which values travel: f32, f16 or q8_0 (error bounds in activation_codec.h; what stays with a
  // member is rounded as well). Values that do not fill blocks travel as f16 instead of q8_0, and so do the logits of
  // gather(). `columns`: of each member in gather(), by rank.
  GroupExchange(std::shared_ptr<net::Mesh> mesh, wire::Dtype sums, std::vector<uint32_t> columns);
  // With the columns that these members have of the head.
  GroupExchange(std::shared_ptr<net::Mesh> mesh, wire::Dtype sums, std::span<const engine::MemberCut> cuts);

  // Errors: those of Exchange and of Mesh::transfer(); corrupt, where a value is not finite: names the member.
  Result<void> sum(std::span<float> values) override;
  Result<void> gather(std::span<const float> part, size_t rows, std::span<float> whole) override;
  void abandon() override { mesh_->abandon(); }

 private:
  // Values as they travel, behind the mesh's head; in floats, so that they are aligned as such.
  class Frame {
   public:
    void resize(size_t bytes) { memory_.resize((net::kMemberHeadBytes + bytes + 3) / 4), bytes_ = bytes; }
    std::span<std::byte> whole() {
      return std::as_writable_bytes(std::span(memory_)).first(net::kMemberHeadBytes + bytes_);
    }
    std::span<std::byte> payload() { return whole().subspan(net::kMemberHeadBytes); }

   private:
    std::vector<float> memory_;
    size_t bytes_ = 0;
  };
  struct Part {
    size_t begin = 0, end = 0;
    std::span<float> of(std::span<float> values) const { return values.subspan(begin, end - begin); }
  };

  uint32_t members() const { return mesh_->members(); }
  Part part_of(uint32_t rank, size_t values) const;
  Result<void> sum_whole(std::span<float> values, wire::Dtype type);
  Result<void> sum_by_parts(std::span<float> values, wire::Dtype type);
  Result<void> exchange(bool own_frame_for_all);
  Result<void> add_all(std::span<float> sums, wire::Dtype type);
  Result<void> decode(uint32_t rank, wire::Dtype type, std::span<float> out);

  std::shared_ptr<net::Mesh> mesh_;
  wire::Dtype sums_;
  std::vector<uint32_t> columns_;
  std::vector<Frame> to_;    // by rank; at the own rank, what stays here or goes to all
  std::vector<Frame> from_;  // by rank, but for the own one
  std::vector<float> decoded_;
  std::vector<net::MeshOutgoing> outgoing_;
  std::vector<net::MeshIncoming> incoming_;
};

}  // namespace exogpu::pipeline
