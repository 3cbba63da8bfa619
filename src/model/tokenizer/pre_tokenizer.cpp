// The rules of each family of models, as llama.cpp names and applies them: its converter writes tokenizer.ggml.pre.
//
// Where its patterns differ from those the models were trained with, files made by it are encoded its way here, too:
// `\p{Lu}`, `\p{Ll}` and the like mean any letter, and
// no range of characters holds white space.
#include "model/tokenizer/pre_tokenizer.h"

#include <algorithm>
#include <array>

namespace exogpu::model::tokenizer {
namespace {

// Patterns repeat no group and scan no run twice, so that time and memory are linear in the text. [^\P{L}a-z] is a
// letter other than a to z.

#define CONTRACTION R"('(?:[sStTmMdD]|[rR][eE]|[vV][eE]|[lL][lL]))"
#define SPACES R"(\s*[\r\n]+|\s+(?!\S)|\s+)"
#define WORD R"([^\r\n\p{L}\p{N}]?\p{L}+)"
#define OTHERS R"( ?[^\s\p{L}\p{N}]+[\r\n]*)"
#define OTHERS_OR_PATH R"( ?[^\s\p{L}\p{N}]+[\r\n/]*)"
#define GPT2 R"('(?:[stmd]|re|ve|ll)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)"
#define LLAMA3 CONTRACTION "|" WORD R"(|\p{N}{1,3}|)" OTHERS "|" SPACES
#define QWEN2 CONTRACTION "|" WORD R"(|\p{N}|)" OTHERS "|" SPACES
#define DEEPSEEK3_HEAD                                  \
  R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|)" \
  R"([^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+)"
#define DEEPSEEK3 DEEPSEEK3_HEAD R"([\r\n]*|)" SPACES
#define CJK R"([\x{4E00}-\x{9FA5}\x{3040}-\x{309F}\x{30A0}-\x{30FF}]+)"
// Ranges from Samaritan to the last ideographs, and Hangul.
#define ASIAN                                                                                                 \
  R"([\x{800}-\x{167F}\x{1681}-\x{1FFF}\x{200B}-\x{2027}\x{202A}-\x{202E}\x{2030}-\x{205E}\x{2060}-\x{2FFF})" \
  R"(\x{3001}-\x{9FA5}\x{AC00}-\x{D7FF}]+)"
// Words that are split where capitals follow small letters.
#define CASED(upper, lower, suffix) \
  R"([^\r\n\p{L}\p{N}]?)" upper "*" lower "+" suffix R"(|[^\r\n\p{L}\p{N}]?)" upper "+" lower "*" suffix
#define CASED_LETTERS(suffix) CASED(R"([^\P{L}a-z])", R"([^\P{L}A-Z])", suffix)
// The same with combining marks: neither number, punctuation, symbol, separator nor control character.
#define CASED_MARKED(suffix) CASED(R"([^\p{N}\p{P}\p{S}\p{Z}\p{C}a-z])", R"([^\p{N}\p{P}\p{S}\p{Z}\p{C}A-Z])", suffix)
#define HAN \
  R"(\x{3400}-\x{4DBF}\x{4E00}-\x{9FFF}\x{F900}-\x{FAFF}\x{20000}-\x{2A6DF}\x{2A700}-\x{2EBEF}\x{2F800}-\x{2FA1F})"

constexpr std::array kDefault = {
    CutStep{Cut::matches, R"([\p{P}\$\+<=>\^~\|]+)"},
    CutStep{Cut::matches, GPT2},
    CutStep{Cut::matches, R"(\p{N}+)"},
    CutStep{Cut::matches, "[0-9][0-9][0-9]"},
};
constexpr std::array kGpt2 = {CutStep{Cut::matches, GPT2}};
constexpr std::array kLlama3 = {CutStep{Cut::matches, LLAMA3}};
constexpr std::array kMiniCpm5 = {
    CutStep{Cut::matches, R"(\p{N}{1,3})"},
    CutStep{Cut::matches, CONTRACTION "|" WORD R"(|\p{N}+|)" OTHERS "|" SPACES},
};
constexpr std::array kJais2 = {
    CutStep{Cut::matches,
            CONTRACTION "|" WORD R"(|\p{N}{1,3}|)" OTHERS
                        R"(|\s*[\r\n]+|\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S))"
                        R"(|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s)"},
};
constexpr std::array kDeepSeekLlm = {
    CutStep{Cut::matches, R"([\r\n])"},
    CutStep{Cut::matches,  // in scripts with upper and lower case
            R"(\s?[A-Za-z\x{B5}\x{C0}-\x{D6}\x{D8}-\x{F6}\x{F8}-\x{1BA}\x{1BC}-\x{1BF}\x{1C4}-\x{293}\x{295}-\x{2AF})"
            R"(\x{370}-\x{373}\x{376}\x{377}\x{37B}-\x{37D}\x{37F}\x{386}\x{388}-\x{38A}\x{38C}\x{38E}-\x{3A1})"
            R"(\x{3A3}-\x{3F5}\x{3F7}-\x{481}\x{48A}-\x{52F}\x{531}-\x{556}\x{10A0}-\x{10C5}\x{13A0}-\x{13F5})"
            R"(\x{13F8}-\x{13FD}\x{1C90}-\x{1CBA}\x{1CBD}-\x{1CBF}\x{1D00}-\x{1D2B}\x{1D6B}-\x{1D77}\x{1D79}-\x{1D9A})"
            R"(\x{1E00}-\x{1F15}\x{1F18}-\x{1F1D}\x{1F20}-\x{1F45}\x{1F48}-\x{1F4D}\x{1F50}-\x{1F57}\x{1F59}\x{1F5B})"
            R"(\x{1F5D}\x{1F5F}-\x{1F7D}\x{1F80}-\x{1FB4}\x{1FB6}-\x{1FBC}\x{1FBE}\x{1FC2}-\x{1FC4}\x{1FC6}-\x{1FCC})"
            R"(\x{1FD0}-\x{1FD3}\x{1FD6}-\x{1FDB}\x{1FE0}-\x{1FEC}\x{1FF2}-\x{1FF4}\x{1FF6}-\x{1FFC}\x{2102}\x{2107})"
            R"(\x{210A}-\x{2113}\x{2115}\x{2119}-\x{211D}\x{2124}\x{2126}\x{2128}\x{212A}-\x{212D}\x{212F}-\x{2134})"
            R"(\x{2139}\x{213C}-\x{213F}\x{2145}-\x{2149}\x{214E}\x{2183}\x{2184}\x{2C00}-\x{2C7B}\x{2C7E}-\x{2CE4})"
            R"(\x{2CEB}-\x{2CEE}\x{2CF2}\x{2CF3}\x{A640}-\x{A66D}\x{A680}-\x{A69B}\x{A722}-\x{A76F}\x{A771}-\x{A787})"
            R"(\x{A78B}-\x{A78E}\x{AB70}-\x{ABBF}\x{FB00}-\x{FB06}\x{FB13}-\x{FB17}\x{FF21}-\x{FF3A}\x{FF41}-\x{FF5A})"
            R"(\x{10400}-\x{1044F}\x{104B0}-\x{104D3}\x{104D8}-\x{104FB}\x{10C80}-\x{10CB2}\x{10CC0}-\x{10CF2})"
            R"(\x{118A0}-\x{118DF}\x{1E900}-\x{1E943}]+)"},
    CutStep{Cut::matches, R"(\s?[!-/:-~\x{FF01}-\x{FF0F}\x{FF1A}-\x{FF5E}\x{2018}-\x{201F}\x{3001}-\x{3002}]+)"},
    CutStep{Cut::end, R"(\s+)"},
    CutStep{Cut::matches, ASIAN},
    CutStep{Cut::matches, R"(\p{N}+)"},
};
constexpr std::array kDeepSeekCoder = {
    CutStep{Cut::matches, R"([\r\n])"}, CutStep{Cut::matches, R"(\s?\p{L}+)"}, CutStep{Cut::matches, R"(\s?\p{P}+)"},
    CutStep{Cut::matches, ASIAN},       CutStep{Cut::matches, R"(\p{N})"},
};
constexpr std::array kDeepSeek3 = {
    CutStep{Cut::matches, R"(\p{N}{1,3})"},
    CutStep{Cut::matches, CJK},
    CutStep{Cut::matches, DEEPSEEK3},
};
constexpr std::array kSpark = {
    CutStep{Cut::matches, R"(\p{N}{1,3})"},
    CutStep{Cut::matches, CJK},
    CutStep{Cut::matches, DEEPSEEK3_HEAD R"(|[\r\n]|\s+(?!\S)|\s+)"},
    CutStep{Cut::matches, R"(\p{N})"},
};
constexpr std::array kYoutu = {
    CutStep{Cut::matches, R"([\x{AC00}-\x{D7A3}\x{3131}-\x{318E}]+|[\x{FF01}\x{2026}\x{201C}\x{201D}\x{2018}\x{2019})"
                          R"(\x{2014}\x{FF1A}\x{FF1B}\x{FF0C}\x{3001}-\x{303F}\x{FE30}-\x{FE4F}]+|)"
                          R"([\x{3105}-\x{312F}]+|)" CJK},
    CutStep{Cut::matches, R"([^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+(?:)" CONTRACTION R"()?|\p{N}|)" OTHERS_OR_PATH "|" SPACES},
};
constexpr std::array kFalcon = {
    CutStep{Cut::matches, R"([\p{P}\$\+<=>\^~\|`]+)"},
    CutStep{Cut::matches, GPT2},
    CutStep{Cut::matches, "[0-9][0-9][0-9]"},
};
constexpr std::array kStarCoder = {
    CutStep{Cut::matches, R"(\p{N})"},
    CutStep{Cut::matches, GPT2},
};
constexpr std::array kQwen2 = {CutStep{Cut::matches, QWEN2}};
constexpr std::array kQwen35 = {
    CutStep{Cut::matches,
            CONTRACTION R"(|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|)" SPACES},
};
#define BLOOM R"( ?[^(\s|.,!?\x{2026}\x{3002}\x{FF0C}\x{3001}\x{964}\x{6D4}\x{60C})]+)"
constexpr std::array kBloom = {CutStep{Cut::matches, BLOOM}};
constexpr std::array kViking = {
    CutStep{Cut::matches, BLOOM},
    CutStep{Cut::matches, R"(\p{N})"},
};
constexpr std::array kTekken = {
    CutStep{Cut::matches, CASED_LETTERS("") R"(|\p{N}|)" OTHERS_OR_PATH "|" SPACES},
};
constexpr std::array kChameleon = {
    CutStep{Cut::matches, "<sentinel:[0-9]+>"},       CutStep{Cut::matches, "IMGIMG[A-I]{1,4}Z"},
    CutStep{Cut::matches, R"([\t\n]|    |  )"},       CutStep{Cut::matches, R"(\p{N})"},
    CutStep{Cut::matches, R"([\p{P}!-/:-@\[-`{-~])"}, CutStep{Cut::matches, GPT2},
};
constexpr std::array kGpt4o = {
    CutStep{Cut::matches, CASED_LETTERS("(?:" CONTRACTION ")?") R"(|\p{N}{1,3}|)" OTHERS_OR_PATH "|" SPACES},
};
constexpr std::array kGraniteMulti = {
    CutStep{Cut::matches, CASED_MARKED("(?:" CONTRACTION ")?") R"(|\p{N}{1,3}|)" OTHERS_OR_PATH "|" SPACES},
};
constexpr std::array kTinyAya = {
    CutStep{Cut::digits_after, R"(\p{N}+)"},
    CutStep{Cut::matches,
            R"([^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+(?:)" CONTRACTION R"()?|\p{N}{1,3}|)" OTHERS_OR_PATH "|" SPACES},
};
constexpr std::array kKimi = {
    CutStep{Cut::matches,
            "[" HAN R"(]+|[^\r\n\p{L}\p{N}]?[^\P{L})" HAN "]+(?:" CONTRACTION R"()?|\p{N}{1,3}|)" OTHERS "|" SPACES},
};
constexpr std::array kSuperBpe = {
    CutStep{Cut::matches, R"(\p{N}+)"},
    CutStep{Cut::digits_before, "[0-9]+"},
};
constexpr std::array kBailing = {
    CutStep{Cut::matches, CONTRACTION "|" WORD R"(|\p{N}|)" OTHERS R"(|\s*[\r\n]|\s+(?!\S)|\s+)"},
};
constexpr std::array kSeedCoder = {
    CutStep{Cut::matches, CONTRACTION "|" WORD R"(|\p{N}| ?[^\s\p{L}\p{N}\r\n]+|)" SPACES},
};
constexpr std::array kUfakZeka = {CutStep{Cut::matches, WORD R"(|\p{N}|)" OTHERS "|" SPACES}};
constexpr std::array kAfMoe = {
    CutStep{Cut::digits_after, R"(\p{N}+)"},
    CutStep{Cut::matches, R"([\x{4E00}-\x{9FFF}\x{3400}-\x{4DBF}\x{8C48}-\x{FAFF}\x{3040}-\x{30FF}\x{FF65}-\x{FF9F})"
                          R"(\x{2F00}-\x{2FDF}\x{E40}-\x{EFF}\x{1780}-\x{17FF}\x{1000}-\x{109F}\x{1100}-\x{11FF}]+)"},
    CutStep{Cut::matches, DEEPSEEK3},
};
constexpr std::array kLaguna = {
    CutStep{Cut::matches, R"([^\n]+|\n+)"},
    CutStep{Cut::matches, QWEN2},
};
constexpr std::array kExaoneMoe = {
    // a piece has several words
    CutStep{Cut::matches, CONTRACTION R"(|[^\r\n\p{L}\p{N}]?\p{L}(?:[\p{L}\p{M}]++| (?=\p{L}))*+|\p{N}|)"
                                      R"( ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+)"},
};
constexpr std::array kHorizon = {
    CutStep{Cut::matches, R"('\x{17F}|)" CONTRACTION
                          R"(|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}\x{200C}\x{200D}]+|\p{N}{1,3}|)" OTHERS "|" SPACES},
};
constexpr std::array kLines = {CutStep{Cut::matches, R"([^\n]+|\n+)"}};
constexpr std::array kSpacedWords = {CutStep{Cut::matches, R"(\x{2581}[^\x{2581}\n]*|[^\x{2581}\n]+|\n+)"}};
constexpr std::array kWhiteSpace = {CutStep{Cut::matches, R"([^\s]+)"}};

constexpr PreTokenizer kPreTokenizers[] = {
    {.name = "default", .steps = kDefault},
    {.name = "minicpm5", .steps = kMiniCpm5, .whole_pieces = true},
    {.name = "llama3", .steps = kLlama3, .whole_pieces = true, .adds_bos = true},
    {.name = "llama-v3", .steps = kLlama3, .whole_pieces = true, .adds_bos = true},
    {.name = "llama-bpe", .steps = kLlama3, .whole_pieces = true, .adds_bos = true},
    {.name = "falcon3", .steps = kLlama3, .whole_pieces = true, .adds_bos = true},
    {.name = "falcon-h1", .steps = kLlama3, .whole_pieces = true, .adds_bos = true},
    {.name = "pixtral", .steps = kLlama3, .whole_pieces = true, .adds_bos = true},
    {.name = "midm-2.0", .steps = kLlama3, .whole_pieces = true, .adds_bos = true},
    {.name = "lfm2", .steps = kLlama3, .whole_pieces = true, .adds_bos = true},
    {.name = "jina-v5-nano", .steps = kLlama3, .whole_pieces = true, .adds_bos = true},
    {.name = "dbrx", .steps = kLlama3},
    {.name = "smaug-bpe", .steps = kLlama3},
    {.name = "glm4", .steps = kLlama3, .whole_pieces = true},
    {.name = "chatglm-bpe", .steps = kLlama3},
    {.name = "glm5", .steps = kLlama3, .whole_pieces = true},
    {.name = "jais-2", .steps = kJais2},
    {.name = "deepseek-llm", .steps = kDeepSeekLlm},
    {.name = "deepseek-coder", .steps = kDeepSeekCoder},
    {.name = "deepseek-v3", .steps = kDeepSeek3},
    {.name = "hunyuan-dense", .steps = kDeepSeek3},
    {.name = "joyai-llm", .steps = kDeepSeek3},
    {.name = "hy_v4", .steps = kDeepSeek3},
    {.name = "spark2_5", .steps = kSpark},
    {.name = "youtu", .steps = kYoutu, .whole_pieces = true},
    {.name = "falcon", .steps = kFalcon},
    {.name = "starcoder", .steps = kStarCoder},
    {.name = "refact", .steps = kStarCoder},
    {.name = "command-r", .steps = kStarCoder},
    {.name = "smollm", .steps = kStarCoder},
    {.name = "codeshell", .steps = kStarCoder},
    {.name = "exaone", .steps = kStarCoder},
    {.name = "minerva-7b", .steps = kStarCoder},
    {.name = "mellum2", .steps = kStarCoder},
    {.name = "gpt-2", .steps = kGpt2},
    {.name = "gpt-neox", .steps = kGpt2},  // the family's own files name none; its rules are those of GPT-2
    {.name = "phi-2", .steps = kGpt2},
    {.name = "jina-es", .steps = kGpt2},
    {.name = "jina-de", .steps = kGpt2},
    {.name = "jina-v1-en", .steps = kGpt2},
    {.name = "jina-v2-code", .steps = kGpt2},
    {.name = "jina-v2-es", .steps = kGpt2},
    {.name = "jina-v2-de", .steps = kGpt2},
    {.name = "roberta-bpe", .steps = kGpt2},
    {.name = "gigachat", .steps = kGpt2},
    {.name = "a.x-4.0", .steps = kGpt2},
    {.name = "mellum", .steps = kGpt2},
    {.name = "modern-bert", .steps = kGpt2},
    {.name = "exaone4", .steps = kGpt2},
    {.name = "mpt", .steps = kGpt2},
    {.name = "olmo", .steps = kGpt2},
    {.name = "jais", .steps = kGpt2},
    {.name = "trillion", .steps = kGpt2},
    {.name = "granite-docling", .steps = kGpt2},
    {.name = "qwen2", .steps = kQwen2},
    {.name = "deepseek-r1-qwen", .steps = kQwen2},
    {.name = "kormo", .steps = kQwen2},
    {.name = "f2llmv2", .steps = kQwen2},
    {.name = "stablelm2", .steps = kQwen2},
    {.name = "megrez", .steps = kQwen2},
    {.name = "hunyuan", .steps = kQwen2},
    {.name = "solar-open", .steps = kQwen2},
    {.name = "grok-2", .steps = kQwen2},
    {.name = "qwen35", .steps = kQwen35},
    {.name = "poro-chat", .steps = kBloom},
    {.name = "bloom", .steps = kBloom},
    {.name = "gpt3-finnish", .steps = kBloom},
    {.name = "viking", .steps = kViking},
    {.name = "tekken", .steps = kTekken, .whole_pieces = true, .adds_bos = true},
    {.name = "chameleon", .steps = kChameleon, .adds_bos = true},
    {.name = "gpt-4o", .steps = kGpt4o},
    {.name = "llama4", .steps = kGpt4o},
    {.name = "kanana2", .steps = kGpt4o},
    {.name = "talkie", .steps = kGpt4o},
    {.name = "minimax-m2", .steps = kGpt4o},
    {.name = "granite-embed-multi-97m", .steps = kGraniteMulti, .whole_pieces = true},
    {.name = "tiny_aya", .steps = kTinyAya},
    {.name = "cohere2moe", .steps = kTinyAya},
    {.name = "kimi-k2", .steps = kKimi},
    {.name = "superbpe", .steps = kSuperBpe},
    {.name = "bailingmoe", .steps = kBailing},
    {.name = "bailingmoe2", .steps = kBailing},
    {.name = "llada-moe", .steps = kBailing},
    {.name = "seed-coder", .steps = kSeedCoder},
    {.name = "ufakzeka", .steps = kUfakZeka},
    {.name = "afmoe", .steps = kAfMoe},
    {.name = "laguna", .steps = kLaguna},
    {.name = "exaone-moe", .steps = kExaoneMoe},
    {.name = "k2-horizon", .steps = kHorizon},
    {.name = "gemma4",
     .steps = kLines,
     .insists_on_bos = true,
     .raw = true,
     .escapes_spaces = true,
     .whole_newlines = true},
    {.name = "granite-embed-multi-311m",
     .steps = kLines,
     .insists_on_bos = true,
     .raw = true,
     .escapes_spaces = true,
     .whole_newlines = true},
    {.name = "mmbert",
     .steps = kSpacedWords,
     .raw = true,
     .escapes_spaces = true,
     .whole_newlines = true,
     .spaced_words = true},
    {.name = "sarvam-moe", .steps = kLines, .raw = true, .escapes_spaces = true},
    {.name = "whitespace", .steps = kWhiteSpace, .raw = true},
};

}  // namespace

const PreTokenizer* find_pre_tokenizer(std::string_view name) {
  const auto* found = std::ranges::find(kPreTokenizers, name.empty() ? "default" : name, &PreTokenizer::name);
  return found == std::end(kPreTokenizers) ? nullptr : found;
}

}  // namespace exogpu::model::tokenizer
