#include "model/file_kind.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace exogpu::model {
namespace {

using namespace std::literals;

struct Signature {
  std::string_view start;
  std::string_view phrase;
};

constexpr std::array kSignatures = {
    Signature{"version https://git-lfs"sv,
              "it is a Git LFS pointer instead of the real file; fetch that with `git lfs pull`"sv},
    Signature{"PK\x03\x04"sv,
              "it looks like a zip archive or a PyTorch checkpoint; unpack it, or convert it to GGUF first"sv},
    Signature{"\x80\x02"sv, "it looks like a PyTorch checkpoint; convert it to GGUF first"sv},
    Signature{"\x1f\x8b"sv, "it looks like a gzip archive; unpack it first"sv},
    Signature{"BZh"sv, "it looks like a bzip2 archive; unpack it first"sv},
    Signature{"\xfd"
              "7zXZ"sv,
              "it looks like an xz archive; unpack it first"sv},
    Signature{"7z\xbc\xaf"sv, "it looks like a 7-Zip archive; unpack it first"sv},
    Signature{"\x28\xb5\x2f\xfd"sv, "it looks like a zstd archive; unpack it first"sv},
    Signature{"\x89HDF"sv, "it looks like an HDF5 (Keras) file; convert the model to GGUF first"sv},
    Signature{"\x93NUMPY"sv, "it looks like a NumPy array; convert the model to GGUF first"sv},
    Signature{"lmgg"sv, "it is a GGML file from before GGUF; convert the model again"sv},
    Signature{"fmgg"sv, "it is a GGML file from before GGUF; convert the model again"sv},
    Signature{"tjgg"sv, "it is a GGJT file from before GGUF; convert the model again"sv},
    Signature{"algg"sv, "it is a GGLA adapter from before GGUF; convert it again"sv},
    Signature{"\x7f"
              "ELF"sv,
              "it is a program"sv},
};

bool is_text(std::string_view head) {
  return std::ranges::all_of(head, [](unsigned char c) { return c >= 0x20 || c == '\t' || c == '\n' || c == '\r'; });
}

// Starts with the length of a JSON header (u64), then the header.
bool is_safetensors(std::string_view head, uint64_t file_bytes) {
  if (head.size() < 10) return false;
  uint64_t header = 0;
  std::memcpy(&header, head.data(), sizeof header);
  return header >= 2 && header < file_bytes && head[8] == '{' && (head[9] == '"' || head[9] == '}' || head[9] == ' ');
}

}  // namespace

std::string_view describe_foreign_file(std::span<const std::byte> bytes) {
  if (bytes.empty()) return "it is empty; download or copy it again";
  std::string_view head(reinterpret_cast<const char*>(bytes.data()), std::min<size_t>(bytes.size(), 512));
  for (const Signature& signature : kSignatures) {
    if (head.starts_with(signature.start)) return signature.phrase;
  }
  if (is_safetensors(head, bytes.size())) return "it looks like safetensors; convert it to GGUF first";
  if (std::ranges::all_of(head, [](char c) { return c == 0; })) {
    return "it begins with zeros, like an incomplete download; download it again";
  }
  if (is_text(head)) {
    size_t start = std::min(head.find_first_not_of(" \t\r\n"), head.size() - 1);
    if (head[start] == '<') return "it looks like a web page; the download address was not that of the model file";
    if (head[start] == '{' || head[start] == '[') return "it looks like JSON; name the .gguf file instead";
    return "it looks like text; name the .gguf file instead";
  }
  return "its first bytes are not `GGUF`; name a .gguf file, or download it again";
}

}  // namespace exogpu::model
