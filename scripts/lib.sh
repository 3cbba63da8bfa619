# Shared by the scripts. To be sourced with bash's strict mode on; defines `root`, `jobs` and a few functions.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

# One compiler process needs up to 1.5 GB.
jobs=$(nproc)
memory_jobs=$(awk '/^MemAvailable:/ { print int($2 / 1500000) }' /proc/meminfo)
((memory_jobs >= jobs)) || jobs=$((memory_jobs > 0 ? memory_jobs : 1))

if ! mkdir -p "$root/build" 2>/dev/null || [[ ! -w $root/build ]]; then
  echo "$root/build is not writable; copy the source tree to a folder of your own" >&2
  exit 1
fi

# The compiler cache needs a writable folder, even without a home folder.
if [[ -z ${CCACHE_DIR:-} ]] && ! { [[ -n ${HOME:-} ]] && mkdir -p "$HOME/.cache/ccache" 2>/dev/null && [[ -w $HOME/.cache/ccache ]]; }; then
  export CCACHE_DIR=$root/build/ccache
fi

# slots_of PRESET: how many tests run side by side. Those of the whole program wait more than they compute; without a
# sanitizer the others take two slots each.
slots_of() {
  if [[ $1 == dev ]]; then echo $((2 * jobs + 2)); else echo $((jobs + 2)); fi
}

# Reads ninja's output and shows progress: on a terminal in one line that changes, else a line for each tenth.
show_progress() {
  local line tenth=0 shown=0
  while IFS= read -r line; do
    [[ $line =~ ^\[([0-9]+)/([0-9]+)\ ([0-9]+) ]] || continue
    local done=${BASH_REMATCH[1]} all=${BASH_REMATCH[2]} seconds=${BASH_REMATCH[3]}
    if [[ -t 1 ]]; then
      printf '\r  %d of %d steps, %d s ' "$done" "$all" "$seconds"
      shown=1
    elif ((10 * done / all > tenth)); then
      tenth=$((10 * done / all))
      printf '  %d of %d steps, %d s\n' "$done" "$all" "$seconds"
    fi
  done
  ((shown == 0)) || echo
}

# configure PRESET OPTION...: prints nothing unless it fails.
configure() {
  local preset=$1 log=$root/build/$1-configure.log
  if ! cmake --preset "$@" >"$log" 2>&1 </dev/null; then
    tail -30 "$log"
    return 1
  fi
}

# build PRESET TARGET...: builds and shows progress; prints the errors if it fails.
build() {
  local preset=$1 log=$root/build/$1.log status=0
  shift
  NINJA_STATUS='[%f/%t %e] ' cmake --build "build/$preset" -j "$jobs" ${1:+--target "$@"} 2>&1 </dev/null |
    tee "$log" | show_progress || status=$?
  if ((status != 0)); then
    grep -E -m 20 -B 1 -A 10 '(^FAILED|[Ee]rror)' "$log" || tail -30 "$log"
    echo "(the whole output is in $log)"
    return 1
  fi
}
