// The content of a model: its files, and the SHA-256 of their headers and tensors.
//
// Layout, all little-endian; it is the same for the same model on every machine, since its SHA-256 is the model's id:
//   "exogpu model 1\n"
//   u32 parts; for each: file bytes u64, header bytes u64, SHA-256 of the header (all before the first tensor)
//   u32 tensors; for each: part u32, offset u64 from the start of the part, bytes u64, SHA-256, name length u16, name
// Tensors are ordered by part and offset. Bytes between them are padding and count as zeros.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "security/hash.h"
#include "wire/content_id.h"
#include "wire/layer_range.h"
#include "wire/weights.h"

namespace exogpu::weights {

using security::Sha256;
using wire::ContentId;

// Consecutive bytes with a hash: the unit that is requested, sent, verified and cached. Numbered from 0: first the
// headers of the parts, then the tensors.
using ObjectIndex = uint32_t;
struct Object {
  uint32_t part = 0;
  uint64_t offset = 0;
  Bytes bytes = 0;
  Sha256 sha256{};
  friend bool operator==(const Object&, const Object&) = default;
};

struct PartEntry {
  Bytes file_bytes = 0;
  Bytes header_bytes = 0;
  Sha256 header_sha256{};
  friend bool operator==(const PartEntry&, const PartEntry&) = default;
};

struct TensorEntry {
  std::string name;
  Object object;
  friend bool operator==(const TensorEntry&, const TensorEntry&) = default;
};

struct ModelManifest {
  std::vector<PartEntry> parts;
  std::vector<TensorEntry> tensors;

  uint32_t object_count() const { return static_cast<uint32_t>(parts.size() + tensors.size()); }
  Object object(ObjectIndex index) const;
  // "tensor blk.0.attn_q.weight", "the header", "the header of part 2".
  std::string object_name(ObjectIndex index) const;
  // Of all objects.
  Bytes bytes() const;

  friend bool operator==(const ModelManifest&, const ModelManifest&) = default;
};

wire::ByteVector encode(const ModelManifest& manifest);

// The bytes come from a peer or a disk. An accepted manifest encodes to the same bytes; its objects lie inside their
// files and do not overlap. Errors: corrupt, unsupported (another version of the layout).
Result<ModelManifest> decode_manifest(std::span<const std::byte> bytes);

ContentId content_id(std::span<const std::byte> encoded_manifest);

// Which objects a node needs: the headers, which hold tokenizer and metadata, and the tensors that a shard with
// `layers` of the model's `n_layers` reads. An empty layer range needs the headers only.
struct Scope {
  wire::LayerRange layers{};
  uint32_t n_layers = 0;  // as in the model's metadata
  friend bool operator==(const Scope&, const Scope&) = default;
};
// Errors: invalid_argument when the layers are not within the model's.
Result<std::vector<ObjectIndex>> objects_of(const ModelManifest& manifest, const Scope& scope);

}  // namespace exogpu::weights
