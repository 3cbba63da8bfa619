#include "cli/completion/scripts.h"

namespace exogpu::cli {

// bash completes only the part of a word after its last ":" or "=", so the script cuts off the part before.
constexpr std::string_view kBashCompletion =
    R"sh(# bash completion for exogpu. In ~/.bashrc: source <(exogpu completion bash)
_exogpu() {
  local line word cut current=${COMP_WORDS[COMP_CWORD]}
  COMPREPLY=()
  local before=${COMP_LINE:0:COMP_POINT}
  local whole=${before##*[[:space:]]}
  [[ $current == "=" ]] && current=""
  cut=${whole%"$current"}
  local -a words
  read -r -a words <<< "${before%"$whole"}"
  words=("${words[@]:1}" "$whole")
  while IFS= read -r line; do
    if [[ $line == :files ]]; then
      compopt -o filenames 2>/dev/null
      while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$current")
    else
      word=${line%%$'\t'*}
      COMPREPLY+=("${word#"$cut"}")
    fi
  done < <("${COMP_WORDS[0]}" completion words -- "${words[@]}" 2>/dev/null)
}
complete -F _exogpu exogpu
)sh";

constexpr std::string_view kZshCompletion = R"sh(#compdef exogpu
# zsh completion for exogpu. In ~/.zshrc, after compinit: source <(exogpu completion zsh)
_exogpu() {
  local line
  local -a words_here plain described
  words_here=("${(@Q)words[2,CURRENT]}")
  while IFS= read -r line; do
    if [[ $line == :files ]]; then
      _files
    elif [[ $line == *$'\t'* ]]; then
      described+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
    else
      plain+=("$line")
    fi
  done < <("${words[1]}" completion words -- "${words_here[@]}" 2>/dev/null)
  (( $#described )) && _describe -t exogpu exogpu described
  (( $#plain )) && compadd -a plain
  return 0
}
compdef _exogpu exogpu
)sh";

constexpr std::string_view kFishCompletion = R"sh(# fish completion for exogpu. To keep it:
#   exogpu completion fish > ~/.config/fish/completions/exogpu.fish
function __exogpu_candidates
    set -l words (commandline -opc) (commandline -ct)
    for line in ($words[1] completion words -- $words[2..-1] 2>/dev/null)
        if test "$line" = ":files"
            __fish_complete_path (commandline -ct)
        else
            echo $line
        end
    end
end
complete -c exogpu -f -a "(__exogpu_candidates)"
)sh";

}  // namespace exogpu::cli
