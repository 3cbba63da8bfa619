#include "pipeline/input_sketch.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "base/rng.h"

namespace exogpu::pipeline {
namespace {

constexpr size_t kProjections = wire::kSketchValues - 1;
constexpr size_t kElementsPerDraw = 128 / kProjections;  // of 128 random bits, one for each projection

double rms_of(std::span<const float> row) {
  double sum = 0;
  for (const float x : row) sum += double{x} * x;
  return std::sqrt(sum / static_cast<double>(std::max<size_t>(1, row.size())));
}

// Adds an element to each projection, or takes it off, by the bits of `signs`.
void add(std::array<float, kProjections>& sums, float x, uint32_t signs) {
  for (size_t i = 0; i < kProjections; ++i) sums[i] += (signs >> i & 1U) != 0 ? x : -x;
}

}  // namespace

uint32_t sketched_row(uint64_t seed, size_t span, uint32_t rows) {
  return static_cast<uint32_t>(random_bits(seed, span) % rows);
}

std::vector<float> project(std::span<const float> row, uint64_t seed, size_t span) {
  const double rms = rms_of(row);
  const auto scale = static_cast<float>(std::max(rms, 1e-30));
  std::array<float, kProjections> sums{};
  for (size_t begin = 0; begin < row.size(); begin += kElementsPerDraw) {
    // The counter's third word tells these draws from those of sketched_row().
    const PhiloxCounter bits = philox4x32({static_cast<uint32_t>(begin), static_cast<uint32_t>(span), 1, 0},
                                          {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
    const size_t count = std::min(kElementsPerDraw, row.size() - begin);
    for (size_t i = 0; i < count; ++i) {
      const float x = row[begin + i];
      add(sums, x / (std::fabs(x) + scale), bits[i / 4] >> (i % 4 * kProjections));
    }
  }
  std::vector<float> values = {std::log(scale)};
  const float norm = 1 / std::sqrt(static_cast<float>(std::max<size_t>(1, row.size())));
  for (const float sum : sums) values.push_back(sum * norm);
  // Of a row that is not finite: nodes refuse such sketches, and would blame the one that made it.
  for (float& value : values)
    if (!std::isfinite(value)) value = 0;
  return values;
}

wire::InputSketch sketch_of(std::span<const wire::Span> spans, std::span<const float> activations, uint32_t width,
                            uint64_t seed) {
  wire::InputSketch sketch{.seed = seed};
  sketch.values.reserve(spans.size() * wire::kSketchValues);
  for (size_t i = 0; i < spans.size(); ++i) {
    const auto rows = activations.first(size_t{spans[i].count} * width);
    activations = activations.subspan(rows.size());
    const size_t row = sketched_row(seed, i, spans[i].count);
    const std::vector<float> values = project(rows.subspan(row * width, width), seed, i);
    sketch.values.insert(sketch.values.end(), values.begin(), values.end());
  }
  return sketch;
}

double sketch_difference(std::span<const float> a, std::span<const float> b) {
  double difference = 0, size = 0;
  for (size_t i = 1; i < std::min(a.size(), b.size()); ++i) {
    difference += std::pow(double{a[i]} - b[i], 2);
    size += (std::pow(double{a[i]}, 2) + std::pow(double{b[i]}, 2)) / 2;
  }
  const double directions = size > 0 ? std::sqrt(difference / size) : 0;
  return a.empty() || b.empty() ? 0 : std::max(directions, std::fabs(double{a[0]} - b[0]));
}

}  // namespace exogpu::pipeline
