#include "gpu/selection.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "gpu/text.h"

namespace exogpu::gpu {
namespace {

// "AMD Radeon RX 7900 XTX (RADV NAVI31)" and "AMD Radeon RX 7900 XTX" name one product.
std::string product_name(std::string_view name) { return lower(trim(name.substr(0, name.find('(')))); }

// Backends count reserved memory differently, so totals that differ by less than a sixteenth are taken as equal.
bool similar_size(Bytes a, Bytes b) {
  Bytes larger = std::max(a, b);
  return larger - std::min(a, b) <= larger / 16;
}

bool is_vulkan(const Found& found) { return found.info.backend == "Vulkan"; }

// An address or a UUID settles the question either way; a name and a size can only suggest it.
enum class Match { no, yes, by_name };

Match match(const Found& a, const Found& b) {
  bool a_cpu = a.info.kind == DeviceKind::cpu;
  bool b_cpu = b.info.kind == DeviceKind::cpu;
  if (a_cpu || b_cpu || a.info.software != b.info.software) return Match::no;
  if (a.info.backend == b.info.backend && !is_vulkan(a)) return Match::no;
  if (!a.info.pci_address.empty() && !b.info.pci_address.empty()) {
    return lower(a.info.pci_address) == lower(b.info.pci_address) ? Match::yes : Match::no;
  }
  if (!a.info.uuid.empty() && !b.info.uuid.empty()) {
    return lower(a.info.uuid) == lower(b.info.uuid) ? Match::yes : Match::no;
  }
  // Two equal cards of one backend are two cards.
  if (a.info.backend == b.info.backend) return Match::no;
  bool alike = product_name(a.info.name) == product_name(b.info.name) && similar_size(a.memory_total, b.memory_total);
  return alike ? Match::by_name : Match::no;
}

void fill_gaps(DeviceInfo& info, const DeviceInfo& twin) {
  if (info.vendor.empty()) info.vendor = twin.vendor;
  if (info.compute_units == 0) info.compute_units = twin.compute_units;
  if (info.pci_address.empty()) info.pci_address = twin.pci_address;
  if (info.uuid.empty()) info.uuid = twin.uuid;
  if (!info.precisions.f16) info.precisions.f16 = twin.precisions.f16;
  if (!info.precisions.bf16) info.precisions.bf16 = twin.precisions.bf16;
  if (!info.precisions.int8_dot) info.precisions.int8_dot = twin.precisions.int8_dot;
  if (!info.precisions.matrix_cores) info.precisions.matrix_cores = twin.precisions.matrix_cores;
}

// One physical device: the finding that is used, and all findings of it.
struct Group {
  Found chosen;
  std::vector<Found> findings;

  Match matches(const Found& found) const {
    Match best = Match::no;
    for (const Found& other : findings) {
      Match one = match(other, found);
      if (one == Match::yes) return one;
      // A second finding of a backend that is already in the group needs better proof than a name.
      if (other.info.backend == found.info.backend) return Match::no;
      if (one == Match::by_name) best = one;
    }
    return best;
  }
};

std::vector<Found> one_for_each_device(std::vector<Found> found) {
  std::ranges::stable_sort(found, {}, [](const Found& f) { return backend_rank(f.info.backend); });
  std::vector<Group> groups;
  for (Found& next : found) {
    Group* home = nullptr;
    for (Group& group : groups) {
      Match how = group.matches(next);
      if (how == Match::no) continue;
      if (how == Match::yes || home == nullptr) home = &group;
      if (how == Match::yes) break;
    }
    if (home == nullptr) {
      groups.push_back({.chosen = next, .findings = {next}});
    } else {
      fill_gaps(home->chosen.info, next.info);
      home->findings.push_back(std::move(next));
    }
  }
  std::vector<Found> chosen;
  for (Group& group : groups) chosen.push_back(std::move(group.chosen));
  return chosen;
}

std::string backends_of(const std::vector<Found>& found) {
  std::vector<std::string> names;
  for (const Found& f : found) {
    if (std::ranges::find(names, f.info.backend) == names.end()) names.push_back(f.info.backend);
  }
  std::string joined;
  for (const std::string& name : names) joined += (joined.empty() ? "" : ", ") + name;
  return joined.empty() ? "none" : joined;
}

int kind_rank(const DeviceInfo& info) {
  if (info.kind == DeviceKind::cpu) return 3;
  if (info.software) return 2;
  return info.kind == DeviceKind::integrated ? 1 : 0;
}

}  // namespace

int backend_rank(std::string_view backend) {
  static constexpr std::array<std::string_view, 4> chain = {"CUDA", "ROCm", "Metal", "Vulkan"};
  if (backend == "CPU") return static_cast<int>(chain.size()) + 1;
  return static_cast<int>(std::ranges::find(chain, backend) - chain.begin());
}

bool same_device(const Found& a, const Found& b) { return match(a, b) != Match::no; }

Result<std::vector<Found>> choose_devices(std::vector<Found> found, const DiscoverOptions& options) {
  bool keep_software = options.software;
  if (options.backend) {
    std::string forced = lower(*options.backend);
    auto is_forced = [&](const Found& f) { return lower(f.info.backend) == forced; };
    std::string present = backends_of(found);
    std::erase_if(found, [&](const Found& f) { return !is_forced(f); });
    if (found.empty()) {
      return fail(ErrorCode::not_found, "no device for the backend \"{}\" on this machine; backends with one: {}",
                  *options.backend, present);
    }
    // A user who forces a backend gets its device even when only a software one is there.
    keep_software = keep_software || std::ranges::all_of(found, [](const Found& f) { return f.info.software; });
  }
  if (!keep_software) std::erase_if(found, [](const Found& f) { return f.info.software; });

  std::vector<Found> devices = one_for_each_device(std::move(found));
  std::ranges::stable_sort(devices, [](const Found& a, const Found& b) {
    return std::tuple(kind_rank(a.info), backend_rank(a.info.backend), b.memory_total) <
           std::tuple(kind_rank(b.info), backend_rank(b.info.backend), a.memory_total);
  });
  return devices;
}

}  // namespace exogpu::gpu
