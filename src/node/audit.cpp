#include "node/audit.h"

#include <algorithm>
#include <format>

#include "base/log.h"

namespace exogpu::node {

using security::AuditAnchor;
using security::AuditRecord;

namespace {

constexpr size_t kClientsMax = 1000;  // that are counted apart within a minute
constexpr size_t kResultsMax = 20;    // of one client within a minute; the text of one may be the client's own
constexpr uint32_t kHeadsMax = 10;    // of one node within a minute

void add_point(std::vector<wire::AuditPoint>& points, const wire::AuditPoint& point) {
  if (std::ranges::contains(points, point)) return;
  points.push_back(point);
  if (points.size() > wire::kAuditPointsMax) points.erase(points.begin());
}

}  // namespace

Result<std::unique_ptr<Audit>> Audit::open(const std::filesystem::path& state, const security::Identity& identity,
                                           const security::AuditLimits& limits, Told told) {
  EXO_TRY(security::PrivateKey own, security::PrivateKey::from_der(identity.key().to_der(), "the node's key"));
  EXO_TRY(security::AuditKey key, security::AuditKey::of(own));
  const std::filesystem::path folder = state / "audit";
  EXO_TRY(security::AuditWriter writer,
          security::AuditWriter::open(folder, std::move(own), limits, std::chrono::system_clock::now()));
  std::unique_ptr<Audit> audit(new Audit(folder, std::move(key), std::move(writer), std::move(told)));
  const MutexLock lock(audit->mutex_);
  EXO_CHECK(audit->read_anchors());
  return audit;
}

Audit::~Audit() { write_counts(); }

// Of lines that are not what this node wrote nothing is believed; verify() names them.
Result<void> Audit::read_anchors() {
  return security::for_each_audit_line(folder_, [this](std::string_view line) EXO_NO_THREAD_SAFETY_ANALYSIS {
    if (!line.contains("\"anchor\":")) return true;
    const auto entry = security::read_audit_entry(line, key_);
    if (entry && entry->anchor) remember(entry->anchor->node, entry->anchor->point);
    return true;
  });
}

void Audit::remember(wire::NodeId node, const wire::AuditPoint& point) { add_point(anchors_[node].points, point); }

void Audit::write(const AuditRecord& record, const std::optional<AuditAnchor>& anchor) {
  const auto written = writer_.add(record, anchor, std::chrono::system_clock::now());
  if (!written && !failing_) log::error("audit", "{}; what happens is not recorded", written.error().message);
  failing_ = !written;
  if (written && told_) told_(*written);
  if (written && !anchor) unsent_ = true;
}

void Audit::record(const AuditRecord& record) {
  const MutexLock lock(mutex_);
  write(record, {});
}

void Audit::count(const std::string& who, const std::string& from, const AuditCount& more) {
  const MutexLock lock(mutex_);
  const std::pair client(who, from);
  if (counts_.size() >= kClientsMax && !counts_.contains(client)) {
    clients_excluded_ += more.requests;
    return;
  }
  AuditCount& count = counts_[client];
  count.requests += more.requests;
  count.tokens += more.tokens;
}

void Audit::count_refusal(const std::string& who, const std::string& from, const std::string& result) {
  const MutexLock lock(mutex_);
  const std::pair client(who, from);
  if (refusals_.size() >= kClientsMax && !refusals_.contains(client)) {
    ++clients_excluded_;
    return;
  }
  auto& results = refusals_[client];
  ++results[results.size() < kResultsMax || results.contains(result) ? result : "other reasons"];
}

void Audit::write_counts() {
  const MutexLock lock(mutex_);
  for (const auto& [client, count] : std::exchange(counts_, {})) {
    write({.who = client.first,
           .from = client.second,
           .action = "requests",
           .what = std::format("{} requests, {} tokens", count.requests, count.tokens),
           .result = "ok"},
          {});
  }
  for (const auto& [client, results] : std::exchange(refusals_, {})) {
    for (const auto& [result, times] : results) {
      write({.who = client.first,
             .from = client.second,
             .action = "refused",
             .what = std::format("{} requests", times),
             .result = result},
            {});
    }
  }
  if (const uint64_t excluded = std::exchange(clients_excluded_, 0); excluded > 0) {
    write(
        {.who = "others", .from = {}, .action = "requests", .what = std::format("{} requests", excluded), .result = {}},
        {});
  }
}

Result<std::vector<std::string>> Audit::lines(std::optional<uint64_t> from, size_t most) const {
  const uint64_t last = head().point.number;
  return security::read_audit(folder_, from.value_or(last < most ? 1 : last - most + 1), most);
}

Result<security::AuditReport> Audit::verify() const {
  std::vector<security::AuditWitness> seen;
  {
    const MutexLock lock(mutex_);
    for (const auto& [node, witness] : witnesses_) {
      for (const wire::AuditPoint& point : witness.points) seen.push_back({.by = witness.name, .point = point});
    }
  }
  return security::verify_audit(folder_, &key_, seen);
}

std::optional<wire::AuditHead> Audit::head_to_send() {
  const MutexLock lock(mutex_);
  if (!std::exchange(unsent_, false)) return std::nullopt;
  return wire::AuditHead{.point = writer_.head()};
}

wire::AuditHead Audit::head() const {
  const MutexLock lock(mutex_);
  return {.point = writer_.head()};
}

wire::AuditAnchors Audit::take_head(wire::NodeId from, const std::string& name, const wire::AuditPoint& point) {
  const MutexLock lock(mutex_);
  Anchored& known = anchors_[from];
  if (point.number == 0 || std::ranges::contains(known.points, point)) return {};
  const auto now = std::chrono::steady_clock::now();
  if (known.in_minute == 0 || now - known.minute >= std::chrono::minutes(1)) {
    known.minute = now;
    known.in_minute = 0;
  }
  if (++known.in_minute > kHeadsMax) return {};
  write({.who = name,
         .from = {},
         .action = "audit.anchor",
         .what = std::format("entry {}", point.number),
         .result = "ok"},
        AuditAnchor{.node = from, .point = point});
  remember(from, point);
  return {.points = {point}};
}

wire::AuditAnchors Audit::anchors_of(wire::NodeId node) const {
  const MutexLock lock(mutex_);
  const auto known = anchors_.find(node);
  return {.points = known == anchors_.end() ? std::vector<wire::AuditPoint>() : known->second.points};
}

void Audit::take_anchors(wire::NodeId from, const std::string& name, const wire::AuditAnchors& anchors) {
  const MutexLock lock(mutex_);
  Witness& witness = witnesses_[from];
  witness.name = name;
  const uint64_t last = writer_.head().number;
  for (const wire::AuditPoint& point : anchors.points) {
    add_point(witness.points, point);
    if (point.number > last) {
      log::error("audit",
                 "the audit of this node ends with entry {}, but {} has seen entry {}: what is between was cut off; "
                 "`exogpu audit verify` tells more",
                 last, name, point.number);
    }
  }
}

}  // namespace exogpu::node
