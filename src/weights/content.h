// A model as this node can send it: a whole file, or the objects of one that are in the cache.
#pragma once

#include <memory>

#include "model/gguf.h"
#include "weights/partial_model.h"

namespace exogpu::weights {

// Immutable, except that objects of a cached model may be added. Any thread.
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

  bool has(ObjectIndex object) const { return !partial_ || partial_->has(object); }
  // As WeightsAvailability has it: a bit for each object; empty if all are present.
  wire::ByteVector present_bits() const;
  // Where the object is mapped; it must be present. Read it, then check().
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
