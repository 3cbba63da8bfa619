#include "net/mdns/announcement.h"

#include <algorithm>
#include <map>

#include "base/utf8.h"

namespace exogpu::net {
namespace {

using wire::CodeFrom;

constexpr std::string_view kLayout = "1";
// Older programs know the first alone, and take the other for nothing.
constexpr std::string_view kShown = "1", kApproval = "approval";
constexpr size_t kFieldsMax = 32;  // more are not looked at

// At most `most` bytes of it, and whole characters.
std::string_view cut(std::string_view text, size_t most) {
  size_t size = 0;
  while (size < text.size()) {
    const size_t length = std::max<size_t>(1, utf8_length(text.substr(size)));
    if (size + length > most) break;
    size += length;
  }
  return text.substr(0, size);
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& letter : result) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  }
  return result;
}

Result<std::string> text_field(std::string_view field, const std::string& value, size_t most) {
  if (value.empty() || value.size() > most || printable(value) != value) {
    return fail(ErrorCode::corrupt, "an announcement whose {} is empty, too long, or not text", field);
  }
  return value;
}

}  // namespace

std::vector<std::string> txt_of(const Announcement& said) {
  std::vector<std::string> txt{std::format("txtvers={}", kLayout), "id=" + said.node.text(),
                               std::format("name={}", cut(said.name, kAnnouncedNameBytesMax)),
                               std::format("version={}", cut(said.version, kAnnouncedVersionBytesMax))};
  if (said.cluster) txt.push_back("cluster=" + said.cluster->text());
  if (said.lets_in) txt.emplace_back("lets_in=1");
  if (said.pairing) txt.push_back(std::format("pairing={}", *said.pairing == CodeFrom::member ? kShown : kApproval));
  return txt;
}

Result<Announcement> announcement_of(std::string_view instance, uint16_t port, std::span<const std::string> txt) {
  std::map<std::string, std::string> fields;
  for (const std::string& entry : txt.first(std::min(txt.size(), kFieldsMax))) {
    const size_t equals = entry.find('=');
    if (equals == 0 || equals == std::string::npos) continue;
    fields.emplace(lower(std::string_view(entry).substr(0, equals)), entry.substr(equals + 1));
  }
  if (fields["txtvers"] != kLayout) {
    return fail(ErrorCode::corrupt, "an announcement of another layout than {}", kLayout);
  }
  const auto node = wire::NodeId::parse(fields["id"]);
  if (!node || instance != node->text()) {
    return fail(ErrorCode::corrupt, "an announcement whose id is none, or not that of its service");
  }
  if (port == 0) return fail(ErrorCode::corrupt, "an announcement without a port");
  Announcement said{.node = *node, .port = port, .lets_in = fields["lets_in"] == "1"};
  if (fields["pairing"] == kShown) said.pairing = CodeFrom::member;
  if (fields["pairing"] == kApproval) said.pairing = CodeFrom::newcomer;
  EXO_TRY(said.name, text_field("name", fields["name"], kAnnouncedNameBytesMax));
  EXO_TRY(said.version, text_field("version", fields["version"], kAnnouncedVersionBytesMax));
  if (const auto cluster = fields.find("cluster"); cluster != fields.end()) {
    said.cluster = wire::ClusterId::parse(cluster->second);
    if (!said.cluster) return fail(ErrorCode::corrupt, "an announcement whose cluster is no cluster's id");
  }
  return said;
}

}  // namespace exogpu::net
