// Points in time as Ollama writes them: RFC 3339 in UTC.
#pragma once

#include <chrono>
#include <format>
#include <string>

namespace exogpu::api::ollama {

// "2025-01-31T12:00:00.123456Z"
inline std::string time_text(std::chrono::system_clock::time_point time) {
  return std::format("{:%FT%T}Z", std::chrono::floor<std::chrono::microseconds>(time));
}

}  // namespace exogpu::api::ollama
