#include "node/streams/stream_store.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <format>
#include <optional>

namespace exogpu::node {
namespace {

using namespace std::chrono_literals;

constexpr wire::StreamId kStream{7};

std::string owner(char of = 'a') { return std::string(wire::kStreamOwnerBytes, of); }

class StreamStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<StreamStore::Writer> create(StreamStore& store, wire::StreamId id = kStream) {
    return store.create(
        id, {.owner = owner(), .type = "text/event-stream", .linger = 5s, .on_abandoned = [this] { ++abandoned_; }},
        now_);
  }
  wire::StreamRead at(uint64_t from) const { return {.request = 3, .stream = kStream, .owner = owner(), .from = from}; }
  // "hello" of what a read gives, "." at the end, "error: ..." or "waits".
  std::string read(StreamStore& store, const wire::StreamRead& request) {
    std::optional<std::string> got;
    store.read(request, [&](const Result<wire::StreamBytes>& part) { got = text_of(part); }, now_);
    return got.value_or("waits");
  }
  static std::string text_of(const Result<wire::StreamBytes>& part) {
    if (!part) return std::format("{}: {}", to_string(part.error().code), part.error().message);
    return part->bytes + (part->ended ? "." : "");
  }
  void pass(StreamStore& store, std::chrono::milliseconds time) {
    now_ += time;
    store.tick(now_);
  }

  StreamStore::Clock::time_point now_{1h};
  StreamStore store_{{.streams = 3, .stream_bytes = 100, .total_bytes = 250, .readers = 2, .read_wait = 10s}};
  int abandoned_ = 0;
};

TEST_F(StreamStoreTest, IsReadFromAnyOffset) {
  auto writer = create(store_);
  writer->append("hello");
  EXPECT_EQ(read(store_, at(0)), "hello");
  EXPECT_EQ(read(store_, at(2)), "llo");
  wire::StreamRead short_read = at(1);
  short_read.bytes_max = 2;
  EXPECT_EQ(read(store_, short_read), "el");
  writer.reset();
  EXPECT_EQ(read(store_, short_read), "el");
  EXPECT_EQ(read(store_, at(0)), "hello.");
  EXPECT_EQ(read(store_, at(5)), ".");
  EXPECT_EQ(read(store_, at(6)), "invalid_argument: the stream has 5 bytes, and not 6");
}

TEST_F(StreamStoreTest, AReaderWaitsForMoreOrTheEnd) {
  auto writer = create(store_);
  std::vector<std::string> got;
  const auto wait = [&](uint64_t from) {
    store_.read(at(from), [&](const Result<wire::StreamBytes>& part) { got.push_back(text_of(part)); }, now_);
  };
  wait(0);
  EXPECT_TRUE(got.empty());
  writer->append("ab");
  EXPECT_EQ(got, std::vector<std::string>{"ab"});
  wait(2);
  wait(2);
  wait(2);
  EXPECT_EQ(got.back(), "unavailable: 2 clients read this stream already");
  writer.reset();
  EXPECT_EQ(got.size(), 4U);
  EXPECT_EQ(got.back(), ".");
}

TEST_F(StreamStoreTest, AReaderThatWaitsLongIsToldThatThereIsNothing) {
  auto writer = create(store_);
  std::optional<std::string> got;
  store_.read(at(0), [&](const Result<wire::StreamBytes>& part) { got = text_of(part); }, now_);
  pass(store_, 9s);
  EXPECT_FALSE(got);
  EXPECT_EQ(abandoned_, 0);  // somebody reads it
  pass(store_, 1s);
  EXPECT_EQ(got, "");
  pass(store_, 5s);
  EXPECT_EQ(abandoned_, 0);
  pass(store_, 1s);
  EXPECT_EQ(abandoned_, 1);
}

TEST_F(StreamStoreTest, IsReadByItsOwnerOnly) {
  auto writer = create(store_);
  writer->append("secret");
  wire::StreamRead other = at(0);
  other.owner = owner('b');
  EXPECT_TRUE(read(store_, other).starts_with("not_found"));
  other.stop = true;
  EXPECT_TRUE(read(store_, other).starts_with("not_found"));
  EXPECT_EQ(abandoned_, 0);
  other = at(0);
  other.stream = wire::StreamId(8);
  EXPECT_TRUE(read(store_, other).starts_with("not_found"));
  EXPECT_TRUE(store_.has(kStream, owner()));
  EXPECT_FALSE(store_.has(kStream, owner('b')));
}

TEST_F(StreamStoreTest, LivesForItsLingerAfterItWasReadLast) {
  auto writer = create(store_);
  pass(store_, 4s);
  writer->append("x");
  EXPECT_EQ(read(store_, at(0)), "x");
  pass(store_, 5s);
  EXPECT_EQ(abandoned_, 0);
  pass(store_, 1s);
  EXPECT_EQ(abandoned_, 1);
  EXPECT_EQ(store_.size(), 1U);  // until its writer has ended it
  writer.reset();
  pass(store_, 1s);
  EXPECT_EQ(store_.size(), 0U);
  EXPECT_EQ(abandoned_, 1);
}

TEST_F(StreamStoreTest, WhatHasEndedIsForgottenAfterItsLinger) {
  create(store_)->append("done");
  pass(store_, 5s);
  EXPECT_EQ(read(store_, at(0)), "done.");
  pass(store_, 5s);
  EXPECT_EQ(store_.size(), 1U);
  pass(store_, 1ms);
  EXPECT_EQ(store_.size(), 0U);
  EXPECT_EQ(abandoned_, 0);
}

TEST_F(StreamStoreTest, IsStoppedOnRequest) {
  auto writer = create(store_);
  wire::StreamRead stop = at(0);
  stop.stop = true;
  EXPECT_EQ(read(store_, stop), ".");
  EXPECT_EQ(read(store_, stop), ".");
  EXPECT_EQ(abandoned_, 1);
}

TEST_F(StreamStoreTest, ALongStreamLosesItsBeginning) {
  auto writer = create(store_);
  for (int i = 0; i < 40; ++i) writer->append("0123456789");
  EXPECT_TRUE(read(store_, at(0)).starts_with("invalid_argument: the stream is kept from byte "));
  EXPECT_EQ(read(store_, at(390)), "0123456789");
}

TEST_F(StreamStoreTest, ThereAreNoMoreThanSoMany) {
  auto one = create(store_), two = create(store_, wire::StreamId(8)), three = create(store_, wire::StreamId(9));
  EXPECT_TRUE(one && two && three);
  EXPECT_FALSE(create(store_, wire::StreamId(10)));
  one.reset();
  pass(store_, 6s);
  EXPECT_TRUE(create(store_, kStream));
  EXPECT_FALSE(create(store_, wire::StreamId(8)));
}

TEST_F(StreamStoreTest, WhatHasEndedMakesRoomForWhatGrows) {
  create(store_, wire::StreamId(8))->append(std::string(90, 'x'));
  now_ += 1s;
  create(store_, wire::StreamId(9))->append(std::string(90, 'y'));
  auto writer = create(store_);
  writer->append(std::string(90, 'z'));
  EXPECT_FALSE(store_.has(wire::StreamId(8), owner()));
  EXPECT_TRUE(store_.has(wire::StreamId(9), owner()));
  EXPECT_EQ(read(store_, at(0)), std::string(90, 'z'));
}

// Whatever is read in pieces is what was written.
TEST_F(StreamStoreTest, AReaderThatFollowsGetsEveryByteOnce) {
  EXPECT_TRUE(rc::check([this](const std::vector<std::string>& pieces) {
    StreamStore store;
    auto writer = create(store);
    std::string written, received;
    bool ended = false;
    const std::function<void()> follow = [&] {
      wire::StreamRead request = at(received.size());
      request.bytes_max = 3;
      store.read(
          request,
          [&](const Result<wire::StreamBytes>& part) {
            RC_ASSERT(part);
            RC_ASSERT(part->offset == received.size());
            received += part->bytes;
            ended = part->ended;
            if (!ended) follow();
          },
          now_);
    };
    follow();
    for (const std::string& piece : pieces) {
      writer->append(piece);
      written += piece;
      RC_ASSERT(received == written);
    }
    writer.reset();
    RC_ASSERT(ended);
  }));
}

}  // namespace
}  // namespace exogpu::node
