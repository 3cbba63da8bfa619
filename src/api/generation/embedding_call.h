// A request for embeddings, by whatever surface it came.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "api/generation/text_call.h"

namespace exogpu::api {

struct Embeddings {
  std::string model;
  std::vector<std::vector<float>> vectors;  // one for each text, in order; as the model computes them
  uint64_t tokens = 0;                      // of all texts
  std::chrono::nanoseconds took{};
};

struct EmbeddingCall {
  std::string model;  // empty if the request names none
  std::vector<node::Prompt> texts;
  node::EmbeddingOptions options;
  std::optional<std::chrono::milliseconds> wait{};
  std::function<std::string(const Embeddings& embeddings)> write;  // the JSON body
  std::string (*error)(const ApiError& error) = to_json;
};

// Texts of one request, as with OpenAI.
inline constexpr size_t kEmbeddedTextsMax = 2048;

// `field` has the texts. Errors: too many texts.
Parsed<TextCall> to_text_call(EmbeddingCall call, const char* field);

// The vector with a length of 1; one of zeros stays as it is.
std::vector<float> normalized(std::vector<float> vector);
// Its values as little-endian F32, in base64 (RFC 4648).
std::string base64_of(const std::vector<float>& vector);

}  // namespace exogpu::api
