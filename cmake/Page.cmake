# The page: the files of apps/dashboard/dist, compressed, as one C++ source. They are built from apps/dashboard by
# `npm run build` and are part of the repository, so that building the program needs no node; a test compares them with
# what the sources give.

# Adds the files to `target` as the assets of src/api/page/assets.h.
function(exogpu_embed_page target)
  set(dist ${CMAKE_SOURCE_DIR}/apps/dashboard/dist)
  file(GLOB_RECURSE files CONFIGURE_DEPENDS ${dist}/*)
  set(generated ${CMAKE_BINARY_DIR}/generated/page_assets.cpp)
  set(script ${CMAKE_SOURCE_DIR}/cmake/EmbedPage.cmake)
  add_custom_command(OUTPUT ${generated}
    COMMAND ${CMAKE_COMMAND} -DDIST=${dist} -DOUT=${generated} -P ${script}
    DEPENDS ${files} ${script}
    COMMENT "Embedding the page" VERBATIM)
  target_sources(${target} PRIVATE ${generated})
  set_source_files_properties(${generated} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()
