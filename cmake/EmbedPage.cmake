# cmake -DDIST=folder -DOUT=assets.cpp -P EmbedPage.cmake: compresses the files of the folder to byte arrays.
file(GLOB_RECURSE files RELATIVE ${DIST} ${DIST}/*)
list(SORT files)
set(arrays "")
set(rows "")
set(number 0)
foreach(path ${files})
  file(SHA256 ${DIST}/${path} hash)
  string(SUBSTRING ${hash} 0 16 hash)
  set(compressed ${OUT}.gz)
  file(ARCHIVE_CREATE OUTPUT ${compressed} PATHS ${DIST}/${path} FORMAT raw COMPRESSION GZip COMPRESSION_LEVEL 9)
  file(READ ${compressed} bytes HEX)
  file(SIZE ${compressed} size)
  file(REMOVE ${compressed})
  string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(APPEND arrays "const unsigned char kBytes${number}[] = {\n${bytes}};\n")
  string(APPEND rows
    "    {.path = \"${path}\", .hash = \"${hash}\", .gzip = {reinterpret_cast<const char*>(kBytes${number}), ${size}}},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE ${OUT} "#include \"api/page/assets.h\"

namespace exogpu::api {
namespace {

${arrays}
const Asset kAssets[] = {
${rows}};

}  // namespace

std::span<const Asset> page_assets() { return kAssets; }

}  // namespace exogpu::api
")
