// A cluster, and a model of it, by the API of one of its nodes.
#pragma once

#include <string>
#include <utility>

#include "api/ask.h"
#include "capi/handles.h"
#include "capi/text_model.h"

namespace exogpu::capi {

// Immutable.
struct ClusterObject final : public Object {
  static constexpr Kind kKind = Kind::cluster;
  explicit ClusterObject(api::ApiAddress address) : at(std::move(address)) {}
  api::ApiAddress at;

  // The body of the reply. Errors: those of the connection, and the API's own.
  Result<std::string> get(const std::string& path) const;
};

// Connects with each call.
class ApiModel final : public TextModel {
 public:
  ApiModel(api::ApiAddress at, std::string name) : at_(std::move(at)), name_(std::move(name)) {}

  Result<std::string> json() override;
  Result<std::vector<model::TokenId>> tokenize(std::string_view text, const model::EncodeOptions& options) override;
  Result<std::string> detokenize(std::span<const model::TokenId> tokens) override;
  Result<std::string> render(const std::string& messages) override;
  Result<std::vector<float>> embed(std::string_view text) override;
  Result<engine::GenerateStats> generate(const AnswerRequest& request, const OnText& on_text,
                                         const std::stop_token& cancel) override;

 private:
  api::ApiAddress at_;
  std::string name_;
};

}  // namespace exogpu::capi
