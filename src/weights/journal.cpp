#include "weights/journal.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/assert.h"
#include "security/files.h"

namespace exogpu::weights {
namespace {

constexpr size_t kRecordBytes = 24;
constexpr uint32_t kWritten = 1, kDurable = 2, kGone = 3;
constexpr Bytes kJournalBytesMax = 512 * MiB;

using Record = std::array<std::byte, kRecordBytes>;

template <typename T>
void put(std::byte* at, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) at[i] = static_cast<std::byte>(value >> (8 * i));
}
template <typename T>
T get(const std::byte* at) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>(value | static_cast<T>(at[i]) << (8 * i));
  return value;
}

uint64_t hash_of(std::span<const std::byte> bytes) { return get<uint64_t>(security::sha256(bytes).data()); }

uint64_t check_of(const ContentId& content, const Record& record) {
  std::array<std::byte, wire::kContentIdBytes + 16> bytes;
  std::memcpy(bytes.data(), content.bytes().data(), wire::kContentIdBytes);
  std::memcpy(bytes.data() + wire::kContentIdBytes, record.data(), 16);
  return hash_of(bytes);
}

Record record_of(const ContentId& content, ObjectIndex object, uint32_t kind, uint64_t boot) {
  Record record;
  put(&record[0], object);
  put(&record[4], kind);
  put(&record[8], boot);
  put(&record[16], check_of(content, record));
  return record;
}

}  // namespace

uint64_t Journal::this_boot() {
  static const uint64_t boot = [] {
    std::array<std::byte, 16> random{};
    if (const auto text = security::read_file("/proc/sys/kernel/random/boot_id", 100)) {
      return hash_of(std::as_bytes(std::span(*text)));
    }
    (void)security::random_bytes(random);
    return hash_of(random);
  }();
  return boot;
}

Journal::Journal(PosixFile file, const ContentId& content, uint32_t objects, uint64_t boot)
    : file_(std::move(file)), content_(content), boot_(boot), present_(objects), durable_(objects) {}

Result<Journal> Journal::open(const std::filesystem::path& path, const ContentId& content, uint32_t objects,
                              uint64_t boot) {
  EXO_TRY(PosixFile file, PosixFile::open(path, PosixFile::Mode::append));
  EXO_TRY(const std::string text, security::read_file(path, kJournalBytesMax));
  Journal journal(std::move(file), content, objects, boot);
  size_t at = 0;
  for (; at + kRecordBytes <= text.size(); at += kRecordBytes) {
    Record record;
    std::memcpy(record.data(), text.data() + at, kRecordBytes);
    const auto object = get<uint32_t>(&record[0]), kind = get<uint32_t>(&record[4]);
    const auto written_in = get<uint64_t>(&record[8]), check = get<uint64_t>(&record[16]);
    if (check != check_of(content, record) || object >= objects || kind < kWritten || kind > kGone) break;
    if (kind == kWritten && written_in == boot) journal.present_[object] = true;
    if (kind == kDurable) journal.present_[object] = journal.durable_[object] = true;
    if (kind == kGone) journal.present_[object] = journal.durable_[object] = false;
  }
  if (at < text.size()) EXO_CHECK(journal.file_.resize(at));
  return journal;
}

std::vector<ObjectIndex> Journal::not_durable() const {
  std::vector<ObjectIndex> objects;
  for (ObjectIndex i = 0; i < present_.size(); ++i) {
    if (present_[i] && !durable_[i]) objects.push_back(i);
  }
  return objects;
}

Result<void> Journal::append(std::span<const ObjectIndex> objects, uint32_t kind) {
  std::vector<std::byte> bytes;
  bytes.reserve(objects.size() * kRecordBytes);
  for (const ObjectIndex object : objects) {
    EXO_ASSERT(object < present_.size(), "a journal has records of its model's objects only");
    const Record record = record_of(content_, object, kind, boot_);
    bytes.insert(bytes.end(), record.begin(), record.end());
  }
  return file_.append(bytes);
}

Result<void> Journal::written(ObjectIndex object) {
  EXO_CHECK(append({&object, 1}, kWritten));
  present_[object] = true;
  return {};
}

Result<void> Journal::durable(std::span<const ObjectIndex> objects) {
  EXO_ASSERT(std::ranges::all_of(objects, [&](ObjectIndex object) { return present_.at(object); }),
             "an object is written before it is durable");
  EXO_CHECK(append(objects, kDurable));
  EXO_CHECK(file_.sync());
  for (const ObjectIndex object : objects) durable_[object] = true;
  return {};
}

Result<void> Journal::gone(ObjectIndex object) {
  present_.at(object) = durable_.at(object) = false;
  EXO_CHECK(append({&object, 1}, kGone));
  return file_.sync();
}

}  // namespace exogpu::weights
