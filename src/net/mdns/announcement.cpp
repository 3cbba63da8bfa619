#include "net/mdns/announcement.h"

#include <algorithm>
#include <map>

#include "base/utf8.h"

namespace exogpu::net {
namespace {

using wire::CodeFrom;

constexpr std::string_view kLayout = "1";
// Older programs know only the first value and ignore the other.
constexpr std::string_view kShown = "1", kApproval = "approval";
constexpr size_t kFieldsMax = 32;  // more are ignored

// At most `most` bytes, without cutting a character.
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
    return fail(ErrorCode::corrupt, "an announcement whose {} is empty, too long or not UTF-8 text", field);
  }
  return value;
}

}  // namespace

std::vector<std::string> txt_of(const Announcement& announcement) {
  std::vector<std::string> txt{std::format("txtvers={}", kLayout), "id=" + announcement.node.text(),
                               std::format("name={}", cut(announcement.name, kAnnouncedNameBytesMax)),
                               std::format("version={}", cut(announcement.version, kAnnouncedVersionBytesMax))};
  if (announcement.cluster) txt.push_back("cluster=" + announcement.cluster->text());
  if (announcement.lets_in) txt.emplace_back("lets_in=1");
  if (announcement.pairing)
    txt.push_back(std::format("pairing={}", *announcement.pairing == CodeFrom::member ? kShown : kApproval));
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
    return fail(ErrorCode::corrupt, "an announcement with a layout other than {}", kLayout);
  }
  const auto node = wire::NodeId::parse(fields["id"]);
  if (!node || instance != node->text()) {
    return fail(ErrorCode::corrupt, "an announcement whose id is invalid or differs from the name of its service");
  }
  if (port == 0) return fail(ErrorCode::corrupt, "an announcement without a port");
  Announcement announcement{.node = *node, .port = port, .lets_in = fields["lets_in"] == "1"};
  if (fields["pairing"] == kShown) announcement.pairing = CodeFrom::member;
  if (fields["pairing"] == kApproval) announcement.pairing = CodeFrom::newcomer;
  EXO_TRY(announcement.name, text_field("name", fields["name"], kAnnouncedNameBytesMax));
  EXO_TRY(announcement.version, text_field("version", fields["version"], kAnnouncedVersionBytesMax));
  if (const auto cluster = fields.find("cluster"); cluster != fields.end()) {
    announcement.cluster = wire::ClusterId::parse(cluster->second);
    if (!announcement.cluster) return fail(ErrorCode::corrupt, "an announcement with an invalid cluster id");
  }
  return announcement;
}

}  // namespace exogpu::net
