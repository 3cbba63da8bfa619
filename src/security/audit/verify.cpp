#include <algorithm>
#include <map>
#include <utility>

#include "security/audit/chain.h"
#include "security/audit/files.h"
#include "security/files.h"

namespace exogpu::security {
namespace {

// Reads the lines in their order and says what does not fit.
class ChainReader {
 public:
  explicit ChainReader(const AuditKey* key) : key_(key) {}

  void begin_file(uint64_t first) {
    if (expected_ == 0) expected_ = first;
    begins_file_ = true;
  }

  void take(std::string_view line) {
    const auto entry =
        key_ ? read_audit_entry(line, *key_) : fail(ErrorCode::corrupt, "there is no key to check it with");
    const bool begins = std::exchange(begins_file_, false);
    if (!entry) return spoilt(entry.error());
    take(*entry, audit_hash(line), begins);
  }

  // Half a line at the end.
  void cut_off() { problem(expected(), "this entry is cut off in the middle"); }

  AuditReport finish(const std::vector<AuditWitness>& witnesses) {
    if (oldest_ != 0 && report_.first > oldest_) {
      problem(oldest_, std::format("{} missing at the beginning", span(oldest_, report_.first - 1)));
    }
    for (const AuditWitness& witness : witnesses) compare(witness);
    std::ranges::stable_sort(report_.problems, {}, &AuditProblem::entry);
    if (key_) report_.node = key_->node();
    return std::move(report_);
  }

 private:
  static std::string span(uint64_t from, uint64_t to) {
    return from == to ? std::format("entry {} is", from) : std::format("entries {} to {} are", from, to);
  }
  uint64_t expected() const { return std::max<uint64_t>(expected_, 1) + spoilt_; }
  void problem(uint64_t entry, std::string what) {
    report_.problems.push_back({.entry = entry, .what = std::move(what)});
  }

  void spoilt(const Error& why) {
    problem(expected(), std::format("this entry was changed or forged: {}", why.message));
    ++spoilt_;
    last_hash_.reset();  // of the original it is not known
  }

  void take(const AuditEntry& entry, const wire::AuditHash& hash, bool begins) {
    const uint64_t n = entry.number;
    if (n < expected_) return problem(n, std::format("entry {} is there twice, or in the wrong place", n));
    const uint64_t next = expected_ + spoilt_;
    if (n > next) {
      problem(next, std::format("{} missing", span(next, n - 1)));
    } else if (n < next) {
      // Of the lines before it some are not of the chain; they were named.
    } else if (n == expected_ && last_hash_ && entry.previous != *last_hash_) {
      problem(n - 1, std::format("entry {} is another than the one that entry {} follows", n - 1, n));
    } else if (begins && !entry.oldest) {
      problem(n, std::format("a file begins with entry {}, which was not the first of one", n));
    }
    if (report_.first == 0) report_.first = n;
    report_.last = n;
    ++report_.entries;
    hashes_[n] = last_hash_.emplace(hash);
    expected_ = n + 1;
    spoilt_ = 0;
    if (entry.oldest) oldest_ = *entry.oldest;
  }

  void compare(const AuditWitness& witness) {
    const wire::AuditPoint& seen = witness.point;
    if (seen.number == 0 || (report_.first != 0 && seen.number < report_.first)) return;
    report_.witnessed = std::max(report_.witnessed, seen.number);
    const auto found = hashes_.find(seen.number);
    if (seen.number > report_.last) {
      problem(report_.last + 1, std::format("{} cut off: {} has seen entry {}", span(report_.last + 1, seen.number),
                                            witness.by, seen.number));
    } else if (found != hashes_.end() && found->second != seen.hash) {
      problem(seen.number, std::format("entry {} is another than the one that {} has seen", seen.number, witness.by));
    }
  }

  const AuditKey* key_;
  bool begins_file_ = false;
  uint64_t expected_ = 0;  // the number of the next good entry, if the lines that are spoilt are none
  uint64_t spoilt_ = 0;    // since the last good one
  uint64_t oldest_ = 0;
  std::optional<wire::AuditHash> last_hash_;
  std::map<uint64_t, wire::AuditHash> hashes_;
  AuditReport report_;
};

// Of the first file that has one.
std::optional<AuditKey> key_in(const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    if (auto key = key_in_audit_entry(std::string_view(text).substr(0, text.find('\n')))) return *std::move(key);
  }
  return std::nullopt;
}

void read_lines(ChainReader& reader, std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    if (end == std::string_view::npos) return reader.cut_off();
    reader.take(text.substr(at, end - at));
    at = end + 1;
  }
}

}  // namespace

Result<AuditReport> verify_audit(const std::filesystem::path& folder, const AuditKey* key,
                                 const std::vector<AuditWitness>& witnesses) {
  EXO_TRY(const auto files, audit_files(folder));
  if (files.empty()) return fail(ErrorCode::not_found, "{}: there is no audit", folder.string());
  std::vector<std::string> texts;
  for (const std::filesystem::path& file : files) {
    EXO_TRY(texts.emplace_back(), read_file(file, kAuditFileBytesMax));
  }
  const std::optional<AuditKey> found = key ? std::nullopt : key_in(texts);
  ChainReader reader(found ? &*found : key);
  for (size_t i = 0; i < files.size(); ++i) {
    reader.begin_file(first_of_audit_file(files[i]).value_or(1));
    read_lines(reader, texts[i]);
  }
  return reader.finish(witnesses);
}

}  // namespace exogpu::security
