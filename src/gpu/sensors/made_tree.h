// For this room's tests: a made-up sysfs and procfs in a temporary folder, and made-up devices.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "gpu/device.h"

namespace exogpu::gpu {

// A device as discovery would describe it.
inline DeviceInfo made_device(DeviceKind kind, const std::string& vendor, const std::string& backend,
                              const std::string& pci_address = "") {
  DeviceInfo device;
  device.kind = kind;
  device.vendor = vendor;
  device.backend = backend;
  device.pci_address = pci_address;
  return device;
}

class MadeTree {
 public:
  MadeTree() {
    static int count = 0;
    root_ = std::filesystem::temp_directory_path() /
            ("exogpu_sensors_" + std::to_string(getpid()) + "_" + std::to_string(count++));
    std::filesystem::create_directories(root_);
  }
  ~MadeTree() { std::filesystem::remove_all(root_); }
  MadeTree(const MadeTree&) = delete;
  MadeTree& operator=(const MadeTree&) = delete;

  const std::filesystem::path& root() const { return root_; }

  void write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path, std::ios::binary) << text;
  }
  void folder(const std::string& path) const { std::filesystem::create_directories(root_ / path); }
  // A relative link, as sysfs has them; both paths are below the root.
  void link(const std::string& at, const std::string& target) const {
    std::filesystem::create_directories((root_ / at).parent_path());
    std::filesystem::create_symlink(std::filesystem::relative(root_ / target, (root_ / at).parent_path()), root_ / at);
  }
  void remove(const std::string& path) const { std::filesystem::remove_all(root_ / path); }

 private:
  std::filesystem::path root_;
};

}  // namespace exogpu::gpu
