// Any bytes as headers: refused, or exactly what encoding them again gives.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "wire/frame.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace exogpu::wire;
  const auto bytes = std::as_bytes(std::span(data, size));
  if (size < kPieceHeaderBytes + kFrameHeaderBytesMin) return 0;
  const auto piece = decode_piece(bytes.first<kPieceHeaderBytes>());
  if (!piece) return 0;
  if (!std::ranges::equal(encode(*piece), bytes.first<kPieceHeaderBytes>())) std::abort();
  const auto rest = bytes.subspan(kPieceHeaderBytes);
  const auto length = frame_header_bytes(rest.first<kFrameHeaderBytesMin>());
  if (!length || *length > rest.size()) return 0;
  const auto frame = decode_frame(rest.first(*length), piece->lane);
  if (!frame) return 0;
  if (!std::ranges::equal(encode(*frame).span(), rest.first(*length))) std::abort();
  if (!check_frame(*frame, piece->lane)) std::abort();
  return 0;
}
