// A model as this node can hand it on: a whole file, or what the cache holds of one.
#pragma once

#include <memory>

#include "model/gguf.h"
#include "weights/partial_model.h"

namespace exogpu::weights {

// Never changes, but for what a cached one holds, which may grow. Any thread.
class Content {
 public:
  // The file must be the one that the manifest was made of.
  static Result<std::shared_ptr<const Content>> of_file(std::shared_ptr<const model::Gguf> file,
                                                        ModelManifest manifest);
  // Errors: as PartialModel::gguf(). The model is in use while this lives.
  static Result<std::shared_ptr<const Content>> of_cache(std::shared_ptr<const PartialModel> model);

  const ContentId& id() const { return id_; }
  const ModelManifest& manifest() const { return manifest_; }
  std::span<const std::byte> encoded_manifest() const { return encoded_; }
  const std::shared_ptr<const model::Gguf>& gguf() const { return file_; }

  bool holds(ObjectIndex object) const { return !partial_ || partial_->holds(object); }
  // As WeightsAvailability has it: a bit for each object, none at all when every one is held.
  wire::ByteVector held_bits() const;
  // Where it is mapped; only of what is held. Read it, then check().
  std::span<const std::byte> bytes(ObjectIndex object) const;
  // That the files are still what they were. Errors: as model::Gguf::check().
  Result<void> check() const { return file_->check(); }

 private:
  Content() = default;
  ContentId id_;
  ModelManifest manifest_;
  wire::ByteVector encoded_;
  std::shared_ptr<const model::Gguf> file_;
  std::shared_ptr<const PartialModel> partial_;
};

}  // namespace exogpu::weights
