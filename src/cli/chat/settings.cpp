#include "cli/chat/settings.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace exogpu::cli {
namespace {

using engine::SamplerSettings;

struct Setting {
  std::string_view name;
  std::string_view help;
  std::string (*show)(const ChatSettings&);
  Result<void> (*read)(ChatSettings&, std::string_view value);
  void (*reset)(ChatSettings&, const ChatSettings& defaults);
};

template <typename T>
Result<T> number(std::string_view text) {
  T value{};
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status == std::errc() && end == text.data() + text.size()) return value;
  if constexpr (std::is_integral_v<T>) {
    return fail(ErrorCode::invalid_argument, "{} is not a whole number from 0 to {}", text,
                std::numeric_limits<T>::max());
  }
  return fail(ErrorCode::invalid_argument, "{} is not a number", text);
}

template <auto field>
constexpr Setting sampler_setting(std::string_view name, std::string_view help) {
  return {
      .name = name,
      .help = help,
      .show = [](const ChatSettings& settings) { return std::format("{}", settings.generate.sampling.*field); },
      .read = [](ChatSettings& settings, std::string_view text) -> Result<void> {
        auto& value = settings.generate.sampling.*field;
        EXO_TRY(value, number<std::remove_reference_t<decltype(value)>>(text));
        return {};
      },
      .reset =
          [](ChatSettings& settings, const ChatSettings& defaults) {
            settings.generate.sampling.*field = defaults.generate.sampling.*field;
          },
  };
}

constexpr Setting max_tokens = {
    .name = "max_tokens",
    .help = "longest answer in tokens; 0: until the context is full",
    .show = [](const ChatSettings& settings) { return std::to_string(settings.generate.tokens_max); },
    .read = [](ChatSettings& settings, std::string_view text) -> Result<void> {
      EXO_TRY(settings.generate.tokens_max, number<uint32_t>(text));
      return {};
    },
    .reset = [](ChatSettings& settings,
                const ChatSettings& defaults) { settings.generate.tokens_max = defaults.generate.tokens_max; },
};

constexpr Setting stop = {
    .name = "stop",
    .help = "text that ends an answer",
    .show =
        [](const ChatSettings& settings) {
          std::string all;
          for (const std::string& text : settings.generate.stops) all += (all.empty() ? "" : ", ") + text;
          return all.empty() ? "none" : all;
        },
    .read = [](ChatSettings& settings, std::string_view text) -> Result<void> {
      settings.generate.stops = {std::string(text)};
      return {};
    },
    .reset = [](ChatSettings& settings,
                const ChatSettings& defaults) { settings.generate.stops = defaults.generate.stops; },
};

constexpr Setting thinking = {
    .name = "thinking",
    .help = "on or off, for models that support both",
    .show =
        [](const ChatSettings& settings) {
          return std::string(!settings.thinking ? "default" : *settings.thinking ? "on" : "off");
        },
    .read = [](ChatSettings& settings, std::string_view text) -> Result<void> {
      if (text != "on" && text != "off") return fail(ErrorCode::invalid_argument, "{} is neither on nor off", text);
      settings.thinking = text == "on";
      return {};
    },
    .reset = [](ChatSettings& settings, const ChatSettings& defaults) { settings.thinking = defaults.thinking; },
};

constexpr auto all_settings = std::to_array<Setting>({
    sampler_setting<&SamplerSettings::temperature>("temperature", "0: always the most likely token"),
    sampler_setting<&SamplerSettings::top_k>("top_k", "only the k most likely tokens; 0: all"),
    sampler_setting<&SamplerSettings::top_p>("top_p",
                                             "only the most likely tokens that together have this probability; 1: all"),
    sampler_setting<&SamplerSettings::min_p>("min_p", "only tokens with this fraction of the greatest probability"),
    sampler_setting<&SamplerSettings::typical_p>("typical_p", "only the most typical tokens; 1: all"),
    sampler_setting<&SamplerSettings::repeat_penalty>("repeat_penalty",
                                                      "above 1: earlier tokens become less likely; 1: none"),
    sampler_setting<&SamplerSettings::presence_penalty>("presence_penalty", "for each token that occurred; 0: none"),
    sampler_setting<&SamplerSettings::frequency_penalty>("frequency_penalty",
                                                         "for each occurrence of a token; 0: none"),
    sampler_setting<&SamplerSettings::penalty_last_n>("penalty_last_n",
                                                      "number of latest tokens that the penalties consider"),
    sampler_setting<&SamplerSettings::seed>("seed", "the same seed gives the same answers"),
    max_tokens,
    stop,
    thinking,
});

Result<const Setting*> find(std::string_view name) {
  std::string key(name);
  std::ranges::replace(key, '-', '_');
  const auto found = std::ranges::find(all_settings, key, &Setting::name);
  if (found != all_settings.end()) return &*found;
  std::string names;
  for (const Setting& setting : all_settings) names += std::format("{}{}", names.empty() ? "" : ", ", setting.name);
  return fail(ErrorCode::invalid_argument, "{}: no such setting; the settings are {}", name, names);
}

SettingLine line_of(const Setting& setting, const ChatSettings& settings) {
  return {setting.name, setting.show(settings), setting.help};
}

}  // namespace

std::vector<SettingLine> list_settings(const ChatSettings& settings) {
  std::vector<SettingLine> lines;
  for (const Setting& setting : all_settings) lines.push_back(line_of(setting, settings));
  return lines;
}

Result<SettingLine> find_setting(const ChatSettings& settings, std::string_view name) {
  EXO_TRY(const Setting* setting, find(name));
  return line_of(*setting, settings);
}

Result<void> change_setting(ChatSettings& settings, std::string_view name, std::string_view value,
                            const ChatSettings& defaults) {
  EXO_TRY(const Setting* setting, find(name));
  ChatSettings changed = settings;
  if (value == "default") {
    setting->reset(changed, defaults);
  } else if (auto read = setting->read(changed, value); !read) {
    return fail(read.error().code, "{}: {}", setting->name, read.error().message);
  }
  // Of any vocabulary: what depends on it cannot be set here.
  EXO_CHECK(engine::check_sampling(changed.generate.sampling, std::numeric_limits<int32_t>::max()));
  settings = std::move(changed);
  return {};
}

}  // namespace exogpu::cli
