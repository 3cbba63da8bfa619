#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <random>

#include "base/testing/temp_dir.h"
#include "security/audit/chain.h"
#include "security/audit/files.h"

namespace exogpu::security {
namespace {

using exogpu::testing::TempDir;
using Lines = std::vector<std::string>;

constexpr AuditLimits kSmallFiles{.file = 2 * KiB, .files = 3};
const WallTime kAuditNow{std::chrono::sys_days{std::chrono::year{2026} / 1 / 1}};

PrivateKey copy_of(const PrivateKey& key) { return PrivateKey::from_der(key.to_der(), "a test's key").value(); }

AuditRecord record_of(uint64_t n) {
  return {
      .who = "laptop", .from = "192.0.2.7", .action = "keys.add", .what = std::format("phone {}", n), .result = "ok"};
}

AuditWriter open_chain(const TempDir& dir, const PrivateKey& key, const AuditLimits& limits = {}) {
  return AuditWriter::open(dir / "audit", copy_of(key), limits, kAuditNow).value();
}

AuditReport verified(const TempDir& dir, const std::vector<AuditWitness>& witnesses = {},
                     const PrivateKey* key = nullptr) {
  const std::optional<AuditKey> shown = key ? std::optional(AuditKey::of(*key).value()) : std::nullopt;
  return verify_audit(dir / "audit", shown ? &*shown : nullptr, witnesses).value();
}

TEST(Audit, EntriesAreReadAsTheyWereWritten) {
  const TempDir dir;
  const PrivateKey key = PrivateKey::generate().value();
  AuditWriter chain = open_chain(dir, key);
  EXPECT_EQ(chain.head().number, 0U);
  ASSERT_TRUE(chain.add(record_of(1), {}, kAuditNow));
  const AuditAnchor anchor{.node = key.node_id(), .point = chain.head()};
  ASSERT_TRUE(chain.add({.who = "a\nb", .action = std::string(1000, 'x')}, anchor, kAuditNow));
  const auto lines = read_audit(dir / "audit", 0, 10).value();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(audit_hash(lines[1]), chain.head().hash);
  const AuditKey shown = key_in_audit_entry(lines[0]).value();
  EXPECT_EQ(shown.node(), key.node_id());
  const AuditEntry first = read_audit_entry(lines[0], shown).value();
  EXPECT_EQ(first.number, 1U);
  EXPECT_EQ(first.time_ms, kAuditNow.time_since_epoch() / std::chrono::milliseconds(1));
  EXPECT_EQ(first.record, record_of(1));
  EXPECT_EQ(first.oldest, 1U);
  const AuditEntry second = read_audit_entry(lines[1], shown).value();
  EXPECT_EQ(second.previous, audit_hash(lines[0]));
  EXPECT_EQ(second.anchor, anchor);
  EXPECT_EQ(second.record.action.size(), kAuditFieldBytesMax);
  EXPECT_FALSE(second.record.who.contains('\n'));
  struct stat status{};
  ASSERT_EQ(stat(audit_file(dir / "audit", 1).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST(Audit, TheChainGoesOnAfterARestartAndOldFilesGo) {
  const TempDir dir;
  const PrivateKey key = PrivateKey::generate().value();
  for (uint64_t n = 1; n <= 40; ++n) ASSERT_TRUE(open_chain(dir, key, kSmallFiles).add(record_of(n), {}, kAuditNow));
  const AuditReport report = verified(dir, {}, &key);
  EXPECT_TRUE(report.problems.empty()) << report.problems.front().what;
  EXPECT_EQ(report.node, key.node_id());
  EXPECT_EQ(report.last, 40U);
  EXPECT_GT(report.first, 1U);
  EXPECT_EQ(audit_files(dir / "audit").value().size(), kSmallFiles.files);
  EXPECT_EQ(read_audit(dir / "audit", 38, 10).value().size(), 3U);
  EXPECT_EQ(read_audit(dir / "audit", 0, 2).value().size(), 2U);
}

TEST(Audit, HalfALineOfACrashIsRemovedWhichTheNextEntrySays) {
  const TempDir dir;
  const PrivateKey key = PrivateKey::generate().value();
  {
    AuditWriter chain = open_chain(dir, key);
    for (uint64_t n = 1; n <= 3; ++n) ASSERT_TRUE(chain.add(record_of(n), {}, kAuditNow));
  }
  std::ofstream(audit_file(dir / "audit", 1), std::ios::app) << "{\"n\":4,\"ti";
  EXPECT_EQ(verified(dir).problems.size(), 1U);
  EXPECT_EQ(open_chain(dir, key).head().number, 4U);
  EXPECT_TRUE(verified(dir).problems.empty());
  EXPECT_TRUE(read_audit(dir / "audit", 4, 1).value().at(0).contains("10 bytes of an entry"));
}

TEST(Audit, AnotherNodesChainIsNotThisNodes) {
  const TempDir dir;
  const PrivateKey key = PrivateKey::generate().value(), other = PrivateKey::generate().value();
  ASSERT_TRUE(open_chain(dir, other).add(record_of(1), {}, kAuditNow));
  EXPECT_TRUE(verified(dir).problems.empty());
  const AuditReport report = verified(dir, {}, &key);
  ASSERT_EQ(report.problems.size(), 1U);
  EXPECT_EQ(report.problems.front().entry, 1U);
  EXPECT_FALSE(verify_audit(dir / "none", nullptr, {}));
}

TEST(Audit, AnEndThatWasCutOffIsFoundByWhatOthersHaveSeen) {
  const TempDir dir;
  const PrivateKey key = PrivateKey::generate().value();
  AuditWriter chain = open_chain(dir, key);
  for (uint64_t n = 1; n <= 3; ++n) ASSERT_TRUE(chain.add(record_of(n), {}, kAuditNow));
  const Lines before = read_audit(dir / "audit", 0, 10).value();
  for (uint64_t n = 4; n <= 6; ++n) ASSERT_TRUE(chain.add(record_of(n), {}, kAuditNow));
  const std::vector<AuditWitness> seen{{.by = "desk", .point = chain.head()}};
  EXPECT_TRUE(verified(dir, seen).problems.empty());
  EXPECT_EQ(verified(dir, seen).witnessed, 6U);
  std::ofstream cut(audit_file(dir / "audit", 1));
  for (const std::string& line : before) cut << line << '\n';
  cut.close();
  EXPECT_TRUE(verified(dir).problems.empty()) << "by itself it looks whole";
  EXPECT_EQ(verified(dir, seen).problems,
            (std::vector<AuditProblem>{{.entry = 4, .what = "entries 4 to 6 are cut off: desk has seen entry 6"}}));

  // The node goes on from there: entry 6 is another one then.
  AuditWriter again = open_chain(dir, key);
  for (uint64_t n = 14; n <= 17; ++n) ASSERT_TRUE(again.add(record_of(n), {}, kAuditNow));
  const AuditReport report = verified(dir, seen);
  ASSERT_EQ(report.problems.size(), 1U);
  EXPECT_EQ(report.problems.front().entry, 6U);
}

TEST(Audit, ASignatureIsOfNothingElse) {
  const PrivateKey key = PrivateKey::generate().value();
  const AuditKey shown = AuditKey::of(key).value();
  const std::string line = write_audit_entry({.number = 1, .record = record_of(1)}, key).value();
  EXPECT_TRUE(read_audit_entry(line, shown));
  EXPECT_EQ(AuditKey::parse(shown.text()).value().node(), key.node_id());
  const std::string text = shown.text();
  for (const std::string& bad : {std::string(), text.substr(2), text + "00", std::string(182, 'g')}) {
    EXPECT_FALSE(AuditKey::parse(bad)) << bad;
  }
  for (const char* bad : {"", "{}", ",\"sig\":\"\"}", ",\"sig\":\"}", "{\"n\":1,\"sig\":\"00\"}"}) {
    EXPECT_FALSE(read_audit_entry(bad, shown)) << bad;
  }
}

// What somebody may do to the files without the node's key.
class Forger {
 public:
  Forger(Lines& lines, const PrivateKey& other, std::mt19937& random) : lines_(lines), other_(other), random_(random) {}

  // The number of the entry that the deed concerns first, counting from `first`.
  uint64_t do_something(uint64_t first) {
    const size_t at = below(lines_.size());
    switch (below(7)) {
      case 0: change_byte(at); break;
      case 1: lines_.erase(lines_.begin() + static_cast<long>(at)); break;
      case 2: return first + swap(at);
      case 3: lines_.insert(lines_.begin() + static_cast<long>(at), forged(first + at, at)); break;
      case 4: lines_[at] = forged(first + at, at); break;
      case 5: lines_.resize(at); break;  // cuts off the rest
      default: return first + repeat(at);
    }
    return first + at;
  }

 private:
  size_t below(size_t most) { return std::uniform_int_distribution<size_t>(0, most - 1)(random_); }

  void change_byte(size_t at) {
    std::string& line = lines_[at];
    char& byte = line[below(line.size())];
    const char before = byte;
    while (byte == before || byte == '\n') byte = static_cast<char>(below(256));
  }
  size_t swap(size_t at) {
    size_t other = at;
    while (other == at) other = below(lines_.size());
    std::swap(lines_[at], lines_[other]);
    return std::min(at, other);
  }
  size_t repeat(size_t at) {
    const size_t to = at + 1 + below(lines_.size() - at);
    lines_.insert(lines_.begin() + static_cast<long>(to), lines_[at]);
    return at;
  }
  std::string forged(uint64_t number, size_t at) {
    return write_audit_entry({.number = number,
                              .time_ms = 0,
                              .previous = at == 0 ? wire::AuditHash() : audit_hash(lines_[at - 1]),
                              .record = record_of(number),
                              .anchor = {},
                              .oldest = {}},
                             other_)
        .value();
  }

  Lines& lines_;
  const PrivateKey& other_;
  std::mt19937& random_;
};

// 1,000 changes, cuts, exchanged entries and forgeries: each is found, and the first problem names its place.
TEST(Audit, EveryChangeIsFoundAndNamed) {
  const TempDir dir;
  const PrivateKey key = PrivateKey::generate().value(), other = PrivateKey::generate().value();
  AuditWriter chain = open_chain(dir, key);
  constexpr size_t kEntries = 8;
  for (uint64_t n = 1; n <= kEntries; ++n) ASSERT_TRUE(chain.add(record_of(n), {}, kAuditNow));
  const Lines good = read_audit(dir / "audit", 0, 100).value();
  const std::vector<AuditWitness> seen{{.by = "desk", .point = chain.head()}};
  std::mt19937 random(17);
  for (int round = 0; round < 1000; ++round) {
    Lines lines = good;
    const uint64_t place = Forger(lines, other, random).do_something(1);
    {
      std::ofstream out(audit_file(dir / "audit", 1));
      for (const std::string& line : lines) out << line << '\n';
    }
    const AuditReport report = verified(dir, seen, &key);
    ASSERT_FALSE(report.problems.empty()) << "round " << round << " at entry " << place;
    EXPECT_EQ(report.problems.front().entry, place)
        << "round " << round << ": " << report.problems.front().what << ", of " << lines.size() << " lines";
  }
}

TEST(Audit, AWholeFileThatIsMissingIsNamed) {
  const TempDir dir;
  const PrivateKey key = PrivateKey::generate().value();
  AuditWriter chain = open_chain(dir, key, kSmallFiles);
  for (uint64_t n = 1; n <= 40; ++n) ASSERT_TRUE(chain.add(record_of(n), {}, kAuditNow));
  const std::vector<AuditWitness> seen{{.by = "desk", .point = chain.head()}};
  const auto files = audit_files(dir / "audit").value();
  ASSERT_EQ(files.size(), 3U);
  for (const std::filesystem::path& file : files) {
    const std::filesystem::path aside = dir / "aside";
    std::filesystem::rename(file, aside);
    const AuditReport report = verified(dir, seen, &key);
    const auto named = std::ranges::find(report.problems, first_of_audit_file(file), &AuditProblem::entry);
    EXPECT_NE(named, report.problems.end()) << file;
    std::filesystem::rename(aside, file);
    EXPECT_TRUE(verified(dir, seen, &key).problems.empty());
  }
}

}  // namespace
}  // namespace exogpu::security
