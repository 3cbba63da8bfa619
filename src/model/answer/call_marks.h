// The marks that models write around tool calls and reasoning.
#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <utility>

namespace exogpu::model {

struct MarkPair {
  std::string_view open, close;  // `close` may be empty: what is no call ends the calls
};

inline constexpr auto kCallMarks = std::to_array<MarkPair>({
    {"<tool_call>", "</tool_call>"},                                 // Hermes, Qwen, GLM, Granite 4
    {"<tool_calls>", "</tool_calls>"},                               // Hunyuan
    {"<TOOLCALL>", "</TOOLCALL>"},                                   // Nemotron
    {"<|tool_call|>", "<|/tool_call|>"},                             // Phi 4 mini, Granite 3
    {"<seed:tool_call>", "</seed:tool_call>"},                       // Seed-OSS
    {"<minimax:tool_call>", "</minimax:tool_call>"},                 // MiniMax M2
    {"[TOOL_CALLS]", ""},                                            // Mistral
    {"<|python_tag|>", ""},                                          // Llama 3
    {"<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"},              // DeepSeek
    {"<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"},  // Kimi
    {"<|START_ACTION|>", "<|END_ACTION|>"},                          // Command R7B
    {"<|tool_call_start|>", "<|tool_call_end|>"},                    // LFM2
    {"<function=", ""},                                              // functionary 3.1, Qwen3-Coder without its frame
    {">>>", ""},                                                     // functionary 3.2
});

// Around the single calls of several, and between a name and its arguments.
inline constexpr auto kInnerMarks = std::to_array<std::string_view>({
    "<｜tool▁call▁begin｜>",
    "<｜tool▁call▁end｜>",
    "<｜tool▁sep｜>",
    "<|tool_call_begin|>",
    "<|tool_call_argument_begin|>",
    "<|tool_call_end|>",
    "[CALL_ID]",
    "[ARGS]",
    "</function>",
});

inline constexpr auto kReasoningMarks = std::to_array<MarkPair>({
    {"<think>", "</think>"},
    {"<thinking>", "</thinking>"},
    {"[THINK]", "[/THINK]"},
    {"<seed:think>", "</seed:think>"},
    {"<|START_THINKING|>", "<|END_THINKING|>"},
    {"◁think▷", "◁/think▷"},
});

// Whether `text` begins with `mark`; no value: it is too short to tell.
std::optional<bool> begins_with(std::string_view text, std::string_view mark);

// The number of bytes at the end of `text` that may be the beginning of `mark`, without being all of it.
size_t partial_mark(std::string_view text, std::string_view mark);

std::string_view without_blanks_before(std::string_view text);

}  // namespace exogpu::model
