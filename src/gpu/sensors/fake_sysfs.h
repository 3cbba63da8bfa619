// For tests: a fake sysfs and procfs in a temporary folder, and fake devices.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "gpu/device.h"

namespace exogpu::gpu {

// A device as Machine::discover() describes it.
inline DeviceInfo fake_device(DeviceKind kind, const std::string& vendor, const std::string& backend,
                              const std::string& pci_address = "") {
  DeviceInfo device;
  device.kind = kind;
  device.vendor = vendor;
  device.backend = backend;
  device.pci_address = pci_address;
  return device;
}

class FakeSysfs {
 public:
  FakeSysfs() {
    static int count = 0;
    root_ = std::filesystem::temp_directory_path() /
            ("exogpu_sensors_" + std::to_string(getpid()) + "_" + std::to_string(count++));
    std::filesystem::create_directories(root_);
  }
  ~FakeSysfs() { std::filesystem::remove_all(root_); }
  FakeSysfs(const FakeSysfs&) = delete;
  FakeSysfs& operator=(const FakeSysfs&) = delete;

  const std::filesystem::path& root() const { return root_; }

  void write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path, std::ios::binary) << text;
  }
  void folder(const std::string& path) const { std::filesystem::create_directories(root_ / path); }
  // Creates a relative link, as in sysfs; both paths are below the root.
  void link(const std::string& at, const std::string& target) const {
    std::filesystem::create_directories((root_ / at).parent_path());
    std::filesystem::create_symlink(std::filesystem::relative(root_ / target, (root_ / at).parent_path()), root_ / at);
  }
  void remove(const std::string& path) const { std::filesystem::remove_all(root_ / path); }

 private:
  std::filesystem::path root_;
};

}  // namespace exogpu::gpu
