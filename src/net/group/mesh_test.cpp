#include "net/group/mesh.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/testing/expect.h"
#include "net/testing/members.h"

namespace exogpu::net {
namespace {

using exogpu::testing::expect_error;
using namespace testing;
using wire::ByteVector;

// A frame of bytes that tell who sent it and to whom.
ByteVector frame_of(uint32_t from, uint32_t to, size_t size) {
  ByteVector frame(kMemberHeadBytes + size);
  for (size_t i = 0; i < size; ++i) frame[kMemberHeadBytes + i] = static_cast<std::byte>(i * 7 + from * 31 + to * 5);
  return frame;
}

// Each sends so many bytes to each.
Result<void> exchange_all(Mesh& mesh, size_t size) {
  std::vector<ByteVector> frames(mesh.members()), payloads(mesh.members(), ByteVector(size));
  std::vector<MeshOutgoing> out;
  std::vector<MeshIncoming> in;
  for (uint32_t rank = 0; rank < mesh.members(); ++rank) {
    if (rank == mesh.rank()) continue;
    frames[rank] = frame_of(mesh.rank(), rank, size);
    out.push_back({rank, frames[rank]});
    in.push_back({rank, payloads[rank]});
  }
  EXO_CHECK(mesh.transfer(out, in));
  for (uint32_t rank = 0; rank < mesh.members(); ++rank) {
    if (rank == mesh.rank()) continue;
    const ByteVector expected = frame_of(rank, mesh.rank(), size);
    EXPECT_TRUE(std::equal(payloads[rank].begin(), payloads[rank].end(), expected.begin() + kMemberHeadBytes));
  }
  return {};
}

// The first member's call, and the others' end of it.
void begin(Mesh& mesh) {
  if (mesh.rank() > 0) {
    EXPECT_EQ(mesh.receive_call().value(), ByteVector{std::byte{9}});
    return;
  }
  mesh.begin_step();
  for (uint32_t rank = 1; rank < mesh.members(); ++rank) EXPECT_TRUE(mesh.send_message(rank, ByteVector{std::byte{9}}));
}

void answer(Mesh& mesh) {
  if (mesh.rank() > 0) {
    EXPECT_TRUE(mesh.send_message(0, ByteVector{std::byte{8}, static_cast<std::byte>(mesh.rank())}));
    return;
  }
  for (uint32_t rank = 1; rank < mesh.members(); ++rank)
    EXPECT_EQ(mesh.receive_message(rank).value(), (ByteVector{std::byte{8}, static_cast<std::byte>(rank)}));
}

TEST(MemberFrames, HeadsSurvive) {
  std::array<std::byte, kMemberHeadBytes> bytes;
  const MemberFrameHead head{
      .step = 0x80000001, .operation = 258, .bytes = 0xFFFFFFFE, .kind = MemberFrameKind::message};
  write_head(head, bytes);
  EXPECT_EQ(read_head(bytes).value(), head);
  bytes[13] = std::byte{1};
  expect_error(read_head(bytes), ErrorCode::corrupt, "not known here (258)");
}

// Also more than sockets hold, in both directions at once.
TEST(Mesh, AllExchangeAtOnceWhateverTheSize) {
  const auto meshes = connect_meshes(3);
  run_members(3, [&](uint32_t rank) {
    Mesh& mesh = *meshes[rank];
    for (const size_t size : {size_t{1}, size_t{0}, size_t{40'000}, size_t{6'000'000}, size_t{5}}) {
      begin(mesh);
      for (int i = 0; i < 3; ++i) EXPECT_TRUE(exchange_all(mesh, size)) << size;
      answer(mesh);
    }
  });
}

TEST(Mesh, AStepThatOneAbandonsEndsForAllAndTheNextWorks) {
  const auto meshes = connect_meshes(3);
  run_members(3, [&](uint32_t rank) {
    Mesh& mesh = *meshes[rank];
    for (uint32_t failing = 0; failing < 3; ++failing) {
      begin(mesh);
      EXPECT_TRUE(exchange_all(mesh, 100));
      if (rank == failing) mesh.abandon();
      // More than sockets hold: the others find out while they send.
      expect_error(exchange_all(mesh, 8'000'000), ErrorCode::cancelled, "member of the group has failed");
      mesh.abandon();
      answer(mesh);
      begin(mesh);
      EXPECT_TRUE(exchange_all(mesh, 300'000));
      answer(mesh);
    }
  });
}

TEST(Mesh, OtherSizesAreAnError) {
  const auto meshes = connect_meshes(2);
  run_members(2, [&](uint32_t rank) {
    begin(*meshes[rank]);
    expect_error(exchange_all(*meshes[rank], 10 + rank), ErrorCode::internal,
                 rank == 0 ? "it sends 11 bytes as operation 0 of a step, where 10 are due" : "it sends 10 bytes");
    answer(*meshes[rank]);
  });
}

TEST(Mesh, NobodyWaitsForAMemberThatIsGone) {
  auto meshes = connect_meshes(3);
  run_members(3, [&](uint32_t rank) {
    begin(*meshes[rank]);
    EXPECT_TRUE(exchange_all(*meshes[rank], 100));  // which the others end also when this one has left
    if (rank == 2) return meshes[2].reset();
    expect_error(exchange_all(*meshes[rank], 100), ErrorCode::unavailable, "member");
    EXPECT_FALSE(exchange_all(*meshes[rank], 100));
  });
}

TEST(Mesh, AMemberThatWaitsForACallCanBeInterrupted) {
  const auto meshes = connect_meshes(2);
  const Error why{ErrorCode::unavailable, "laptop has left the cluster"};
  std::jthread other([&] { expect_error(meshes[1]->receive_call(), ErrorCode::unavailable, why.message); });
  meshes[1]->interrupt(why);
}

TEST(Mesh, ASilentMemberEndsTheStep) {
  const auto meshes = connect_meshes(2, std::chrono::milliseconds(20));
  meshes[0]->begin_step();
  expect_error(exchange_all(*meshes[0], 10), ErrorCode::deadline_exceeded, "has sent nothing");
}

TEST(Mesh, WhatIsNoFrameIsRefused) {
  const auto refused_as = [](MemberFrameHead head, bool of_a_call, std::string_view words) {
    auto links = connect_members(2);
    auto& liar = *links[1][0];
    Mesh mesh(0, std::move(links[0]));
    mesh.begin_step();
    std::array<std::byte, kMemberHeadBytes> bytes;
    write_head(head, bytes);
    liar.send(bytes);
    while (!liar.sent()) EXPECT_TRUE(liar.pump());
    if (of_a_call) return expect_error(mesh.receive_message(1), ErrorCode::corrupt, words);
    ByteVector payload(10);
    const MeshIncoming in{1, payload};
    expect_error(mesh.transfer({}, {&in, 1}), ErrorCode::corrupt, words);
  };
  refused_as({.step = 1, .kind = static_cast<MemberFrameKind>(77)}, false, "of a kind that is not known here (77)");
  refused_as({.step = 2, .bytes = 10}, false, "what belongs to no step");
  refused_as({.step = 1, .bytes = 10, .kind = MemberFrameKind::message}, false, "what belongs to no step");
  refused_as({.step = 2, .bytes = 1, .kind = MemberFrameKind::message}, true, "what belongs to no step");
  refused_as({.step = 1, .bytes = UINT32_MAX, .kind = MemberFrameKind::message}, true, "what belongs to no step");
}

TEST(MemberLink, OnlyTheNodeThatWasMeantIsAccepted) {
  const auto authority = new_authority();
  const MemberNode one(authority);
  MemberNode other(authority);
  expect_error(one.connect(other, one.id()), ErrorCode::unauthenticated, "but node " + other.id().short_text());
  EXPECT_EQ(other.accepted().value()->peer(), one.id());
  MemberNode stranger(new_authority());
  EXPECT_FALSE(one.connect(stranger));
  EXPECT_FALSE(stranger.accepted());
}

}  // namespace
}  // namespace exogpu::net
