# cmake -DPARTS=a.js;b.js -DOUT=script.cpp -P EmbedScript.cmake: concatenates the parts to a byte array.
set(bytes "")
foreach(part ${PARTS})
  file(READ ${part} hex HEX)
  string(APPEND bytes "${hex}0a")
endforeach()
string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE ${OUT} "#include \"model/jinja/script.h\"

namespace exogpu::model::jinja {

static const unsigned char bytes[] = {
${bytes}0};

std::string_view script() { return {reinterpret_cast<const char*>(bytes), sizeof(bytes) - 1}; }

}  // namespace exogpu::model::jinja
")
