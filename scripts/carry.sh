# Sourced by the scripts that build packages which bring all their libraries along: scripts/python-wheel, scripts/jvm,
# scripts/swift.
# They set `build` (a finished build of exogpu), `out` (a folder of their own) and `lib` (below it, for the libraries).

# What must be the system's own: glibc, and the loader of Vulkan's drivers.
is_systems() {
  case ${1##*/} in
    libvulkan.so*) return 0 ;;
    libc.so* | libm.so* | libdl.so* | librt.so* | libpthread.so* | libresolv.so* | libutil.so* | ld-linux* | linux-vdso*) return 0 ;;
  esac
  return 1
}

# carry FILE...: copies each and what it needs to `lib`, under the names by which they are looked up.
carry() {
  local file name path
  for file; do
    name=${file##*/}
    [[ ! -e $lib/$name ]] || continue
    cp -L "$file" "$lib/$name"
    while read -r path; do
      is_systems "$path" || carry "$path"
    done < <(ldd "$file" | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p')
  done
}

# Prints the folder of the backends that ggml loads: Debian has one for each version of its interface, side by side.
ggml_backends() {
  local libdir version
  libdir=$(pkg-config --variable=libdir ggml)
  version=$(basename "$(readlink -f "$libdir/libggml.so")" | sed 's/^libggml[.]so[.]\([0-9]*\).*/\1/')
  dirname "$(find "$libdir/ggml/backends$version" "$libdir" -name 'libggml-cpu*.so' 2>/dev/null | head -1)"
}

# collect PATCHELF [PROGRAM...]: fills `lib` with the library of `build`, which is installed below `out`, the programs, and
# all that these need. PATCHELF: that program.
collect() {
  local backends patchelf=$1
  shift
  backends=$(ggml_backends)
  rm -rf "$lib" "$out/prefix"
  mkdir -p "$lib"
  cmake --install "$build" --component library --prefix "$out/prefix" >/dev/null
  carry "$(find "$out/prefix" -name libexogpu.so.0)" "$@"
  local backend
  for backend in $(find "$backends" -name 'libggml-*.so' ! -name 'libggml-base*'); do carry "$backend"; done
  chmod u+w "$lib"/*
  strip --strip-unneeded "$lib"/*
  local file
  for file in "$lib"/*; do "$patchelf" --set-rpath '$ORIGIN' "$file"; done
}

# In `out`: recorder.so, to be loaded before libexogpu.so, notes the calls of tests in EXOGPU_TEST_RECORD, here a `record` that
# does not exist yet; bert.gguf is a model that gives embeddings.
prepare_contract() {
  rm -f "$out/record"
  python3 tests/contract_test.py --recorder "$out/recorder.so"
  "$build/exogpu_tiny_model" bert "$out/bert.gguf" >/dev/null
}
