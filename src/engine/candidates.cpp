#include "engine/candidates.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

namespace exogpu::engine {

namespace {

constexpr size_t kLanes = 16;  // loops of a constant count become vector instructions at every optimisation level

// e^x for x <= 0. x = n ln2 + r with |r| <= ln2 / 2, and e^r by its Taylor polynomial.
inline float exp_negative(float x) {
  constexpr float kSmallest = -87.0f;  // e^x is still a normal number
  constexpr float kLog2e = 1.44269504f;
  constexpr float kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;  // n * kLn2High is exact
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
  const float clamped = x > kSmallest ? x : kSmallest;
  const float shifted = clamped * kLog2e + kRound;
  const float n = shifted - kRound;
  const float r = (clamped - n * kLn2High) - n * kLn2Low;
  float polynomial = 1.0f / 5040;
  polynomial = polynomial * r + 1.0f / 720;
  polynomial = polynomial * r + 1.0f / 120;
  polynomial = polynomial * r + 1.0f / 24;
  polynomial = polynomial * r + 1.0f / 6;
  polynomial = polynomial * r + 0.5f;
  polynomial = polynomial * r + 1.0f;
  polynomial = polynomial * r + 1.0f;
  const uint32_t exponent = std::bit_cast<uint32_t>(shifted) - std::bit_cast<uint32_t>(kRound) + 127;
  const float power = std::bit_cast<float>(exponent << 23);
  const uint32_t mask = x > kSmallest ? 0xFFFFFFFF : 0;  // a choice between floats would not become vector code
  return std::bit_cast<float>(std::bit_cast<uint32_t>(polynomial * power) & mask);
}

bool likelier(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
}

}  // namespace

double exp_all(std::span<const float> logits, float max, float scale, std::span<float> out) {
  double sum = 0;
  size_t i = 0;
  std::array<float, kLanes> e;
  for (; i + kLanes <= logits.size(); i += kLanes) {
    const float* in = logits.data() + i;
    for (size_t j = 0; j < kLanes; ++j) e[j] = exp_negative((in[j] - max) * scale);
    std::array<float, 4> partial{};
    for (size_t j = 0; j < kLanes; j += 4) {
      for (size_t lane = 0; lane < 4; ++lane) partial[lane] += e[j + lane];
    }
    sum += (partial[0] + partial[1]) + (partial[2] + partial[3]);
    if (!out.empty()) std::copy(e.begin(), e.end(), out.begin() + static_cast<std::ptrdiff_t>(i));
  }
  for (; i < logits.size(); ++i) {
    const float tail = exp_negative((logits[i] - max) * scale);
    sum += tail;
    if (!out.empty()) out[i] = tail;
  }
  return sum;
}

std::optional<size_t> BlockMaxima::scan(std::span<const float> logits) {
  constexpr uint32_t kExponent = 0x7F800000;  // all of these bits: NaN or infinite
  maxima_.clear();
  maxima_.reserve(logits.size() / kBlock + 1);
  for (size_t begin = 0; begin < logits.size(); begin += kBlock) {
    const auto block = logits.subspan(begin, std::min(kBlock, logits.size() - begin));
    float highest = kBannedLogit;
    bool finite = true;
    if (block.size() == kBlock) {
      std::array<float, kLanes> lane_max;
      std::array<uint32_t, kLanes> lane_bad{};
      lane_max.fill(kBannedLogit);
      for (size_t j = 0; j < kBlock; j += kLanes) {
        for (size_t lane = 0; lane < kLanes; ++lane) {
          const float x = block[j + lane];
          lane_max[lane] = x > lane_max[lane] ? x : lane_max[lane];
          lane_bad[lane] |= (std::bit_cast<uint32_t>(x) & kExponent) == kExponent ? 1U : 0U;
        }
      }
      uint32_t bad = 0;
      for (size_t lane = 0; lane < kLanes; ++lane) {
        highest = std::max(highest, lane_max[lane]);
        bad |= lane_bad[lane];
      }
      finite = bad == 0;
    } else {
      for (const float x : block) {
        highest = std::max(highest, x);
        finite = finite && std::isfinite(x);
      }
    }
    if (!finite) {
      const auto first = std::ranges::find_if(block, [](float x) { return !std::isfinite(x); });
      return begin + static_cast<size_t>(first - block.begin());
    }
    maxima_.push_back(highest);
  }
  return std::nullopt;
}

size_t BlockMaxima::argmax(std::span<const float> logits) const {
  const auto best = std::ranges::max_element(maxima_);  // the first of equals
  const size_t begin = static_cast<size_t>(best - maxima_.begin()) * kBlock;
  const auto found = std::find(logits.begin() + static_cast<std::ptrdiff_t>(begin), logits.end(), *best);
  return static_cast<size_t>(found - logits.begin());
}

void Candidates::take_top(std::span<const float> logits, const BlockMaxima& maxima, size_t k) {
  k = std::min(k, logits.size());
  const size_t full = 2 * k + BlockMaxima::kBlock;
  const auto kth = [&] { return items_.begin() + static_cast<std::ptrdiff_t>(k); };
  items_.clear();
  items_.reserve(full + BlockMaxima::kBlock);
  float floor = kBannedLogit;  // k candidates are at least as high: only higher ones, or none yet, can enter
  for (size_t block = 0; block < maxima.maxima().size(); ++block) {
    if (!(maxima.maxima()[block] > floor)) continue;
    const size_t begin = block * BlockMaxima::kBlock;
    const size_t end = std::min(begin + BlockMaxima::kBlock, logits.size());
    for (size_t i = begin; i < end; ++i) {
      if (logits[i] > floor) items_.push_back({logits[i], 0, static_cast<model::TokenId>(i)});
    }
    if (items_.size() >= full) {
      std::nth_element(items_.begin(), kth() - 1, items_.end(), likelier);
      items_.resize(k);
      floor = items_.back().logit;
    }
  }
  if (items_.size() > k) {
    std::nth_element(items_.begin(), kth() - 1, items_.end(), likelier);
    items_.resize(k);
  }
  std::ranges::sort(items_, likelier);
  weigh(1.0f);
}

void Candidates::take_all(std::span<const float> logits) {
  items_.clear();
  items_.reserve(logits.size());
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] > kBannedLogit) items_.push_back({logits[i], 0, static_cast<model::TokenId>(i)});
  }
  weigh(1.0f);
}

void Candidates::weigh(float scale) {
  total_ = 0;
  if (items_.empty()) return;
  const size_t n = items_.size();
  scratch_.resize(2 * n);
  const std::span<float> logits(scratch_.data(), n), weights(scratch_.data() + n, n);
  float max = kBannedLogit;
  for (size_t i = 0; i < n; ++i) {
    logits[i] = items_[i].logit;
    max = std::max(max, logits[i]);
  }
  total_ = exp_all(logits, max, scale, weights);
  for (size_t i = 0; i < n; ++i) items_[i].weight = weights[i];
}

// The shortest run, in the order `before` (a strict total order), that has the share p of total_.
// Sorts no further than it must.
template <typename Before>
void Candidates::keep_share(float p, Before before) {
  const double enough = p * total_;
  double share = 0;
  size_t sorted = 0, next = 64;
  for (size_t i = 0; i < items_.size(); ++i) {
    if (i == sorted) {
      const auto begin = items_.begin() + static_cast<std::ptrdiff_t>(sorted);
      sorted = std::min(next, items_.size());
      const auto end = items_.begin() + static_cast<std::ptrdiff_t>(sorted);
      if (end != items_.end()) std::nth_element(begin, end, items_.end(), before);
      std::sort(begin, end, before);
      next *= 4;
    }
    share += items_[i].weight;
    if (share >= enough) {
      items_.resize(i + 1);
      break;
    }
  }
  total_ = share;
}

void Candidates::keep_typical(float p) {
  // The surprise of a token is -log p = constant - logit, so its distance from the expected surprise is the distance of
  // the logit from the expected logit.
  double expected = 0;
  for (const Candidate& c : items_) expected += c.weight / total_ * c.logit;
  const auto distance = [expected](const Candidate& c) { return std::abs(c.logit - expected); };
  keep_share(p, [&](const Candidate& a, const Candidate& b) {
    const double da = distance(a), db = distance(b);
    return da != db ? da < db : likelier(a, b);
  });
}

void Candidates::keep_min_p(float p) {
  float highest = 0;
  for (const Candidate& c : items_) highest = std::max(highest, c.weight);
  std::erase_if(items_, [limit = p * highest](const Candidate& c) { return c.weight < limit; });
}

void Candidates::keep_top_p(float p) { keep_share(p, likelier); }

model::TokenId Candidates::draw(float temperature, double unit) {
  weigh(1.0f / temperature);
  const double target = unit * total_;
  double reached = 0;
  size_t chosen = 0;
  for (size_t i = 0; i < items_.size(); ++i) {
    if (items_[i].weight == 0) continue;
    chosen = i;  // the last possible one, should rounding leave the sum short of the target
    reached += items_[i].weight;
    if (reached > target) break;
  }
  return items_[chosen].token;
}

}  // namespace exogpu::engine
