#include "hub/sha256.h"

#include <algorithm>
#include <array>
#include <format>
#include <new>

namespace exogpu::hub {

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  if (!context_) throw std::bad_alloc();
  reset();
}

void Sha256::reset() { EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr); }

void Sha256::update(std::span<const std::byte> bytes) { EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()); }

std::string Sha256::hex() {
  std::array<unsigned char, 32> digest{};
  EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr);
  std::string text;
  for (const unsigned char byte : digest) text += std::format("{:02x}", static_cast<unsigned>(byte));
  return text;
}

std::string as_sha256(std::string_view text) {
  if (text.size() >= 2 && text.starts_with('"') && text.ends_with('"')) text = text.substr(1, text.size() - 2);
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
  const bool good = lower.size() == 64 && lower.find_first_not_of("0123456789abcdef") == lower.npos;
  return good ? lower : "";
}

}  // namespace exogpu::hub
