#include "telemetry/heat/thermal_store.h"

#include <algorithm>
#include <cmath>
#include <format>
#include <fstream>
#include <sstream>
#include <system_error>

namespace exogpu::telemetry {
namespace {

constexpr size_t kFileBytesMax = 64 * 1024;
constexpr double kPowerMaxW = 1e5, kStoredRiseMaxC = 300, kAmbientMostC = 100;
constexpr size_t kNameCharsMax = 300;

bool possible(const ThermalParameters& parameters) {
  const double full_w = parameters.power_max_w;
  return std::abs(parameters.ambient_c) <= kAmbientMostC && full_w > 0 && full_w <= kPowerMaxW &&
         std::ranges::all_of(parameters.c_per_w,
                             [&](double per_w) { return per_w >= 0 && per_w * full_w <= kStoredRiseMaxC; });
}

}  // namespace

std::string to_text(const ThermalBook& book) {
  std::string text;
  for (const auto& [name, parameters] : book) {
    text += std::format("{} {}", parameters.ambient_c, parameters.power_max_w);
    for (const double per_w : parameters.c_per_w) text += std::format(" {}", per_w);
    text += " " + name + "\n";
  }
  return text;
}

ThermalBook thermal_book_of(std::string_view text) {
  ThermalBook book;
  std::istringstream lines{std::string(text.substr(0, kFileBytesMax))};
  for (std::string line; std::getline(lines, line) && book.size() < kThermalDevicesMax;) {
    std::istringstream words(line);
    ThermalParameters parameters;
    words >> parameters.ambient_c >> parameters.power_max_w;
    for (double& per_w : parameters.c_per_w) words >> per_w;
    std::string name;
    std::getline(words >> std::ws, name);
    if (words.bad() || name.empty() || name.size() > kNameCharsMax || !possible(parameters)) continue;
    book.emplace(std::move(name), parameters);
  }
  return book;
}

ThermalBook read_thermal_book(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::string text(kFileBytesMax, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(std::max<std::streamsize>(in.gcount(), 0)));
  return thermal_book_of(text);
}

Result<void> write_thermal_book(const std::filesystem::path& file, const ThermalBook& book) {
  const std::filesystem::path part = file.string() + ".part";
  {
    std::ofstream out(part, std::ios::trunc);
    out << to_text(book);
    if (!out.flush()) return fail(ErrorCode::io_error, "{}: it cannot be written", part.string());
  }
  std::error_code error;
  std::filesystem::rename(part, file, error);
  if (!error) return {};
  return fail(ErrorCode::io_error, "{}: {}", file.string(), error.message());
}

}  // namespace exogpu::telemetry
