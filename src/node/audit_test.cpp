#include "node/audit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "base/testing/temp_dir.h"
#include "node/testing/some_audit.h"

namespace exogpu::node {
namespace {

using exogpu::testing::TempDir;

wire::NodeId some_identity_id() { return wire::NodeId(std::array<uint8_t, wire::kKeyHashBytes>{7}); }

struct AuditedNode {
  AuditedNode() : identity(testing::some_identity()) { open(); }
  void open() {
    audit.reset();
    audit = Audit::open(dir.path(), identity).value();
  }
  void do_something(const std::string& what) {
    audit->record({.who = "local", .action = "load", .what = what, .result = "ok"});
  }
  std::vector<std::string> lines() const { return audit->lines(0, 1000).value(); }

  TempDir dir;
  security::Identity identity;
  std::unique_ptr<Audit> audit;
};

// As the nodes do when one has something to send.
void exchange(AuditedNode& from, AuditedNode& to) {
  if (const auto head = from.audit->head_to_send()) {
    from.audit->take_anchors(to.identity.node(), "to", to.audit->take_head(from.identity.node(), "from", head->point));
  }
}

TEST(NodeAudit, TellsEachLineThatItWrites) {
  const TempDir dir;
  std::vector<std::string> told;
  const auto audit = Audit::open(dir.path(), testing::some_identity(), {}, [&](std::string_view line) {
                       told.emplace_back(line);
                     }).value();
  audit->record({.who = "local", .action = "load", .what = "one", .result = "ok"});
  audit->count("laptop", "192.0.2.7", {.requests = 1, .tokens = 5});
  EXPECT_EQ(told.size(), 1U);
  audit->write_counts();
  EXPECT_EQ(told, audit->lines(0, 1000).value());
  EXPECT_EQ(told.size(), 2U);
}

// The text of a refusal may be the client's own: the version that its program claims to be.
TEST(NodeAudit, ManyReasonsOfOneClientAreFewEntries) {
  AuditedNode node;
  for (int i = 0; i < 3000; ++i) node.audit->count_refusal("", "192.0.2.8", std::format("reason {}", i));
  node.audit->write_counts();
  const auto lines = node.lines();
  EXPECT_EQ(lines.size(), 21U);
  EXPECT_TRUE(std::ranges::any_of(lines, [](const std::string& line) {
    return line.contains(R"("what":"2980 requests","result":"other reasons")");
  }));
}

TEST(NodeAudit, RequestsAreWrittenAsCounts) {
  AuditedNode node;
  for (int i = 0; i < 50; ++i) {
    node.audit->count("laptop", "192.0.2.7", {.requests = 1, .tokens = 0});
    node.audit->count("laptop", "192.0.2.7", {.requests = 0, .tokens = 10});
    node.audit->count_refusal("", "192.0.2.8", "401");
  }
  EXPECT_TRUE(node.lines().empty());
  node.audit->write_counts();
  node.audit->write_counts();
  ASSERT_EQ(node.lines().size(), 2U);
  EXPECT_TRUE(node.lines()[0].contains(
      R"("who":"laptop","from":"192.0.2.7","action":"requests","what":"50 requests, 500 tokens")"));
  EXPECT_TRUE(node.lines()[1].contains(R"("from":"192.0.2.8","action":"refused","what":"50 requests","result":"401")"));
  EXPECT_TRUE(node.audit->verify().value().problems.empty());
}

TEST(NodeAudit, ManyClientsTakeNoMoreMemory) {
  AuditedNode node;
  for (int i = 0; i < 3000; ++i) node.audit->count_refusal("", std::format("address {}", i), "401");
  node.audit->write_counts();
  const auto all = node.audit->lines(0, 2000).value();
  EXPECT_EQ(all.size(), 1001U);
  EXPECT_TRUE(all.back().contains("2000 requests"));
}

TEST(NodeAudit, ChainsThatAnchorEachOtherComeToRest) {
  AuditedNode a, b;
  a.do_something("x");
  for (int minute = 0; minute < 5; ++minute) {
    exchange(a, b);
    exchange(b, a);
  }
  EXPECT_EQ(a.lines().size(), 1U);
  EXPECT_EQ(b.lines().size(), 1U) << "an anchor is no reason to send a head";
  EXPECT_EQ(a.audit->verify().value().witnessed, 1U);
}

TEST(NodeAudit, ANodeThatSendsHeadsWithoutEndDoesNotFillTheChain) {
  AuditedNode a;
  for (uint64_t i = 1; i <= 1000; ++i) a.audit->take_head(some_identity_id(), "liar", {.number = i, .hash = {}});
  EXPECT_EQ(a.lines().size(), 10U);
  EXPECT_EQ(a.audit->anchors_of(some_identity_id()).points.size(), 10U);
}

TEST(NodeAudit, AnEndThatWasCutOffIsFoundAfterTheOtherNodeSaysWhatItHas) {
  AuditedNode a, b;
  a.do_something("x");
  exchange(a, b);
  const auto file = a.dir / "audit" / "audit-00000000000000000001.jsonl";
  const auto size = std::filesystem::file_size(file);
  a.do_something("y");
  exchange(a, b);
  a.audit.reset();
  std::filesystem::resize_file(file, size);
  a.open();
  a.do_something("z");  // in the place of y
  EXPECT_TRUE(a.audit->verify().value().problems.empty()) << "by itself it looks whole";

  b.open();  // what it anchored is on its disk
  a.audit->take_anchors(b.identity.node(), "b", b.audit->anchors_of(a.identity.node()));
  const auto report = a.audit->verify().value();
  ASSERT_EQ(report.problems.size(), 1U);
  EXPECT_EQ(report.problems.front().entry, 2U);
  EXPECT_TRUE(report.problems.front().what.contains("that b has seen")) << report.problems.front().what;
}

}  // namespace
}  // namespace exogpu::node
