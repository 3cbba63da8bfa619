// The measured rates of a device, in the quantities that the planner uses.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "gpu/device.h"

struct ggml_backend_buffer_type;

namespace exogpu::gpu {

// Products of a weight matrix of one type with activations in f32.
struct ProductRates {
  std::string type;               // as GGUF files name it: "q4_K"
  double matvec_bytes_per_s = 0;  // one token: weights read
  double matmul_flops_per_s = 0;  // many tokens at once, a multiply and an add being two; 0: not measured
};

struct Profile {
  // Weights read when decoding, for the type with the highest rate.
  double bandwidth_bytes_per_s = 0;
  // The memory itself: a plain read, and a copy (bytes read and written). 0: not measured.
  double memory_read_bytes_per_s = 0;
  double memory_copy_bytes_per_s = 0;
  std::vector<ProductRates>
      products;  // of those of q4_K, q8_0 and f16 that the device supports, as far as the time limit allowed
  double host_to_device_bytes_per_s = 0;
  double device_to_host_bytes_per_s = 0;
  double graph_overhead_s = 0;  // of a graph without noticeable work: the fixed cost of a stage
  // The fixed part of the time of a product with few columns, in columns: a GPU that they do not fill is as slow as
  // with more columns. 0 where it is not measured, as on a CPU.
  double fixed_columns = 0;
  uint32_t threads = 0;  // of a CPU; 0 on a GPU
  // Other programs kept the CPU busy: the rates are those beside them, with fewer threads, and may be too low. Not
  // stored.
  bool disturbed = false;
  std::chrono::sys_seconds measured_at = {};
  double took_s = 0;

  // What no kernel can exceed by much: the faster of a read and a copy, 0 where neither was measured.
  double memory_bytes_per_s() const;
  // Null when the type was not measured.
  const ProductRates* product(std::string_view type) const;
};

// The time of an undisturbed call, of the times of several: their median; where that is far above the least, other
// programs took the processor from many of them, and the least is nearer. `disturbed` is set then, else unchanged.
// `times` is not empty.
double undisturbed_time(std::vector<double> times, bool& disturbed);

struct ProfileOptions {
  uint32_t threads = 0;  // on a CPU; 0: the physical cores this process may use
  // The memory to hold weights of a type in; null: the one that the backend prefers. Absent: the type is not measured.
  std::function<std::optional<ggml_backend_buffer_type*>(std::string_view type)> layout{};
  double time_limit_s = 1.5;  // a target: well past it no further rate is measured, except the first
};

// The number of threads a profile of this device is measured with: 0 on a GPU.
uint32_t profile_threads(const Device& device, const ProfileOptions& options);

// Measures real products of quantised weights on the device's backend. Takes about the time limit, and at most an
// eighth of the free memory. The device should be idle. Errors: unavailable when the driver fails, out_of_memory,
// unsupported when the device supports none of the types.
Result<Profile> measure(
    const Device& device, const ProfileOptions& options = {},
    std::chrono::sys_seconds now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));

}  // namespace exogpu::gpu
