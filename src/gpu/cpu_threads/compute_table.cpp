#include "gpu/cpu_threads/compute_table.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <format>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace exogpu::gpu {
namespace {

using namespace std::chrono_literals;

constexpr uint64_t kFormat = 0x65786f6370750001;  // changes with Entry
constexpr size_t kEntries = 63;
constexpr auto kForgotten = 1s;   // without a sign of life, an entry counts as not computing
constexpr auto kAbandoned = 60s;  // ..., and may be taken by another
constexpr float kMostly = 0.6F;   // share of the time from which on an entry counts as computing all the time
constexpr std::chrono::duration<double> kMemory = 100ms;  // time constant of that share

struct Entry {
  std::atomic<uint64_t> owner;    // random, 0: free
  std::atomic<uint64_t> process;  // random, the same for all entries of a process
  std::atomic<int64_t> at_ns;     // last sign of life
  std::atomic<int64_t> used_ns;
  std::atomic<uint32_t> computing;
  std::atomic<float> share;  // of the time that it computed lately
  std::array<uint64_t, 3> reserved;
};
static_assert(sizeof(Entry) == 64 && std::atomic<uint64_t>::is_always_lock_free);

struct Table {
  std::atomic<uint64_t> format;
  std::array<uint64_t, 7> reserved;
  std::array<Entry, kEntries> entries;
};

int64_t to_ns(ComputeTable::Time time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

bool older(const Entry& entry, ComputeTable::Time now, std::chrono::nanoseconds age) {
  return to_ns(now) - entry.at_ns.load() > age.count();
}

uint64_t random_id() {
  std::random_device random;
  return (uint64_t{random()} << 32 | random()) | 1;
}

uint64_t process_id() {
  static const uint64_t id = random_id();
  return id;
}

std::unexpected<Error> failed(const std::filesystem::path& path, std::string_view what) {
  return fail(ErrorCode::io_error, "{}: {}: {}", path.string(), what, std::strerror(errno));
}

}  // namespace

struct ComputeTable::Mapping {
  Table* table = nullptr;
  Entry* entry = nullptr;
  uint64_t owner = random_id();
  Time last;  // when the latest step began or ended

  Mapping() = default;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (table == nullptr) return;
    if (entry != nullptr) {
      uint64_t mine = owner;
      entry->owner.compare_exchange_strong(mine, 0);
    }
    munmap(table, sizeof(Table));
  }

  // The entry of this shard; another if the former was taken meanwhile; none when all are in use.
  Entry* own_entry(Time now) {
    if (entry != nullptr && entry->owner.load() == owner) return entry;
    entry = nullptr;
    for (Entry& e : table->entries) {
      uint64_t former = e.owner.load();
      if (former != 0 && !older(e, now, kAbandoned)) continue;
      if (!e.owner.compare_exchange_strong(former, owner)) continue;
      e.process = process_id();
      e.share = 0;
      return entry = &e;
    }
    return nullptr;
  }

  void note(Time now, double used_s, bool computing) {
    Entry* e = own_entry(now);
    if (e == nullptr) return;
    // A part of a step ended now, or a pause between steps.
    const bool computed = e->computing.load() != 0;
    const double weight = 1 - std::exp(-std::chrono::duration<double>(now - last) / kMemory);
    const float before = e->share.load();
    e->share = before + ((computed ? 1.F : 0.F) - before) * static_cast<float>(weight);
    e->used_ns = static_cast<int64_t>(used_s * 1e9);
    e->computing = computing ? 1 : 0;
    e->at_ns = to_ns(now);
    last = now;
  }
};

std::filesystem::path ComputeTable::default_path() {
  if (const char* runtime = std::getenv("XDG_RUNTIME_DIR"); runtime != nullptr && *runtime != 0)
    return std::filesystem::path(runtime) / "exogpu-compute";
  return std::format("/dev/shm/exogpu-compute-{}", getuid());
}

Result<ComputeTable> ComputeTable::open(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return failed(path, "cannot be opened");
  struct stat status{};
  std::optional<Error> error;
  void* memory = MAP_FAILED;
  if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode) || status.st_uid != getuid())
    error = Error{ErrorCode::io_error, std::format("{}: is not a file of this user", path.string())};
  else if (status.st_size < off_t{sizeof(Table)} && ftruncate(file, sizeof(Table)) != 0)
    error = failed(path, "cannot be resized").error();
  else if (memory = mmap(nullptr, sizeof(Table), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0); memory == MAP_FAILED)
    error = failed(path, "cannot be mapped").error();
  close(file);
  if (error) return std::unexpected(*std::move(error));

  auto mapping = std::make_unique<Mapping>();
  mapping->table = static_cast<Table*>(memory);  // zeros are an empty table
  uint64_t format = 0;
  if (!mapping->table->format.compare_exchange_strong(format, kFormat) && format != kFormat)
    return fail(ErrorCode::unsupported, "{}: was made by another version", path.string());
  return ComputeTable(std::move(mapping));
}

ComputeTable::ComputeTable(std::unique_ptr<Mapping> mapping) : mapping_(std::move(mapping)) {}
ComputeTable::ComputeTable(ComputeTable&&) noexcept = default;
ComputeTable& ComputeTable::operator=(ComputeTable&&) noexcept = default;
ComputeTable::~ComputeTable() = default;

void ComputeTable::begin(Time now, double used_s) { mapping_->note(now, used_s, true); }
void ComputeTable::end(Time now, double used_s) { mapping_->note(now, used_s, false); }

ComputeTable::Others ComputeTable::others(Time now) const {
  Others others;
  std::vector<std::pair<uint64_t, int64_t>> used;  // of each other process: the latest that any of its entries says
  for (const Entry& e : mapping_->table->entries) {
    const uint64_t owner = e.owner.load();
    if (owner == 0 || owner == mapping_->owner || older(e, now, kForgotten)) continue;
    if (e.computing.load() != 0 || e.share.load() > kMostly) ++others.computing;
    const uint64_t process = e.process.load();
    if (process == process_id()) continue;
    const auto known = std::ranges::find(used, process, &std::pair<uint64_t, int64_t>::first);
    if (known == used.end()) {
      used.emplace_back(process, e.used_ns.load());
      others.processes ^= process;
    } else {
      known->second = std::max(known->second, e.used_ns.load());
    }
  }
  for (const auto& [process, ns] : used) others.used_s += static_cast<double>(ns) / 1e9;
  return others;
}

}  // namespace exogpu::gpu
