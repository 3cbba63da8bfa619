#include "gpu/cpu_threads/compute_threads.h"

#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

namespace exogpu::gpu {
namespace {

using namespace std::chrono_literals;

constexpr auto kShort = 25ms;        // between looks at how long threads waited
constexpr auto kLong = 100ms;        // ... at the whole machine
constexpr auto kMachine = 1s;        // ... at affinity and quota
constexpr int kLookEvery = 100;      // times as long as the last look took pass before the next; 2 * kShort at most
constexpr uint32_t kFewTokens = 16;  // a step with more has other needs; with fewer than kManyTokens, those of neither
constexpr uint32_t kManyTokens = 64;
constexpr auto kLongMost = 400ms;   // a longer interval also holds a pause, which says little of now
constexpr auto kSteady = 400ms;     // an interval in which ticks do not matter
constexpr double kBusyShare = 0.7;  // of the cores' time: threads that all compute have run, or waited, for so long

double used_by_process_s() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double seconds_between(ComputeThreads::Time from, ComputeThreads::Time to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

ComputeThreads::ComputeThreads(uint32_t fixed, std::filesystem::path root, const std::filesystem::path& table)
    : fixed_(fixed), root_(std::move(root)), threads_(std::max(1u, fixed)) {
  if (auto opened = ComputeTable::open(table)) table_.emplace(*std::move(opened));
}

void ComputeThreads::read_machine(Time now) {
  if (machine_read_ && now - *machine_read_ < kMachine) return;
  if (machine_read_) {
    refresh_cpu_limits(limits_, root_);
  } else {
    limits_ = read_cpu_limits(root_);
  }
  machine_read_ = now;
  const bool other_cores = cores_ != limits_.physical_cores || most_ != limits_.threads() || !few_;
  cores_ = limits_.physical_cores;
  most_ = limits_.threads();
  if (!other_cores) return;
  few_.emplace(limits_.thread_candidates());
  many_ = few_;
}

ThreadTrial* ComputeThreads::trial() {
  if (tokens_ == 0 || !few_) return nullptr;
  if (tokens_ <= kFewTokens) return &*few_;
  return tokens_ >= kManyTokens ? &*many_ : nullptr;
}

uint32_t ComputeThreads::free_threads(uint32_t cores, uint32_t most) const {
  return std::max(1u, occupancy_.best_threads(cores, most) / sharing_);
}

// As many threads as were found best for such steps; while that is being found, those of a candidate, as long as nobody
// else uses the cores.
void ComputeThreads::choose() {
  const ThreadTrial* found = trial();
  const uint32_t usual = free_threads(cores_, most_);
  disturbed_ = usual != most_ || sharing_ > 1 || share_ < 1;
  threads_ = usual;
  best_ = most_;
  if (found == nullptr || (!found->settled() && disturbed_)) return;
  best_ = found->next();
  if (best_ != most_) threads_ = free_threads(best_, best_);
  disturbed_ = disturbed_ || threads_ != best_;
}

// Of a step with many tokens the first and the last part compute more than a layer.
void ComputeThreads::end_part(Time now, bool last) {
  ThreadTrial* found = trial();
  if (part_at_ && found != nullptr && !disturbed_) {
    const bool comparable = found == &*few_ ? last && parts_ == 1 : !last && parts_ > 1;
    if (comparable) found->took(tokens_, seconds_between(*part_at_, now));
  }
}

// After a pause nothing is known of an interval: what runs at this moment has to do. Other shards among them are
// counted by the table.
void ComputeThreads::observe_running(Time now) {
  const uint32_t running = read_running_threads(root_).value_or(1);
  const uint32_t known = 1 + (table_ ? table_->others(now).computing : 0);
  others_ = running > known ? running - known : 0;
  occupancy_.observe(now, others_, 0);
  observed_ = now;
}

// The team waits meanwhile, and in some containers a read of /proc takes a hundred times as long as on the machine
// itself.
void ComputeThreads::observe(Time now) {
  if (now < look_at_) return;
  const auto begin = std::chrono::steady_clock::now();
  look(now);
  look_at_ = now + std::min<Time::duration>(kLookEvery * (std::chrono::steady_clock::now() - begin), 2 * kShort);
}

bool ComputeThreads::comparable(const Reading& before, const Reading& after) {
  return before.times.busy_s && after.times.busy_s && before.others.processes == after.others.processes;
}

ComputeThreads::Reading ComputeThreads::read(Time now) const {
  Reading reading{now, read_processor_times(root_, limits_.processors), used_by_process_s(), {}};
  if (table_) reading.others = table_->others(now);
  return reading;
}

// The cores that other processes took. Processor time is counted in ticks, of this process, too, so that a short
// interval says little of many cores. While a thread computes on each core, nobody takes one without that thread
// waiting for it, or the hypervisor saying so, and both are known exactly.
double ComputeThreads::others(const Reading& last, const Reading& now) const {
  const auto since = [&now](const Reading& before) {
    const double seconds = seconds_between(before.at, now.at);
    const double ours = now.own_s - before.own_s + std::max(0.0, now.others.used_s - before.others.used_s);
    return std::max(0.0, busy_processors(before.times, now.times, seconds) - ours / seconds);
  };
  if (!last.times.waited_s || !now.times.waited_s) return since(last);
  const double seconds = seconds_between(last.at, now.at);
  const double waited = *now.times.waited_s - *last.times.waited_s;
  const double ran = now.own_s - last.own_s;
  if (fewest_ >= cores_ && ran + waited >= kBusyShare * cores_ * seconds) {
    return std::max(0.0, waited + now.times.stolen_s - last.times.stolen_s) / seconds;
  }
  const auto base = std::ranges::find_if(readings_, [&](const Reading& before) { return comparable(before, now); });
  return now.at - base->at >= kSteady ? since(*base) : others_;
}

void ComputeThreads::end_interval(const Reading& now) {
  const Reading& last = readings_.back();
  others_ = others(last, now);
  const double waited = now.times.waited_s.value_or(0) - last.times.waited_s.value_or(0);
  occupancy_.observe(now.at, others_, std::max(0.0, waited) / seconds_between(last.at, now.at));
  observed_ = now.at;
}

void ComputeThreads::look(Time now) {
  const bool pause = readings_.empty() || now - readings_.back().at > kLongMost;
  if (pause || now - readings_.back().at >= kLong) {
    const Reading reading = read(now);
    if (pause) {
      readings_.clear();
      observe_running(now);
    } else if (comparable(readings_.back(), reading)) {
      end_interval(reading);
    }
    while (readings_.size() > 1 && readings_[1].at <= now - kSteady) readings_.pop_front();
    readings_.push_back(reading);
    fewest_ = UINT32_MAX;
    short_at_ = now;
    short_waited_s_ = reading.times.waited_s;
    return;
  }
  if (now - *short_at_ < kShort) return;
  const std::optional<double> waited = read_waited_s(root_);
  if (waited && short_waited_s_)
    occupancy_.observe_waiting(threads_, std::max(0.0, *waited - *short_waited_s_) / seconds_between(*short_at_, now));
  short_at_ = now;
  short_waited_s_ = waited;
}

uint32_t ComputeThreads::shared(uint32_t threads) const {
  return share_ < 1 ? std::max(1u, static_cast<uint32_t>(std::lround(share_ * threads))) : threads;
}

uint32_t ComputeThreads::begin_step(Time now) {
  if (fixed_ > 0) return threads_ = shared(fixed_);
  end_part(now, false);
  read_machine(now);
  observe(now);
  sharing_ = 1;
  if (table_) {
    table_->begin(now, used_by_process_s());
    sharing_ += table_->others(now).computing;
  }
  choose();
  threads_ = shared(threads_);
  fewest_ = std::min(fewest_, threads_);
  part_at_ = now;
  ++parts_;
  return threads_;
}

void ComputeThreads::end_step(Time now) {
  if (fixed_ > 0) return;
  end_part(now, true);
  part_at_.reset();
  parts_ = 0;
  if (table_) table_->end(now, used_by_process_s());
  observe(now);
}

bool ComputeThreads::limited() const { return fixed_ == 0 && share_ == 1 && threads_ < best_; }

ThreadUse ComputeThreads::use() const {
  const auto limit = [this] {
    if (share_ < 1) return ThreadLimit::heat;
    if (fixed_ > 0) return ThreadLimit::fixed;
    if (threads_ < best_) return sharing_ > 1 ? ThreadLimit::sharing : ThreadLimit::others;
    if (best_ > cores_) return ThreadLimit::hardware;
    if (best_ == cores_) return ThreadLimit::none;
    return best_ == most_ ? ThreadLimit::quota : ThreadLimit::performance;
  };
  return {.threads = threads_, .cores = std::max(cores_, best_), .sharing = sharing_, .limit = limit()};
}

}  // namespace exogpu::gpu
