#include "pipeline/sent_rows.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <vector>

namespace exogpu::pipeline {
namespace {

using wire::SeqId;
using Bytes = std::vector<std::byte>;

constexpr size_t kRow = 48 * 1024;  // five to a block

Bytes rows_of(uint32_t count, uint8_t value) { return Bytes(count * kRow, static_cast<std::byte>(value)); }

Bytes read(const SentRows& sent, uint32_t sequence, uint32_t position, uint32_t count) {
  Bytes into(count * kRow);
  return sent.read(SeqId(sequence), position, into) ? into : Bytes();
}

TEST(SentRows, AreReadAsTheyWereAdded) {
  SentRows sent(kRow, size_t{64} << 20);
  sent.add(SeqId(1), 0, rows_of(7, 1));
  sent.add(SeqId(1), 7, rows_of(4, 2));
  Bytes expected = rows_of(3, 1);
  const Bytes second = rows_of(2, 2);
  expected.insert(expected.end(), second.begin(), second.end());
  EXPECT_EQ(read(sent, 1, 4, 5), expected);
  EXPECT_TRUE(read(sent, 1, 8, 4).empty()) << "more than there is";
  EXPECT_TRUE(read(sent, 2, 0, 1).empty());
}

TEST(SentRows, WithoutRoomNothingIsRetained) {
  SentRows none;
  none.add(SeqId(0), 0, rows_of(1, 1));
  EXPECT_EQ(none.bytes(), 0U);
  SentRows small(kRow, kRow);  // less than a block
  small.add(SeqId(0), 0, rows_of(1, 1));
  EXPECT_TRUE(read(small, 0, 0, 1).empty());
}

TEST(SentRows, TheSequenceUsedLongestAgoIsDropped) {
  SentRows sent(kRow, 4 * 5 * kRow);
  sent.add(SeqId(0), 0, rows_of(5, 1));
  sent.add(SeqId(1), 0, rows_of(5, 2));
  sent.add(SeqId(0), 5, rows_of(5, 1));
  sent.add(SeqId(2), 0, rows_of(6, 3));
  EXPECT_EQ(sent.rows(SeqId(0)), 10U);
  EXPECT_EQ(sent.rows(SeqId(1)), 0U);
  EXPECT_EQ(sent.rows(SeqId(2)), 6U);
  sent.add(SeqId(1), 5, rows_of(1, 2));  // the earlier rows are dropped
  EXPECT_EQ(sent.rows(SeqId(1)), 0U);
  sent.add(SeqId(2), 6, rows_of(30, 3));  // more than has room at all
  EXPECT_EQ(sent.rows(SeqId(2)), 0U);
  EXPECT_EQ(sent.bytes(), 0U);
}

TEST(SentRows, HaveTheRowsOfTheirSequences) {
  EXPECT_TRUE(rc::check([] {
    SentRows sent(kRow, 12 * 5 * kRow);
    std::vector<Bytes> expected(4);  // a byte for each row
    for (int i = 0; i < 40; ++i) {
      const auto sequence = *rc::gen::inRange<uint32_t>(0, 4);
      Bytes& mine = expected[sequence];
      const auto rows_before = static_cast<uint32_t>(mine.size());
      switch (*rc::gen::inRange(0, 3)) {
        case 0: {
          const auto value = *rc::gen::arbitrary<uint8_t>();
          const auto count = *rc::gen::inRange<uint32_t>(1, 12);
          sent.add(SeqId(sequence), rows_before, rows_of(count, value));
          mine.insert(mine.end(), count, static_cast<std::byte>(value));
          break;
        }
        case 1: {
          const auto end = *rc::gen::inRange<uint32_t>(0, rows_before + 2);
          sent.truncate(SeqId(sequence), end);
          mine.resize(std::min(rows_before, end));
          break;
        }
        default: {
          const auto from = *rc::gen::inRange<uint32_t>(0, 4);
          const auto length = *rc::gen::inRange<uint32_t>(0, static_cast<uint32_t>(expected[from].size()) + 1);
          sent.copy_prefix(SeqId(from), SeqId(sequence), length);
          mine = Bytes(expected[from].begin(), expected[from].begin() + length);
        }
      }
      RC_ASSERT(sent.bytes() <= 12 * 5 * kRow);
      for (uint32_t s = 0; s < 4; ++s) {
        const uint32_t rows = sent.rows(SeqId(s));
        RC_ASSERT(rows <= expected[s].size());
        const Bytes all = read(sent, s, 0, rows);
        for (uint32_t row = 0; row < rows; ++row) RC_ASSERT(all[row * kRow + kRow - 1] == expected[s][row]);
      }
    }
  }));
}

}  // namespace
}  // namespace exogpu::pipeline
