// What a generation's listener receives, as lines; and a node's thread without a thread.
#pragma once

#include <deque>
#include <format>
#include <memory>
#include <string>
#include <vector>

#include "node/service.h"

namespace exogpu::node::testing {

// Records every call: "prompt 3", "0: text", "0 ends: length", "error: ...".
class GenerationLog final : public GenerationListener {
 public:
  void on_prompt(uint32_t prompt_tokens) override { lines.push_back(std::format("prompt {}", prompt_tokens)); }
  void on_piece(uint32_t answer, const model::AnswerPiece& piece, std::span<const TokenReport> tokens) override {
    texts[answer] += piece.text;
    reports += tokens.size();
  }
  void on_embedding(std::span<const float> values) override {
    lines.push_back(std::format("{} values, the first {}", values.size(), values.front()));
  }
  void on_end(uint32_t answer, const engine::GenerateStats& stats) override {
    lines.push_back(std::format("{} ends: {}, {} tokens", answer, to_string(stats.reason), stats.answer_tokens));
    reused = stats.prompt_reused;
  }
  void on_shortened(uint32_t removed) override { lines.push_back(std::format("{} removed", removed)); }
  void on_refused(const wire::QueuePlace& place) override { lines.push_back(std::format("place {}", place.position)); }
  void on_error(const Error& error) override { lines.push_back("error: " + error.message); }

  std::vector<std::string> lines;
  std::map<uint32_t, std::string> texts;  // of each answer
  size_t reports = 0;
  uint32_t reused = 0;
};

// Runs tasks on request, in their order.
class TaskQueue {
 public:
  using Task = std::move_only_function<void()>;
  void post(Task task) { tasks_.push_back(std::move(task)); }
  void run() {
    while (!tasks_.empty()) {
      Task task = std::move(tasks_.front());
      tasks_.pop_front();
      task();
    }
  }

 private:
  std::deque<Task> tasks_;
};

}  // namespace exogpu::node::testing
