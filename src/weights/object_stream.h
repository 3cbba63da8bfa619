// The bytes of one object as they arrive: hashed, written, and committed when the hash is right.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "security/hash.h"
#include "weights/partial_model.h"

namespace exogpu::weights {

// One thread at a time: the jobs of one lane of the hashing threads.
class ObjectStream {
 public:
  ObjectStream(std::shared_ptr<PartialModel> model, ObjectIndex object, const Sha256& sha256)
      : model_(std::move(model)), object_(object), sha256_(sha256) {}

  // The bytes from `offset` of the object on; `last` with its last byte. Returns nothing before that; then true if the
  // hash is right and the object is committed, false if the hash is wrong. Errors: those of PartialModel::write() and
  // commit().
  std::optional<Result<bool>> add(uint64_t offset, std::span<const std::byte> bytes, bool last) {
    // An earlier fetch of the same object may have committed it while this one was starting.
    if (model_->has(object_)) return last ? std::optional<Result<bool>>(true) : std::nullopt;
    if (!failed_) {
      hash_.update(bytes);
      if (auto written = model_->write(object_, offset, bytes); !written) failed_ = written.error();
    }
    if (failed_) return std::unexpected(*failed_);
    if (!last) return std::nullopt;
    if (hash_.finish() != sha256_) return false;
    if (auto committed = model_->commit(object_); !committed) return std::unexpected(committed.error());
    return true;
  }

 private:
  std::shared_ptr<PartialModel> model_;
  ObjectIndex object_;
  Sha256 sha256_;
  security::Sha256Stream hash_;
  std::optional<Error> failed_;
};

}  // namespace exogpu::weights
