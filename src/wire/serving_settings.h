// How a model is served: the settings that all stages of its plan share.
//
// This is the only definition of the settings' words (in options, JSON and messages) and numbers (proto/cluster.proto).
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "wire/dtype.h"
#include "wire/words.h"

namespace exogpu::wire {

// Number type of the KV cache.
enum class KvType : uint8_t { f16 = 0, q8_0 = 1, f32 = 2 };

// Automatic: if the device has it, except with an F32 cache, which asks for exact results that its kernels do not give.
enum class FlashAttention : uint8_t { automatic = 0, on = 1, off = 2 };

// What a plan optimises.
enum class Objective : uint8_t {
  latency = 0,      // tokens per second of one sequence alone
  throughput = 1,   // tokens per second of all sequences together
  first_token = 2,  // time from a prompt to the first token
  efficiency = 3,   // tokens of one sequence alone for each joule, at no less than half of the best speed
};

struct ServingSettings {
  uint32_t context = 4096;      // tokens of one sequence, prompt and answer together
  uint32_t sequences = 1;       // computed at once
  uint32_t batch_tokens = 512;  // of one step
  bool batch_fixed = false;     // by a person; otherwise a plan of one device may take more
  KvType kv_type = KvType::f16;
  FlashAttention flash_attention = FlashAttention::automatic;
  Dtype activations = Dtype::f32;  // between stages; not i32
  Objective objective = Objective::latency;
  // Tokens of all sequences together, which share the KV cache; 0: each sequence has room for a whole context.
  uint32_t pool_tokens = 0;
  bool private_prefixes = false;  // no client's prompt is taken from the KV cache of another's
  uint32_t tokens_of_all() const {
    return pool_tokens > 0 ? pool_tokens
                           : static_cast<uint32_t>(std::min<uint64_t>(uint64_t{context} * sequences, UINT32_MAX));
  }
  friend bool operator==(const ServingSettings&, const ServingSettings&) = default;
};

inline constexpr auto kKvTypes =
    words<KvType>("a KV cache type", {{KvType::f16, "f16"}, {KvType::q8_0, "q8_0"}, {KvType::f32, "f32"}});
inline constexpr auto kFlashAttentions = words<FlashAttention>(
    "a choice of flash attention",
    {{FlashAttention::automatic, "auto"}, {FlashAttention::on, "on"}, {FlashAttention::off, "off"}});
inline constexpr auto kObjectives = words<Objective>("an objective", {{Objective::latency, "latency"},
                                                                      {Objective::throughput, "throughput"},
                                                                      {Objective::first_token, "first-token"},
                                                                      {Objective::efficiency, "efficiency"}});
inline constexpr auto kActivationTypes = words<Dtype>(
    "a type of activations", {{Dtype::f32, "f32"}, {Dtype::f16, "f16"}, {Dtype::bf16, "bf16"}, {Dtype::q8_0, "q8_0"}});

constexpr std::string_view to_string(KvType type) { return kKvTypes.text_of(type); }
constexpr std::string_view to_string(FlashAttention attention) { return kFlashAttentions.text_of(attention); }
constexpr std::string_view to_string(Objective objective) { return kObjectives.text_of(objective); }

}  // namespace exogpu::wire
