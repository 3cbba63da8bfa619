#include "engine/recurrent_memory.h"

#include <algorithm>
#include <cstring>

namespace exogpu::engine {

RecurrentMemory::RecurrentMemory(const Architecture& a, wire::LayerRange layers, const ShardOptions& options,
                                 uint64_t rows, ggml_backend_buffer_type_t home)
    : first_(layers.begin == 0),
      width_(a.activation_width()),
      rows_(rows),
      batch_tokens_(options.batch_tokens),
      states_(a, layers, SequenceStates::rows(options.sequences), home),
      positions_(options.sequences),
      begins_(options.sequences) {}

Bytes RecurrentMemory::input_bytes() const {
  if (empty()) return 0;
  const Bytes each = first_ ? sizeof(model::TokenId) : sizeof(float) * width_;
  return each * rows_;
}

Result<void> RecurrentMemory::load() {
  if (empty()) return {};
  if (first_) {
    tokens_.resize(rows_);
  } else {
    activations_.resize(rows_ * width_);
  }
  return states_.load();
}

StepInputs RecurrentMemory::inputs(uint32_t sequence, uint32_t position, uint32_t count) const {
  if (first_) return {std::span(tokens_).subspan(at(sequence, position), count), {}};
  return {{}, std::span(activations_).subspan(at(sequence, position) * width_, size_t{count} * width_)};
}

void RecurrentMemory::retain(uint32_t sequence, uint32_t position, const StepInputs& inputs) {
  if (first_) {
    std::ranges::copy(inputs.tokens, tokens_.begin() + static_cast<std::ptrdiff_t>(at(sequence, position)));
  } else {
    std::ranges::copy(inputs.activations,
                      activations_.begin() + static_cast<std::ptrdiff_t>(at(sequence, position) * width_));
  }
}

Result<void> RecurrentMemory::catch_up(uint32_t sequence, uint32_t length, const Replay& replay) {
  if (empty()) return {};
  const SequenceStates::Start start = positions_.start(sequence, length);
  if (start.row) states_.copy(*start.row, sequence);
  if (start.cleared) states_.clear(sequence);
  positions_.moved(sequence, start.position);
  for (uint32_t position = start.position; position < length;) {
    const uint32_t count = std::min(batch_tokens_, length - position);
    if (auto done = replay(sequence, position, inputs(sequence, position, count)); !done) {
      positions_.lost(sequence);
      return done;
    }
    position += count;
    positions_.moved(sequence, position);
  }
  return {};
}

void RecurrentMemory::moved(const Batch& batch) {
  if (empty()) return;
  StepInputs rest{batch.tokens, batch.activations};
  for (const SequenceTokens& s : batch.sequences) {
    const uint32_t id = s.sequence.value();
    if (first_) {
      retain(id, s.position, {rest.tokens.first(s.count), {}});
      rest.tokens = rest.tokens.subspan(s.count);
    } else {
      const size_t values = size_t{s.count} * width_;
      retain(id, s.position, {{}, rest.activations.first(values)});
      rest.activations = rest.activations.subspan(values);
    }
    positions_.moved(id, s.position + s.count);
    if (const auto row = positions_.keep(id, s.count)) states_.copy(id, *row);
  }
}

void RecurrentMemory::failed(const Batch& batch) {
  if (empty()) return;
  for (const SequenceTokens& s : batch.sequences) positions_.lost(s.sequence.value());
}

void RecurrentMemory::copy_prefix(uint32_t from, uint32_t to, uint32_t length) {
  if (empty() || from == to) return;
  retain(to, 0, inputs(from, 0, length));
  positions_.lost(to);
  const SequenceStates::Start start = positions_.start(from, length);
  if (start.cleared) return;
  states_.copy(start.row.value_or(from), to);
  positions_.moved(to, start.position);
}

std::span<std::byte> RecurrentMemory::bytes(uint64_t begin, uint64_t count) {
  if (first_) return std::as_writable_bytes(std::span(tokens_).subspan(begin, count));
  return std::as_writable_bytes(std::span(activations_).subspan(begin * width_, count * width_));
}

void RecurrentMemory::copy(const RowMove& move) {
  if (empty()) return;
  const std::span<std::byte> from = bytes(move.from, move.count);
  std::memmove(bytes(move.to, move.count).data(), from.data(), from.size());
}

std::vector<std::byte> RecurrentMemory::read(uint64_t begin, uint64_t count) {
  if (empty()) return {};
  const std::span<std::byte> contents = bytes(begin, count);
  return {contents.begin(), contents.end()};
}

void RecurrentMemory::write(uint64_t begin, uint64_t count, std::span<const std::byte> contents) {
  if (!empty()) std::ranges::copy(contents, bytes(begin, count).begin());
}

}  // namespace exogpu::engine
