# What the scripts share. Sourced, with bash's strict mode on; leaves `root`, `jobs` and a few functions.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

# A compiler takes up to 1.5 GB here.
jobs=$(nproc)
memory_jobs=$(awk '/^MemAvailable:/ { print int($2 / 1500000) }' /proc/meminfo)
((memory_jobs >= jobs)) || jobs=$((memory_jobs > 0 ? memory_jobs : 1))

if ! mkdir -p "$root/build" 2>/dev/null || [[ ! -w $root/build ]]; then
  echo "$root/build cannot be written; copy the source tree to a place of your own" >&2
  exit 1
fi

# The compiler cache needs a place that can be written, also where there is no home.
if [[ -z ${CCACHE_DIR:-} ]] && ! { [[ -n ${HOME:-} ]] && mkdir -p "$HOME/.cache/ccache" 2>/dev/null && [[ -w $HOME/.cache/ccache ]]; }; then
  export CCACHE_DIR=$root/build/ccache
fi

# build PRESET TARGET... : configures and builds quietly; prints what went wrong.
build() {
  local preset=$1 log=$root/build/$1.log
  shift
  if ! { cmake --preset "$preset" && cmake --build "build/$preset" -j "$jobs" ${1:+--target "$@"}; } >"$log" 2>&1 </dev/null; then
    grep -E -m 20 -B 1 -A 10 '(^FAILED|[Ee]rror)' "$log" || tail -30 "$log"
    echo "(the whole output is in $log)"
    return 1
  fi
}
