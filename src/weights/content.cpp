#include "weights/content.h"

#include <algorithm>

namespace exogpu::weights {

Result<std::shared_ptr<const Content>> Content::of_file(std::shared_ptr<const model::Gguf> file,
                                                        ModelManifest manifest) {
  EXO_CHECK(check_headers(manifest, *file));
  std::shared_ptr<Content> content(new Content);
  content->manifest_ = std::move(manifest);
  content->encoded_ = encode(content->manifest_);
  content->id_ = content_id(content->encoded_);
  content->file_ = std::move(file);
  return content;
}

Result<std::shared_ptr<const Content>> Content::of_cache(std::shared_ptr<const PartialModel> model) {
  std::shared_ptr<Content> content(new Content);
  EXO_TRY(content->file_, model->gguf());
  content->manifest_ = model->manifest();
  content->encoded_.assign(model->encoded_manifest().begin(), model->encoded_manifest().end());
  content->id_ = model->content();
  content->partial_ = std::move(model);
  return content;
}

wire::ByteVector Content::present_bits() const {
  if (!partial_) return {};
  const std::vector<bool> present = partial_->present();
  if (std::ranges::all_of(present, [](bool one) { return one; })) return {};
  wire::ByteVector bits((present.size() + 7) / 8);
  for (size_t i = 0; i < present.size(); ++i) {
    if (present[i]) bits[i / 8] |= std::byte{1} << (i % 8);
  }
  return bits;
}

std::span<const std::byte> Content::bytes(ObjectIndex object) const {
  const Object location = manifest_.object(object);
  return file_->part_bytes(location.part).subspan(location.offset, location.bytes);
}

}  // namespace exogpu::weights
