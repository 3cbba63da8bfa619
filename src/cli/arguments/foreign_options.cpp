#include "cli/arguments/foreign_options.h"

#include <algorithm>
#include <array>

namespace exogpu::cli {
namespace {

struct ForeignOption {
  std::string_view name;
  std::string_view advice;
};

constexpr std::string_view kAssigned =
    "exogpu assigns layers to devices itself, so leave it out; --device chooses a device";
constexpr std::string_view kFlashAttention = "the option is --flash-attention on";
constexpr std::string_view kKvType = "the option is --kv-type, for keys and values together";
constexpr std::string_view kModel = "write the model without an option: exogpu run MODEL";
constexpr std::string_view kChat = "without --prompt, `exogpu run MODEL` is a chat";
constexpr std::string_view kBatch = "the option is --batch";
constexpr std::string_view kCut = "to assign layers by hand, see --layers of `exogpu serve` and `exogpu plan`";
constexpr std::string_view kMapped = "weights stay in the mapped file if the device can use them there; leave it out";

constexpr auto kForeignOptions = std::to_array<ForeignOption>({
    {"-ngl", kAssigned},
    {"--n-gpu-layers", kAssigned},
    {"--gpu-layers", kAssigned},
    {"--num-gpu", kAssigned},
    {"-fa", kFlashAttention},
    {"--flash-attn", kFlashAttention},
    {"-np", "the option is --parallel"},
    {"-ctk", kKvType},
    {"-ctv", kKvType},
    {"--cache-type-k", kKvType},
    {"--cache-type-v", kKvType},
    {"-m", kModel},
    {"--model", kModel},
    {"-hf", "fetch the model first: exogpu pull ORG/REPO"},
    {"--hf-repo", "fetch the model first: exogpu pull ORG/REPO"},
    {"-f", "write --prompt \"$(cat FILE)\""},
    {"--file", "write --prompt \"$(cat FILE)\""},
    {"-sys", "the option is --system"},
    {"-cnv", kChat},
    {"-i", kChat},
    {"--interactive", kChat},
    {"-ub", kBatch},
    {"--ubatch-size", kBatch},
    {"--jinja", "chat templates are always rendered with Jinja; leave it out"},
    {"--mlock", kMapped},
    {"--no-mmap", kMapped},
    {"-ts", kCut},
    {"--tensor-split", kCut},
    {"-mg", "the option is --device"},
    {"--main-gpu", "the option is --device"},
    {"--gpu", "the option is --device, for example --device gpu"},
});

}  // namespace

std::optional<std::string_view> advice_for_foreign_option(std::string_view name) {
  const auto* const found = std::ranges::find(kForeignOptions, name, &ForeignOption::name);
  return found == kForeignOptions.end() ? std::nullopt : std::optional(found->advice);
}

}  // namespace exogpu::cli
