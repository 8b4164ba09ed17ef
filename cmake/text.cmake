# The texts of the program: data/text/en/*.toml and po/LANG/*.po become one catalogue a language,
# built into postil_i18n (docs/translation.md).
find_program(MSGFMT msgfmt REQUIRED)
find_program(PYTHON NAMES python3 REQUIRED)
file(GLOB text_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/data/text/en/*.toml ${CMAKE_SOURCE_DIR}/po/*/*.po)
file(GLOB text_languages RELATIVE ${CMAKE_SOURCE_DIR}/po CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/po/*)
set(text_out ${CMAKE_BINARY_DIR}/text)
set(text_files ${text_out}/areas.txt ${text_out}/en.mo)
foreach(language ${text_languages})
  list(APPEND text_files ${text_out}/${language}.mo)
endforeach()
add_custom_command(
  OUTPUT ${text_files}
  COMMAND ${CMAKE_COMMAND} -E env PYTHONDONTWRITEBYTECODE=1 ${PYTHON} ${CMAKE_SOURCE_DIR}/scripts/build-catalogues.py ${CMAKE_SOURCE_DIR} ${text_out}
  DEPENDS ${text_sources} ${CMAKE_SOURCE_DIR}/scripts/build-catalogues.py ${CMAKE_SOURCE_DIR}/scripts/text_tools.py
  VERBATIM)
postil_embed(postil_i18n text_files ${text_out} ${text_files})
