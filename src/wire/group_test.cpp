#include "wire/group.h"

#include <gtest/gtest.h>

#include "proto/group.pb.h"
#include "wire/testing/messages.h"

namespace exogpu::wire {
namespace {

using namespace testing;

TEST(GroupMessages, RoundTrip) {
  const MemberForward tokens{.spans = {{SeqId(1), 8, 2, 1}, {SeqId(2), UINT32_MAX, 1, 0}}, .tokens = {5, -1, 7}};
  const MemberForward activations{.spans = {{SeqId(0), 0, 500, 500}}, .tokens = {}};
  const MemberPlaces places{.places = {{SeqId(3), {.begin = 256, .rows = UINT32_MAX}}, {SeqId(4), {}}}};
  for (const MemberCall& call :
       {MemberCall{tokens}, MemberCall{activations}, MemberCall{MemberTruncate{SeqId(9), 3}},
        MemberCall{MemberCopy{SeqId(1), SeqId(2), 70}}, MemberCall{places}, MemberCall{MemberRelease{}}})
    EXPECT_EQ(decode<MemberCall>(encode(call)).value(), call);
  EXPECT_EQ(decode<MemberReply>(encode(MemberReply{})).value(), MemberReply{});
  const MemberReply failed{.failure = Error{ErrorCode::out_of_memory, "no room"}};
  EXPECT_EQ(decode<MemberReply>(encode(failed)).value(), failed);
}

TEST(GroupMessages, WhatIsWrongIsRefused) {
  expect_corrupt<MemberCall>({}, "not known here");
  proto::MemberCall call;
  call.mutable_forward()->add_spans()->set_count(3);
  call.mutable_forward()->add_tokens(1);
  expect_corrupt<MemberCall>(bytes_of(call), "for 3 tokens that has 1");
  for (size_t i = 0; i <= kMemberSpansMax; ++i) call.mutable_places()->add_places();
  expect_corrupt<MemberCall>(bytes_of(call), "65537 entries");
  expect_corrupt<MemberReply>({std::byte{0xFF}}, "a broken member reply message");
}

}  // namespace
}  // namespace exogpu::wire
