// A model of the cluster to which a node of this process belongs.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "capi/node_object.h"
#include "capi/text_model.h"

namespace exogpu::capi {

class NodeModel final : public TextModel {
 public:
  NodeModel(std::shared_ptr<NodeObject> node, std::string name) : node_(std::move(node)), name_(std::move(name)) {}

  Result<std::string> json() override;
  Result<std::vector<model::TokenId>> tokenize(std::string_view text, const model::EncodeOptions& options) override;
  Result<std::string> detokenize(std::span<const model::TokenId> tokens) override;
  Result<std::string> render(const std::string& messages) override;
  Result<std::vector<float>> embed(std::string_view text) override;
  Result<engine::GenerateStats> generate(const AnswerRequest& request, const OnText& on_text,
                                         const std::stop_token& cancel) override;

 private:
  Result<std::shared_ptr<node::ModelText>> text() const;

  std::shared_ptr<NodeObject> node_;
  std::string name_;
};

}  // namespace exogpu::capi
