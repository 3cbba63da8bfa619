#include "api/generation/embedding_call.h"

#include <bit>
#include <cmath>
#include <utility>

namespace exogpu::api {

namespace {

using Clock = std::chrono::steady_clock;

class EmbeddingWriter final : public AnswerWriter {
 public:
  using Write = std::function<std::string(const Embeddings&)>;

  EmbeddingWriter(std::string model, size_t texts, Write write, std::string (*write_error)(const ApiError&))
      : embeddings_{.model = std::move(model), .vectors = std::vector<std::vector<float>>(texts)},
        write_(std::move(write)),
        error_(write_error) {}

  std::string events(Delivery) override { return {}; }  // such a request is no stream

  void collect(Delivery delivery) override {
    if (delivery.prompt_tokens) embeddings_.tokens = *delivery.prompt_tokens;
    for (AnswerUpdate& update : delivery.updates) {
      if (!update.embedding.empty()) embeddings_.vectors[update.answer] = std::move(update.embedding);
    }
    embeddings_.took = Clock::now() - begun_;
  }
  std::string whole() const override { return write_(embeddings_); }
  std::string error(const ApiError& error) const override { return error_(error); }

 private:
  Embeddings embeddings_;
  Write write_;
  std::string (*error_)(const ApiError&);
  Clock::time_point begun_ = Clock::now();
};

}  // namespace

Parsed<TextCall> to_text_call(EmbeddingCall call, const char* field) {
  if (call.texts.size() > kEmbeddedTextsMax) {
    return bad_field(field, "invalid_value", "has {} texts, and {} is the most; send several requests",
                     call.texts.size(), kEmbeddedTextsMax);
  }
  TextCall out;
  for (node::Prompt& text : call.texts) {
    node::GenerationRequest& request = out.generations.emplace_back();
    request.model = call.model;
    request.prompt = std::move(text);
    request.embedding = call.options;
    request.wait = call.wait;
  }
  out.writer = [write = std::move(call.write), error = call.error,
                texts = call.texts.size()](const AnswerStart& start) {
    return std::make_unique<EmbeddingWriter>(start.model, texts, write, error);
  };
  return out;
}

std::vector<float> normalized(std::vector<float> vector) {
  double squares = 0;
  for (const float value : vector) squares += static_cast<double>(value) * value;
  if (squares == 0) return vector;
  const double length = std::sqrt(squares);
  for (float& value : vector) value = static_cast<float>(value / length);
  return vector;
}

std::string base64_of(const std::vector<float>& vector) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::vector<uint8_t> bytes;
  bytes.reserve(vector.size() * sizeof(float));
  for (const float value : vector) {
    const auto bits = std::bit_cast<uint32_t>(value);
    for (const unsigned shift : {0U, 8U, 16U, 24U}) bytes.push_back(static_cast<uint8_t>(bits >> shift));
  }
  const auto byte = [&](size_t i) { return i < bytes.size() ? uint32_t{bytes[i]} : 0U; };
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const uint32_t group = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    for (const unsigned shift : {18U, 12U, 6U, 0U}) text += digits[group >> shift & 63];
    for (size_t missing = bytes.size(); missing < i + 3; ++missing) text[text.size() - (i + 3 - missing)] = '=';
  }
  return text;
}

}  // namespace exogpu::api
