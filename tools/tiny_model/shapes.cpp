#include "tiny_model/shapes.h"

#include <array>

namespace exogpu::tiny {
namespace {

constexpr Experts few_experts = {.count = 8, .used = 2, .feed_forward = 256};
constexpr Experts many_experts = {.count = 16, .used = 4, .feed_forward = 256};

// The sizes are the smallest that still show what is peculiar to the family; the rest is as its published models have
// it.
constexpr std::array all_shapes = {
    Shape{.name = "llama", .add_bos = true},
    Shape{.name = "llama3",
          .rope_base = 500000,
          .tied = true,
          .llama3_rope = true,
          .pre_tokenizer = "llama-bpe",
          .add_bos = true},
    Shape{.name = "llama-mha", .heads = 8, .kv_heads = 8, .head_dim = 32, .add_bos = true},
    Shape{.name = "llama-yarn", .scaling = RopeScaling{"yarn", 4, 512}, .add_bos = true},
    Shape{.name = "llama-linear", .scaling = RopeScaling{"linear", 2, 0}, .add_bos = true},
    Shape{.name = "mixtral", .feed_forward = 256, .experts = few_experts, .add_bos = true},
    Shape{.name = "qwen2",
          .architecture = "qwen2",
          .epsilon = 1e-6F,
          .rope_base = 1e6F,
          .tied = true,
          .qkv_bias = true,
          .pre_tokenizer = "qwen2"},
    Shape{.name = "qwen2-wide",
          .architecture = "qwen2",
          .embedding = 384,
          .layers = 3,
          .heads = 6,
          .feed_forward = 1024,
          .epsilon = 1e-6F,
          .rope_base = 1e6F,
          .qkv_bias = true,
          .pre_tokenizer = "qwen2"},
    Shape{.name = "qwen3",
          .architecture = "qwen3",
          .epsilon = 1e-6F,
          .rope_base = 1e6F,
          .tied = true,
          .qk_norm = true,
          .pre_tokenizer = "qwen2"},
    Shape{.name = "qwen3-hd128",
          .architecture = "qwen3",
          .kv_heads = 1,
          .head_dim = 128,
          .epsilon = 1e-6F,
          .rope_base = 1e6F,
          .qk_norm = true,
          .pre_tokenizer = "qwen2"},
    Shape{.name = "qwen3moe",
          .architecture = "qwen3moe",
          .epsilon = 1e-6F,
          .rope_base = 1e6F,
          .qk_norm = true,
          .experts = few_experts,
          .pre_tokenizer = "qwen2"},
    Shape{.name = "qwen3moe-16",
          .architecture = "qwen3moe",
          .head_dim = 128,
          .epsilon = 1e-6F,
          .rope_base = 1e6F,
          .qk_norm = true,
          .experts = many_experts,
          .pre_tokenizer = "qwen2"},
    Shape{.name = "gemma2",
          .architecture = "gemma2",
          .epsilon = 1e-6F,
          .tied = true,
          .post_norm = true,
          .sliding_window = 64,
          .soft_cap = SoftCap{50, 30},
          .add_bos = true},
    // Every sixth layer sees the whole context.
    Shape{.name = "gemma3",
          .architecture = "gemma3",
          .layers = 7,
          .epsilon = 1e-6F,
          .rope_base = 1e6F,
          .tied = true,
          .qk_norm = true,
          .post_norm = true,
          .sliding_window = 64,
          .add_bos = true},
    Shape{.name = "phi3", .architecture = "phi3", .kv_heads = 4, .packed = true, .add_bos = true},
    Shape{.name = "olmo2",
          .architecture = "olmo2",
          .epsilon = 1e-6F,
          .rope_base = 5e5F,
          .wide_qk_norm = true,
          .pre_norm = false,
          .post_norm = true},
    Shape{.name = "granite", .architecture = "granite", .tied = true, .granite = GraniteScales{}},
};

}  // namespace

std::span<const Shape> shapes() { return all_shapes; }

}  // namespace exogpu::tiny
